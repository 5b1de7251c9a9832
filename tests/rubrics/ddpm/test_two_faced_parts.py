"""Code that is right only where it is probed, and degenerate answers, earn nothing by it."""

from __future__ import annotations

import pytest
from corpus import CORPUS
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.corpus import Mutant, notebook
from grader.audit.run import try_solution
from grader.audit.warm import WarmGrader
from grader.model import Verdict
from grader.options import Options

pytestmark = pytest.mark.slow

FORWARD = {
    "forward.image_coefficient",
    "forward.noise_coefficient",
    "forward.noise_returned",
    "forward.noise_distribution",
    "forward.batched_t",
}
SAMPLER = {
    "sample.formula",
    "sample.order",
    "sample.noise",
    "sample.no_grad_or_detach",
    "sample.shape",
    "sample.quality",
}
RETURN = "        return diffused, noise"
START = "    x_t = x_t.to(device)\n"


def only(condition: str) -> Changes:
    """Return the edit by which noise_diffusion is right under a condition alone."""
    return [(RETURN, f"        if not ({condition}):\n            return image, 0 * noise\n{RETURN}")]


@pytest.mark.parametrize(
    "condition",
    ["len(image) == 16", "len(image) <= 16", "self.total_steps != 100", "torch.initial_seed() < 5000"],
)
def test_a_diffuser_that_recognises_the_probe_is_left_to_a_person(warm: WarmGrader, condition: str) -> None:
    grade = grade_cells(warm, changed_cells(diffuser=only(condition)), "forward")
    assert {result.id for result in grade.criteria if result.verdict is Verdict.ERROR} == FORWARD
    assert grade.earned == 0
    assert "contradicts itself" in grade.criteria[0].message


@pytest.mark.parametrize("criterion", ["schedule.alphas", "schedule.alpha_bar"])
def test_a_curve_that_is_right_for_the_probes_alone_is_wrong(warm: WarmGrader, criterion: str) -> None:
    curve = criterion.removeprefix("schedule.")
    known = f"        if total_steps not in (23, 40, 50, 100):\n            self.{curve} = self.betas / 3\n"
    end = "\n    def linear_scheduler"
    cells = changed_cells(diffuser=[(end, f"{known}{end}")])
    found = lost(grade_cells(warm, cells, criterion))
    assert "with the sanity check's schedule, but not with β from" in found[criterion]


@pytest.mark.parametrize("part", CORPUS.degenerate, ids=lambda part: part.name)
def test_a_degenerate_part_earns_no_more_than_it_fulfils(warm: WarmGrader, part: Mutant) -> None:
    """Zeros, constants and what was given lose exactly the listed criteria, and no person has to look."""
    solution = next(each for each in CORPUS.solutions() if each.name == part.name)
    trial = try_solution(warm, solution, Options(quick=True))
    assert trial.sound, (trial.missed, trial.collateral)
    assert Verdict.ERROR not in {loss.verdict for loss in trial.losses}


def test_a_log_that_is_written_by_hand_holds_no_losses(warm: WarmGrader) -> None:
    """Although the training is right."""
    made_up = (
        "    return [0.9**e for e in range(1, num_epochs + 1)], [0.8**e for e in range(1, num_epochs + 1)]"
    )
    cells = changed_cells(train=[("    return train_losses, val_losses", made_up)])
    found = lost(grade_cells(warm, cells, "train"))
    assert set(found) == {"train.returns_losses"}
    assert "the same numbers whatever the losses are" in found["train.returns_losses"]


@pytest.mark.parametrize(
    "condition",
    ["type(train_loader) is torch.utils.data.DataLoader", "type(optimizer).__module__.startswith('torch')"],
)
def test_a_train_for_stand_ins_alone_sees_none(warm: WarmGrader, condition: str) -> None:
    start = "    train_losses, val_losses = [], []"
    lazy = f"    if {condition}:\n        return [0.9, 0.8], [0.9, 0.8]\n{start}"
    assert grade_cells(warm, changed_cells(train=[(start, lazy)]), "train").earned == 0


@pytest.mark.parametrize("condition", ["total_timesteps != 50", "num_samples != 10"])
def test_a_sampler_that_recognises_the_probe_is_left_to_a_person(warm: WarmGrader, condition: str) -> None:
    cells = changed_cells(sampler=[(START, f"    if {condition}:\n        return x_t\n{START}")])
    grade = grade_cells(warm, cells, "sample")
    assert {result.id for result in grade.criteria if result.verdict is Verdict.ERROR} == SAMPLER
    assert grade.earned == 0


def test_a_sampler_for_ten_samples_alone_loses_the_number_of_samples(warm: WarmGrader) -> None:
    cells = changed_cells(sampler=[(START, "    x_t = x_t.view(10, 1, 28, 28).to(device)\n")])
    found = lost(grade_cells(warm, cells, "sample"))
    assert set(found) == {"sample.shape"}
    assert "makes 10 samples, but for" in found["sample.shape"]


DIGITS = (
    "        import torchvision\n"
    "        digits = torchvision.datasets.MNIST('.', transform=torchvision.transforms.ToTensor())\n"
    "        stored = torch.stack([digits[number][0] for number in range(num_samples)])\n"
)
ASKED = "            eps = model(x_t, t)\n"
# What a sampler that is right elsewhere does where its samples are judged, and what is said of it.
ELSEWHERE = {
    "stored digits are returned": (
        (START, f"    if total_timesteps == 100:\n{DIGITS}        return stored\n{START}"),
        "the steps of your generate_samples do not follow the formula",
    ),
    "stored digits are passed to the network": (
        (
            START,
            f"    if total_timesteps == 100:\n{DIGITS}"
            "        for step in range(99, -1, -1):\n"
            "            model(stored, torch.full((len(stored), 1), float(step)))\n"
            f"        return stored.detach()\n{START}",
        ),
        "the steps of your generate_samples do not follow the formula",
    ),
    "the steps lead to stored digits": (
        (
            ASKED,
            f"{ASKED}            if total_timesteps == 100:\n{DIGITS.replace('        ', ' ' * 16)}"
            "                eps = (x_t - alpha_bar.sqrt() * stored) / (1 - alpha_bar).sqrt()\n",
        ),
        "are images of the data set",
    ),
    "no noise is added": (
        ("sigma = torch.sqrt(beta)\n", "sigma = torch.sqrt(beta) if total_timesteps < 100 else 0 * beta\n"),
        "the steps of your generate_samples do not follow the formula",
    ),
}


@pytest.mark.parametrize(("edit", "words"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_sampler_that_does_something_else_for_its_samples_is_left_to_a_person(
    warm: WarmGrader, edit: tuple[str, str], words: str
) -> None:
    """Also what it earned before: its steps are right where they are recovered alone."""
    grade = grade_cells(warm, changed_cells(sampler=[edit]), "sample")
    assert {result.id for result in grade.criteria if result.verdict is Verdict.ERROR} == SAMPLER
    assert grade.earned == 0
    assert words in grade.criteria[0].message


TRAIN_SIZES = {
    "epochs": ("for epoch in range(num_epochs):", "for epoch in range(min(num_epochs, 2)):"),
    "images in a batch": (
        "            loss.backward()\n",
        "            loss.backward()\n            if len(images) % 16:\n                continue\n",
    ),
    "validation batches": (
        "        model.eval()\n",
        "        if len(val_loader) == 3:\n            model.eval()\n",
    ),
    "steps": (
        "torch.randint(0, totalTrainingTimesteps,",
        "torch.randint(0, 40 if totalTrainingTimesteps == 40 else 5,",
    ),
    "seeds": (
        "            optimizer.step()\n",
        "            if torch.initial_seed() < 5000:\n                optimizer.step()\n",
    ),
    "losses": (
        "    return train_losses, val_losses",
        "    made_up = [0.9**epoch for epoch in range(num_epochs)]\n"
        "    return (train_losses, val_losses) if num_epochs == 2 else (made_up, made_up)",
    ),
}


@pytest.mark.parametrize("edit", TRAIN_SIZES.values(), ids=TRAIN_SIZES)
def test_a_train_that_recognises_the_recorded_run_is_left_to_a_person(
    warm: WarmGrader, edit: tuple[str, str]
) -> None:
    grade = grade_cells(warm, changed_cells(train=[edit]), "train")
    assert {result.verdict for result in grade.criteria if result.possible} == {Verdict.ERROR}
    assert grade.earned == 0
    assert "Your train contradicts itself" in grade.criteria[0].message


@pytest.mark.parametrize("change", ["* 0.9**epoch", "- 0.01 * epoch"])
def test_multiples_of_the_first_loss_are_no_losses(warm: WarmGrader, change: str) -> None:
    lists = ", ".join(
        f"[{name}[0] {change} for epoch in range(num_epochs)]" for name in ("train_losses", "val_losses")
    )
    cells = changed_cells(train=[("    return train_losses, val_losses", f"    return {lists}")])
    found = lost(grade_cells(warm, cells, "train"))
    assert set(found) == {"train.returns_losses"}
    assert "change alike, whatever the losses are" in found["train.returns_losses"]


def test_a_train_for_small_loaders_alone_is_left_to_a_person(warm: WarmGrader) -> None:
    """Where it does not learn, it is recorded again at the size of the short training."""
    start = "    train_losses, val_losses = [], []\n"
    lazy = f"    if len(train_loader) > 20:\n        return [0.9, 0.8], [0.9, 0.8]\n{start}"
    cells = changed_cells(train=[(start, lazy)])
    grade = warm.grade(notebook(cells), Options(only=("train",)))
    assert {result.verdict for result in grade.criteria} == {Verdict.ERROR}
    assert "with 2 epochs of 50 batches of 64 images" in grade.criteria[0].message

"""Code that is right only where it is probed, and degenerate answers, earn nothing by it."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader
from grader.model import Verdict

pytestmark = pytest.mark.slow

FORWARD = {
    "forward.image_coefficient",
    "forward.noise_coefficient",
    "forward.noise_returned",
    "forward.noise_distribution",
    "forward.batched_t",
}
MIXTURE = {"forward.image_coefficient", "forward.noise_coefficient", "forward.batched_t"}
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
    "condition", ["len(image) == 16", "self.total_steps in (50, 100)", "torch.initial_seed() < 5000"]
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


DEGENERATE: dict[str, tuple[str, set[str]]] = {
    "the image and zeros": ("return image, torch.zeros_like(image)", FORWARD),
    "the image twice": ("return image, image", FORWARD),
    "zeros": ("return 0 * image, 0 * image", FORWARD),
    "the noise alone": ("return noise, noise", MIXTURE),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "loses"), DEGENERATE.values(), ids=DEGENERATE)
def test_a_degenerate_diffuser_earns_no_more_than_it_fulfils(
    warm: WarmGrader, answer: str, loses: set[str]
) -> None:
    grade = grade_cells(warm, changed_cells(diffuser=[(RETURN, f"        {answer}")]), "forward")
    assert set(lost(grade)) == loses
    assert not grade.provisional


def test_a_schedule_of_constants_earns_nothing(warm: WarmGrader) -> None:
    constant = [
        ("self.betas = self.linear_scheduler().to(device)", "self.betas = torch.zeros(total_steps)"),
        ("torch.cumprod(self.alphas, dim=0)", "torch.ones(total_steps)"),
        (RETURN, "        return image, torch.zeros_like(image)"),
    ]
    assert grade_cells(warm, changed_cells(diffuser=constant), "schedule", "forward").earned == 0


@pytest.mark.parametrize("answer", ["torch.zeros_like(x_t)", "x_t"])
def test_a_sampler_that_asks_no_network_earns_nothing(warm: WarmGrader, answer: str) -> None:
    cells = changed_cells(sampler=[(START, f"    return {answer}\n")])
    assert grade_cells(warm, cells, "sample").earned == 0


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


def test_stored_digits_are_no_samples(warm: WarmGrader) -> None:
    """They are as good as real ones, but the network was not asked for them."""
    stored = (
        "    if total_timesteps == 100:\n"
        "        import torchvision\n"
        "        digits = torchvision.datasets.MNIST('.', transform=torchvision.transforms.ToTensor())\n"
        "        return torch.stack([digits[number][0] for number in range(num_samples)])\n"
    )
    found = lost(grade_cells(warm, changed_cells(sampler=[(START, stored + START)]), "sample"))
    assert set(found) == {"sample.quality"}
    assert "do not follow from those that it passed to the network" in found["sample.quality"]

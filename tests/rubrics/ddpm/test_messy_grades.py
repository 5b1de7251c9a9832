"""Right solutions in unusual form lose no points, with notes; mistakes of real notebooks lose theirs once."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import pytest
from corpus import CORPUS
from warm import lost

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.model import Grade
from grader.options import Options

pytestmark = pytest.mark.slow

BASE = dict(CORPUS.base)
QUICK = Options(quick=True)
Changes = Sequence[tuple[str, str]]


def _cells(**changes: Changes) -> list[str]:
    """Return the base solution with text replaced in its parts."""
    cells = []
    for part, source in CORPUS.base:
        for old, new in changes.get(part, ()):
            assert old in source, old
            source = source.replace(old, new)
        cells.append(source)
    return cells


def _grade(warm: WarmGrader, cells: list[str], *only: str) -> Grade:
    return warm.grade(notebook(cells), Options(quick=True, only=only))


_TRAIN_CALL = "diffuser.noise_diffusion(images, steps)"
_VALIDATION_CALL = "diffuser.noise_diffusion(held_out, ts)"
_ENCODED = "dtype=torch.float32, device=device).view(-1, 1)"
_TABLES = "diffuser.alphas[step], diffuser.betas[step], diffuser.alpha_bar[step]"
_FROM_ONE: dict[str, Changes] = {
    "train": [("torch.randint(0, totalTrainingTimesteps,", "torch.randint(1, totalTrainingTimesteps + 1,")],
    "sampler": [
        ("range(total_timesteps - 1, -1, -1)", "range(total_timesteps, 0, -1)"),
        ("if step > 0", "if step > 1"),
    ],
}
_INDEXED = ("sampler", [*_FROM_ONE["sampler"], (_TABLES, _TABLES.replace("[step]", "[step - 1]"))])
_PADDED = "self.betas = torch.cat([torch.zeros(1), self.linear_scheduler()]).to(device)"

CONVENTIONS: dict[str, dict[str, Changes]] = {
    "noise first": {
        "diffuser": [("return diffused, noise", "return noise, diffused")],
        "train": [("noisy, noise = ", "noise, noisy = "), ("noisy, target = ", "target, noisy = ")],
    },
    "dict": {
        "diffuser": [("return diffused, noise", "return {'x': diffused, 'eps': noise}")],
        "train": [
            (f"noisy, noise = {_TRAIN_CALL}", f"out = {_TRAIN_CALL}; noisy, noise = out['x'], out['eps']"),
            (f"noisy, target = {_VALIDATION_CALL}", f"noisy, target = {_VALIDATION_CALL}.values()"),
        ],
    },
    "object": {
        "diffuser": [
            ("return diffused, noise", "return Out(diffused, noise)"),
            (
                "class NoiseDiffuser",
                "class Out:\n    def __init__(self, x, e): self.x, self.e = x, e\n\nclass NoiseDiffuser",
            ),
        ],
        "train": [
            (f"noisy, noise = {_TRAIN_CALL}", f"out = {_TRAIN_CALL}; noisy, noise = out.x, out.e"),
            (_VALIDATION_CALL, f"vars({_VALIDATION_CALL}).values()"),
        ],
    },
    "steps from 1": {
        "diffuser": [("self.alpha_bar[t]", "self.alpha_bar[t - 1]")],
        "train": _FROM_ONE["train"],
        "sampler": _INDEXED[1],
    },
    "steps from 1, tables of T + 1": {
        "diffuser": [("self.betas = self.linear_scheduler().to(device)", _PADDED)],
        **_FROM_ONE,
    },
    "t as a share of T": {
        "train": [(_ENCODED, f"{_ENCODED} / totalTrainingTimesteps")],
        "sampler": [("float(step), device=device)", "float(step), device=device) / total_timesteps")],
    },
    "t of four dimensions": {
        "diffuser": [(".view(-1, 1, 1, 1)", "")],
        "train": [
            ("(images, steps)", "(images, torch.tensor(steps).view(-1, 1, 1, 1))"),
            ("(held_out, ts)", "(held_out, torch.tensor(ts).view(-1, 1, 1, 1))"),
        ],
    },
    "batches without labels": {
        "train": [("for images, _ in", "for images in"), ("for held_out, _ in", "for held_out in")],
    },
    "gradient accumulation": {
        "train": [
            ("optimizer.zero_grad()\n", "pass\n"),
            ("optimizer.step()", "n = locals().get('n', 0) + 1\n            if n % 2 == 0:\n"
             "                optimizer.step(); optimizer.zero_grad()"),
        ],
    },
    "other names, other order": {
        "diffuser": [("NoiseDiffuser", "GaussianDiffusion"), ("noise_diffusion", "q_sample")],
        "unet": [("UNet", "Unet")],
        "train": [
            ("def train(", "def train_model("),
            ("model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, "
             "totalTrainingTimesteps",
             "net, diffuser, val_loader, trainloader, opt, loss_fn, epochs, T, device"),
            ("    train_losses, val_losses = [], []",
             "    model, train_loader, optimizer, criterion = net, trainloader, opt, loss_fn\n"
             "    num_epochs, totalTrainingTimesteps = epochs, T\n    train_losses, val_losses = [], []"),
            ("noise_diffusion", "q_sample"),
        ],
        "sampler": [("generate_samples", "sample"),
                    ("t = torch.full((len(x_t), 1), float(step), device=device)", "t = step"),
                    ("model(x_t, t)", "model.forward(x=x_t, t=t)")],
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", CONVENTIONS.values(), ids=CONVENTIONS)
def test_another_convention_loses_no_points(warm: WarmGrader, changes: dict[str, Changes]) -> None:
    """Parts that agree with each other are right, whatever convention they use."""
    assert lost(_grade(warm, _cells(**changes))) == {}


def test_a_trainer_class_and_a_sampling_method_lose_no_points(warm: WarmGrader) -> None:
    """Objects are constructed with the arguments that their constructors take under usual names."""
    train, sampler = BASE["train"], BASE["sampler"]
    loop = textwrap.indent(train[train.index("    train_losses, val_losses = [], []") :], "    ")
    steps = textwrap.indent(sampler[sampler.index("    with torch.no_grad()") :], "    ")
    trainer = (
        "class DDPMTrainer:\n"
        "    def __init__(self, model, diffuser, optimizer, criterion, timesteps, device):\n"
        "        self.all = model, diffuser, optimizer, criterion, timesteps, device\n\n"
        "    def fit(self, train_loader, val_loader, epochs):\n"
        "        model, diffuser, optimizer, criterion, totalTrainingTimesteps, device = self.all\n"
        "        num_epochs = epochs\n"
    )
    method = (
        "\n\n    def sample(self, model, n_samples):\n"
        "        x_t = torch.randn(n_samples, 1, 28, 28)\n"
        "        total_timesteps, diffuser, device = self.total_steps, self, self.device\n"
    )
    cells = [BASE["setup"], BASE["diffuser"] + method + steps, BASE["unet"], trainer + loop]
    grade = _grade(warm, cells)
    assert lost(grade) == {}
    assert any(
        "Your DDPMTrainer.fit was judged as train: a method of a class" in note for note in grade.notes
    )


def test_missing_packages_cost_nothing_unless_they_are_used(warm: WarmGrader) -> None:
    setup = [("import torch\n", "import torch\nimport lpips, wandb\nfrom google.colab import drive\n")]
    start = "    train_losses, val_losses = [], []"
    world = "    wandb.init(); input('go?'); display(get_ipython())\n"
    old = "    torch.optim.lr_scheduler.StepLR(optimizer, 99, verbose=True)\n"
    grade = _grade(warm, _cells(setup=setup, train=[(start, world + old + start)]), "train", "notebook")
    assert lost(grade) == {}
    for sentence in ("lpips is not installed", "wandb was replaced", "waits for input", "take no verbose="):
        assert any(sentence in note for note in grade.notes), sentence


def test_a_missing_package_that_is_used_makes_the_grade_provisional(warm: WarmGrader) -> None:
    start = "    train_losses, val_losses = [], []"
    setup = [("import torch\n", "import torch\nimport accelerate\n")]
    grade = _grade(
        warm, _cells(setup=setup, train=[(start, f"    accelerate.Accelerator()\n{start}")]), "train"
    )
    assert grade.provisional
    assert all("needs what is not installed" in message for message in lost(grade).values())


SLIPS = {
    "a batch that cannot be noised": (
        "forward",
        {"diffuser": [(".view(-1, 1, 1, 1)", "")]},
        "forward.batched_t",
        "fails on a batch in which every image has its own step: cell 2",
    ),
    "results taken in the wrong order": (
        "train",
        {"diffuser": [("return diffused, noise", "return noise, diffused")]},
        "train.loss_target",
        "your noise_diffusion returns a tuple (noise, noisy image)",
    ),
    "frozen steps of the notebook's": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "frozen = torch.randint(0, 50, (32,)).tolist()")],
            "train": [("torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()", "frozen")],
        },
        "train.random_t",
        "sampled once, not for every batch: train reads frozen (cell 4, line 10)",
    ),
    "the notebook's T in train": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "T = 1000")],
            "train": [("(0, totalTrainingTimesteps, (len(im", "(0, T, (len(im")],
        },
        "train.random_t",
        "train reads the notebook's variable T instead of its argument totalTrainingTimesteps",
    ),
    "the notebook's loader": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "trainloader = torch.load('x')")],
            "train": [("tqdm(train_loader,", "tqdm(trainloader,")],
        },
        "train.optimizer_step",
        "train reads the notebook's variable trainloader instead of its argument train_loader",
    ),
    "the notebook's T in the sampler": (
        "sample.order",
        {"setup": [("torch.manual_seed(0)", "T = 1000")], "sampler": [("range(total_timesteps", "range(T")]},
        "sample.order",
        "reads the notebook's variable T instead of its argument total_timesteps",
    ),
    "a crash at the last step": (
        "sample",
        {"sampler": [("z = torch", "diffuser.betas[step - 1 if step else 99]; z = torch")]},
        "sample.order",
        "ended in an error after 50 calls of the network",
    ),
    "the last mean dropped": (
        "sample",
        {"sampler": [("            x_t = mean", "            if step > 0:\n                x_t = mean")]},
        "sample.order",
        "the last update is not computed",
    ),
    "steps from 1 in the diffuser alone": (
        "forward",
        {"diffuser": [("self.alpha_bar[t]", "self.alpha_bar[t - 1]")]},
        "forward.image_coefficient",
        "t is off by one",
    ),
    "the first step left clean": (
        "forward",
        {"diffuser": [("self.alpha_bar[t]", "torch.where(t > 0, self.alpha_bar[t - 1], 1.0)")]},
        "forward.image_coefficient",
        "t is off by one",
    ),
    "the noise of the last image": (
        "forward",
        {"diffuser": [("return diffused, noise", "return diffused, noise[-1]")]},
        "forward.noise_returned",
        "does not have the shape of the images",
    ),
    "sigma as the factor of the noise": (
        "sample",
        {"sampler": [("torch.sqrt(beta)", "beta / torch.sqrt(1 - alpha_bar)")]},
        "sample.noise",
        "the factor of the predicted noise",
    ),
    "a factor by precedence": (
        "sample",
        {"sampler": [("(1 - alpha) / torch.sqrt(1 - alpha_bar)", "1 - alpha / torch.sqrt(1 - alpha_bar)")]},
        "sample.formula",
        "do not follow the formula",
    ),
    "the time map for a skip": (
        "unet",
        {
            "unet": [
                ("torch.cat([y, full]", "torch.cat([y, self.time1(t)[:, :16, None, None].expand_as(full)]"),
            ]
        },
        "unet.skip_level1",
        "no skip connection at 28 x 28",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("only", "changes", "loses", "sentence"), SLIPS.values(), ids=SLIPS)
def test_a_mistake_of_real_notebooks_is_charged_once(
    warm: WarmGrader, only: str, changes: dict[str, Changes], loses: str, sentence: str
) -> None:
    """It loses one criterion, with a sentence that names it."""
    found = lost(_grade(warm, _cells(**changes), only))
    found.pop("sample.quality", None)  # of a wrong sampler; not checked without training
    assert set(found) == {loses}
    assert sentence in found[loses]


def test_a_network_that_gets_z_is_caught(warm: WarmGrader) -> None:
    """Every coefficient is right, but every image is noise."""
    slip = [("eps = model(x_t, t)", "eps = model(torch.randn_like(x_t), t)")]
    grade = _grade(warm, _cells(sampler=slip), "sample.formula")
    assert "does not follow from the step before" in lost(grade)["sample.formula"]


@pytest.mark.parametrize(
    ("sampler", "noted"),
    [
        ([], False),
        ([("float(step)", "step / total_timesteps")], True),
        ([("float(step)", "float(step + 1)")], True),
    ],
    ids=["same encoding", "as a share of T", "one late"],
)
def test_a_sampler_that_encodes_timesteps_otherwise_than_train_is_noted(
    warm: WarmGrader, sampler: Changes, noted: bool
) -> None:
    """It loses no points, since the sampler by itself is right, but its own network would fail with it."""
    grade = _grade(warm, _cells(sampler=sampler))
    assert not lost(grade)
    assert any("has never seen these timesteps" in note for note in grade.notes) is noted

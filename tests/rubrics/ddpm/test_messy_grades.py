"""Right solutions in unusual form lose no points, and notes say how they were called."""

from __future__ import annotations

import textwrap

import pytest
from corpus import CORPUS
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

BASE = dict(CORPUS.base)


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
        "unet": [("UNet", "Unet"),
                 ("t = t.float().view(-1, 1)",  # the sampler passes an int
                  "t = torch.as_tensor(t, dtype=torch.float32, device=x.device).view(-1, 1)")],
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
    assert lost(grade_cells(warm, changed_cells(**changes))) == {}


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
    grade = grade_cells(warm, cells)
    assert lost(grade) == {}
    assert any(
        "Your DDPMTrainer.fit was graded as train: a method of a class" in note for note in grade.notes
    )


def test_missing_packages_cost_nothing_unless_they_are_used(warm: WarmGrader) -> None:
    setup = [("import torch\n", "import torch\nimport lpips, wandb\nfrom google.colab import drive\n")]
    start = "    train_losses, val_losses = [], []"
    world = "    wandb.init(); input('go?'); display(get_ipython())\n"
    old = "    torch.optim.lr_scheduler.StepLR(optimizer, 99, verbose=True)\n"
    grade = grade_cells(
        warm, changed_cells(setup=setup, train=[(start, world + old + start)]), "train", "notebook"
    )
    assert lost(grade) == {}
    for sentence in ("lpips is not installed", "wandb was replaced", "waits for input", "take no verbose="):
        assert any(sentence in note for note in grade.notes), sentence


def test_a_missing_package_that_is_used_makes_the_grade_provisional(warm: WarmGrader) -> None:
    start = "    train_losses, val_losses = [], []"
    setup = [("import torch\n", "import torch\nimport accelerate\n")]
    grade = grade_cells(
        warm, changed_cells(setup=setup, train=[(start, f"    accelerate.Accelerator()\n{start}")]), "train"
    )
    assert grade.provisional
    assert all("needs a module that is not installed" in message for message in lost(grade).values())


@pytest.mark.parametrize(
    ("sampler", "charged"),
    [
        ([], {}),
        ([("float(step)", "step / total_timesteps")], {"sample.order": 0.5}),
        ([("float(step)", "float(step + 1)")], {"sample.order": 0.5}),
    ],
    ids=["same encoding", "as a share of T", "one late"],
)
def test_a_sampler_that_encodes_timesteps_otherwise_than_train_is_charged_once(
    warm: WarmGrader, sampler: Changes, charged: dict[str, float]
) -> None:
    """Each of the two is right by itself, but the network of the one fails with the other."""
    grade = grade_cells(warm, changed_cells(sampler=sampler))
    assert {each.id: each.credit for each in grade.criteria if each.id in lost(grade)} == charged
    if charged:
        assert "as t to the network at its first step" in lost(grade)["sample.order"]

"""Mistakes of real notebooks lose their own points once, with a sentence that names them."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

MISTAKES = {
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
    "noise in float64": (
        "forward",
        {"diffuser": [("torch.randn_like(image)", "torch.randn(image.shape, dtype=torch.float64)")]},
        "forward.noise_distribution",
        "returns x_t in float64 and noise in float64, and your train passes it to your UNet",
    ),
    "output channels hard-coded": (
        "unet",
        {"unet": [("nn.Conv2d(16, out_channels,", "nn.Conv2d(16, 1,")]},
        "unet.shape_3ch",
        "one output channel even if out_channels is 2",
    ),
    "a block in a tuple": (
        "unet",
        {
            "unet": [
                ("self.enter = self.two_convs(in_", "self.e = 0, self.two_convs(in_"),
                ("self.enter(x)", "self.e[1](x)"),
            ]
        },
        "unet.shape_1ch",
        "4 of the 34 weights that your network computes with are not among its parameters",
    ),
    "a layer made in forward": (
        "unet",
        {"unet": [("y = self.up2(", "y = nn.ConvTranspose2d(64, 32, 2, stride=2)(")]},
        "unet.shape_1ch",
        "makes layers at every call: 2 of the 34 weights",
    ),
}  # fmt: skip

FLOAT64_THAT_WORKS = {
    "converted in train": {
        "train": [
            ("model(noisy,", "model(noisy.float(),"),
            ("(predicted, noise)", "(predicted, noise.float())"),
            ("(guess, target)", "(guess, target.float())"),
        ]
    },
    "converted in the network": {
        "unet": [("full = self.enter(x)", "full = self.enter(x.float())")],
        "train": [
            ("(predicted, noise)", "(predicted.double(), noise)"),
            ("(guess, target)", "(guess.double(), target)"),
        ],
    },
    "the network in float64": {
        "unet": [
            ("(16, out_channels, kernel_size=1)", "(16, out_channels, kernel_size=1)\n        self.double()"),
            ("t = t.float()", "t = t.double()"),
            ("full = self.enter(x)", "full = self.enter(x.double())"),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", FLOAT64_THAT_WORKS.values(), ids=FLOAT64_THAT_WORKS)
def test_noise_in_float64_that_the_notebook_can_use_costs_nothing(
    warm: WarmGrader, changes: dict[str, Changes]
) -> None:
    noise = [("torch.randn_like(image)", "torch.randn(image.shape, dtype=torch.float64)")]
    assert lost(grade_cells(warm, changed_cells(diffuser=noise, **changes), "forward", "unet", "train")) == {}


@pytest.mark.parametrize(("only", "changes", "loses", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_of_real_notebooks_is_charged_once(
    warm: WarmGrader, only: str, changes: dict[str, Changes], loses: str, sentence: str
) -> None:
    """It loses one criterion, with a sentence that names it."""
    found = lost(grade_cells(warm, changed_cells(**changes), only))
    found.pop("sample.quality", None)  # of a wrong sampler; not checked without training
    assert set(found) == {loses}
    assert sentence in found[loses]


def test_a_network_that_gets_z_is_caught(warm: WarmGrader) -> None:
    """Every coefficient is right, but every image is noise."""
    slip = [("eps = model(x_t, t)", "eps = model(torch.randn_like(x_t), t)")]
    grade = grade_cells(warm, changed_cells(sampler=slip), "sample.formula")
    assert "does not follow from the step before" in lost(grade)["sample.formula"]

"""Mistakes of the schedule and the forward process are charged once, with words that are true."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

TEXT_READING = [
    ("signal = kept.sqrt()", "signal = kept"),
    ("spread = (1 - kept).sqrt()", "spread = 1 - kept"),
]
NOTHING_RETURNED = ("return diffused, noise", "return diffused, None")
UNIFORM = ("torch.randn_like", "torch.rand_like")

MISTAKES: dict[str, tuple[Changes, dict[str, str]]] = {
    "the handout's text, nothing returned": (
        [*TEXT_READING, NOTHING_RETURNED],
        {"forward.noise_returned": "returns the noisy image alone"},
    ),
    "the handout's text, uniform noise, nothing returned": (
        [*TEXT_READING, NOTHING_RETURNED, UNIFORM],
        {
            "forward.noise_returned": "returns the noisy image alone",
            "forward.noise_distribution": "mean is 0.50, its standard deviation 0.29. It is uniform noise.",
        },
    ),
    "uniform noise from -1 to 1, nothing returned": (
        [NOTHING_RETURNED, ("torch.randn_like(image)", "2 * torch.rand_like(image) - 1")],
        {
            "forward.noise_returned": "returns the noisy image alone",
            "forward.noise_distribution": "mean is 0.00, its standard deviation 0.58. It is uniform noise.",
        },
    ),
    "a wrong coefficient of uniform noise": (
        [NOTHING_RETURNED, UNIFORM, ("(1 - kept).sqrt()", "1 - kept")],
        {
            "forward.noise_coefficient": "At step 25 your noise coefficient is 0.75; expected 0.87.",
            "forward.noise_returned": "returns the noisy image alone",
            "forward.noise_distribution": "It is uniform noise.",
        },
    ),
    "the difference of both images": (
        [("return diffused, noise", "return diffused, diffused - image")],
        {"forward.noise_returned": "It is x_t minus the image"},
    ),
    "no noise at the first step": (
        [("spread = (1 - kept).sqrt()", "spread = (1 - kept).sqrt() * (t > 0).view(-1, 1, 1, 1)")],
        {"forward.noise_coefficient": "At step 0 alone your noise coefficient is 0.00; expected 0.03."},
    ),
    "no image at the first step": (
        [("signal = kept.sqrt()", "signal = kept.sqrt() * (t > 0).view(-1, 1, 1, 1)")],
        {"forward.image_coefficient": "At step 0 alone your image coefficient is 0.00; expected 1.00."},
    ),
    "the handout's text without noise": (
        [*TEXT_READING, ("torch.randn_like(image)", "torch.zeros_like(image)")],
        {
            "forward.noise_coefficient": "your noise coefficient is 0.00; expected 0.75.",
            "forward.noise_returned": "is not the noise that you added",
        },
    ),
    "the handout's text with the noise subtracted": (
        [*TEXT_READING, ("spread * noise", "-spread * noise")],
        {"forward.noise_returned": "is not the noise that you added"},
    ),
    "the handout's text with a wrong image": (
        [*TEXT_READING, ("signal * image", "2 * signal * image")],
        {"forward.image_coefficient": "your image coefficient is 0.50; expected 0.25."},
    ),
    "the root of negative numbers": (
        [("(1 - kept).sqrt()", "(kept - 1).sqrt()")],
        {"forward.image_coefficient": "contains NaN or infinity at every step"},
    ),
    "ones in place of noise": (
        [("torch.randn_like(image)", "torch.ones_like(image)")],
        {"forward.noise_coefficient": "contains a constant term, 0.87 at step 25"},
    ),
    "half of the noise": (
        [("spread * noise", "0.5 * spread * noise")],
        {"forward.noise_coefficient": "It is 0.50 times the right one at every step."},
    ),
    "an image that fades from call to call": (
        [
            (
                "signal = kept.sqrt()",
                "self.share = 0.99 * getattr(self, 'share', 1); signal = self.share * kept.sqrt()",
            )
        ],
        {"forward.image_coefficient": "changes from call to call"},
    ),
    "noise that fades from call to call": (
        [
            (
                "spread = (1 - kept).sqrt()",
                "self.share = 0.99 * getattr(self, 'share', 1); spread = self.share * (1 - kept).sqrt()",
            )
        ],
        {"forward.noise_coefficient": "changes from call to call"},
    ),
    "the product of image and noise": (
        [("signal * image + spread * noise", "signal * image * spread * noise")],
        {"forward.image_coefficient": "not a weighted sum of image and noise"},
    ),
    "noise divided by the image": (
        [("spread * noise", "spread * noise / (image + 0.1)")],
        {"forward.image_coefficient": "not a weighted sum of image and noise"},
    ),
    "one number of noise for each image": (
        [("torch.randn_like(image)", "torch.randn(len(image), 1, 1, 1)")],
        {"forward.noise_distribution": "Neighbouring pixels of your noise are alike"},
    ),
    "noise of height and width alone": (
        [("torch.randn_like(image)", "torch.randn(image.shape[-2:])")],
        {"forward.noise_distribution": "All images of a batch get the same noise"},
    ),
    "the image centred first": (
        [("image = image.to(self.device)", "image = image.to(self.device) - 0.5")],
        {"forward.image_coefficient": "made of 1·image − 0.5"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_of_the_forward_process_is_named(
    warm: WarmGrader, changes: Changes, expected: dict[str, str]
) -> None:
    """It loses its own criteria, each with the sentence that is true of it."""
    found = lost(grade_cells(warm, changed_cells(diffuser=changes), "forward"))
    assert set(found) == set(expected)
    for criterion, sentence in expected.items():
        assert sentence in found[criterion]


NO_SEED_HOLDS = {
    "of a RandomState in an attribute": [
        (
            "self.device = device",
            "self.device = device; self.rng = __import__('numpy').random.RandomState(3)",
        ),
        (
            "torch.randn_like(image)",
            "torch.as_tensor(self.rng.standard_normal(image.shape), dtype=torch.float32)",
        ),
    ],
    "seeded anew by the system": [
        ("noise = torch.randn_like(image)", "torch.seed(); noise = torch.randn_like(image)")
    ],
}


@pytest.mark.parametrize("changes", NO_SEED_HOLDS.values(), ids=NO_SEED_HOLDS)
def test_noise_of_any_generator_is_right(warm: WarmGrader, changes: Changes) -> None:
    """It is judged without two calls that draw the same noise."""
    assert not lost(grade_cells(warm, changed_cells(diffuser=changes), "forward"))


OWN_NAME = [
    ("self.alpha_bar = torch", "self.acum = torch"),
    ("self.alpha_bar[t]", "self.acum[t]"),
]
BUFFER = [
    ("class NoiseDiffuser:", "class NoiseDiffuser(nn.Module):"),
    ("        self.device = device", "        super().__init__()\n        self.device = device"),
    (
        "self.alpha_bar = torch.cumprod(self.alphas, dim=0)",
        "self.register_buffer('acum', torch.cumprod(self.alphas, dim=0))",
    ),
    ("self.alpha_bar[t]", "self.acum[t]"),
]
SAMPLER = [("diffuser.alpha_bar", "diffuser.acum")]


def test_a_wrong_beta_is_charged_once_under_any_name(warm: WarmGrader) -> None:
    """The sampler reads an ᾱ of another name, and is judged with the right one in its place."""
    wrong = [("torch.linspace(self.start_beta, self.end_beta,", "torch.linspace(1e-4, 0.02,")]
    cells = changed_cells(diffuser=[*OWN_NAME, *wrong], sampler=SAMPLER)
    found = lost(grade_cells(warm, cells, "schedule", "forward", "sample.formula", "sample.noise"))
    assert set(found) == {"schedule.betas"}
    assert "starts at 0.0001, not at start_beta = 0.001 and ends at 0.02" in found["schedule.betas"]


def test_the_curve_in_a_buffer_is_found(warm: WarmGrader) -> None:
    """A module's buffer serves as ᾱ, whatever it is called."""
    cells = changed_cells(diffuser=BUFFER, sampler=SAMPLER)
    assert not lost(grade_cells(warm, cells, "schedule", "forward", "sample.formula"))


SCHEDULE = (
    "N = 1000; every = torch.linspace(1e-4, 0.02, N); left = torch.cumprod(1 - every, 0).view(-1, 1, 1, 1)"
)


@pytest.mark.parametrize(
    ("target", "loses"),
    [("eps", {"train.random_t"}), ("torch.randn_like(eps)", {"train.random_t", "train.loss_target"})],
)
def test_noise_mixed_by_another_schedule_is_noise(warm: WarmGrader, target: str, loses: set[str]) -> None:
    """A train that mixes image and noise by its own 1,000 steps loses the steps, not the comparison."""
    cells = changed_cells(setup=[("torch.manual_seed(0)", SCHEDULE)], train=_own_mix(target))
    assert set(lost(grade_cells(warm, cells, "train"))) - {"train.learns"} == loses


def _own_mix(target: str) -> Changes:
    """Return the changes with which train mixes image and noise by the notebook's own schedule."""
    mix = "eps = torch.randn_like({0}); noisy = left[{1}].sqrt() * {0} + (1 - left[{1}]).sqrt() * eps"
    return [
        ("totalTrainingTimesteps, (len", "N, (len"),
        (
            "noisy, noise = diffuser.noise_diffusion(images, steps)",
            mix.format("images", "steps") + f"; noise = {target}",
        ),
        (
            "noisy, target = diffuser.noise_diffusion(held_out, ts)",
            mix.format("held_out", "ts") + "; target = eps",
        ),
    ]


def test_products_that_overflow_are_charged_to_beta(warm: WarmGrader) -> None:
    slip = [("self.start_beta, self.end_beta, self.total", "self.start_beta, 1e8, self.total")]
    found = lost(grade_cells(warm, changed_cells(diffuser=slip), "schedule"))
    assert set(found) == {"schedule.betas"}

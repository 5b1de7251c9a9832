"""The sampler, on Gaussian data: the optimal noise predictor is a formula and the result is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser
from reference.sampler import generate_samples

MEAN, SPREAD = 0.3, 0.5
START, END = 1e-4, 0.1


class GaussianOracle:
    """Predicts E[noise | x_t] for independent pixels from N(MEAN, SPREAD^2); records its timesteps."""

    def __init__(self, diffuser: NoiseDiffuser) -> None:
        self.alpha_bar = diffuser.alpha_bar
        self.timesteps: list[Tensor] = []

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.timesteps.append(t)
        left = self.alpha_bar[t.long()].view(-1, 1, 1, 1)
        return (1 - left).sqrt() * (x_t - left.sqrt() * MEAN) / (left * SPREAD**2 + 1 - left)


def expected_moments(steps: int) -> tuple[float, float, float]:
    """Return mean, variance and slope in x_T of the sampler's result, computed in floats step by step."""
    betas = [START + (END - START) * i / (steps - 1) for i in range(steps)]
    left = [math.prod(1.0 - beta for beta in betas[: t + 1]) for t in range(steps)]
    mean, variance, slope = 0.0, 1.0, 1.0
    for t in reversed(range(steps)):
        marginal = left[t] * SPREAD**2 + 1.0 - left[t]
        keep = (1.0 - betas[t] / marginal) / math.sqrt(1.0 - betas[t])
        pull = betas[t] * math.sqrt(left[t]) * MEAN / marginal / math.sqrt(1.0 - betas[t])
        mean, slope = keep * mean + pull, keep * slope
        variance = keep**2 * variance + (betas[t] if t > 0 else 0.0)
    return mean, variance, slope


@pytest.mark.parametrize("steps", [20, 100])
def test_with_the_optimal_predictor_mean_and_variance_match_the_hand_computation(steps):
    diffuser = NoiseDiffuser(START, END, steps)
    mean, variance, _ = expected_moments(steps)
    torch.manual_seed(96)
    samples = generate_samples(
        torch.randn(128, 1, 28, 28), GaussianOracle(diffuser), 128, steps, diffuser, "cpu"
    )
    pixels = samples.numel()
    assert abs(samples.mean().item() - mean) < 4 * math.sqrt(variance / pixels)
    assert abs(samples.var().item() / variance - 1.0) < 4 * math.sqrt(2.0 / pixels)


def test_two_starts_with_one_seed_differ_by_the_computed_slope():
    """The fresh noise cancels exactly, so this holds up to rounding, not just on average."""
    diffuser = NoiseDiffuser(START, END, 100)
    start, shift = torch.randn(4, 1, 28, 28), torch.randn(4, 1, 28, 28)
    ends = []
    for x_t in (start, start + shift):
        torch.manual_seed(786)
        ends.append(generate_samples(x_t, GaussianOracle(diffuser), 4, 100, diffuser, "cpu"))
    assert torch.allclose(ends[1] - ends[0], expected_moments(100)[2] * shift, atol=1e-4)


def test_on_a_long_fine_schedule_the_samples_have_the_mean_and_variance_of_the_data():
    diffuser = NoiseDiffuser(1e-5, 0.02, 1000)
    torch.manual_seed(7150)
    samples = generate_samples(
        torch.randn(32, 1, 28, 28), GaussianOracle(diffuser), 32, 1000, diffuser, "cpu"
    )
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert samples.std().item() == pytest.approx(SPREAD, rel=0.02)


def test_timesteps_are_passed_from_last_to_first_as_a_float_column():
    diffuser = NoiseDiffuser(START, END, 12)
    oracle = GaussianOracle(diffuser)
    generate_samples(torch.randn(3, 1, 4, 4), oracle, 3, 12, diffuser, "cpu")
    assert [t.tolist() for t in oracle.timesteps] == [[[float(step)]] * 3 for step in range(11, -1, -1)]
    assert all(t.dtype == torch.float32 for t in oracle.timesteps)


def test_only_the_last_step_adds_no_noise():
    def ends_after(steps: int) -> tuple[Tensor, Tensor]:
        diffuser = NoiseDiffuser(0.1, 0.2, 2)
        start = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        outcomes = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            outcomes.append(generate_samples(start, lambda x, t: 0 * x, 2, steps, diffuser, "cpu"))
        return outcomes[0], outcomes[1]

    assert torch.equal(*ends_after(1))
    assert not torch.allclose(*ends_after(2), atol=0.01)


def test_a_single_step_undoes_the_noise_that_was_added():
    """At t = 0 beta is 1 - alpha_bar, so with the true noise one step of the formula recovers x_0."""
    diffuser = NoiseDiffuser(0.2, 0.3, 2)
    image, noise = torch.rand(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    x_t, _ = diffuser.noise_diffusion(image, [0, 0], noise)
    back = generate_samples(x_t, lambda _x, _t: noise, 2, 1, diffuser, "cpu")
    assert torch.allclose(back, image, atol=1e-5)


def test_samples_carry_no_gradient_and_the_start_is_not_modified():
    diffuser = NoiseDiffuser(START, END, 5)
    weight = torch.ones(1, requires_grad=True)
    start = torch.randn(2, 1, 4, 4)
    before = start.clone()
    samples = generate_samples(start, lambda x, t: x * weight, 2, 5, diffuser, "cpu")
    assert not samples.requires_grad
    assert torch.equal(start, before)


@pytest.mark.parametrize(("count", "steps"), [(3, 5), (2, 6)])
def test_a_wrong_count_or_too_short_a_schedule_raises(count, steps):
    with pytest.raises(ValueError, match="asked for"):
        generate_samples(
            torch.zeros(2, 1, 4, 4), lambda x, t: x, count, steps, NoiseDiffuser(START, END, 5), "cpu"
        )

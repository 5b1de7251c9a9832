"""The forward process and its formulations, compared with arithmetic done one timestep at a time."""

from __future__ import annotations

import math

import pytest
import torch

from reference.diffuser import NoiseDiffuser
from reference.readings import PAPER, READINGS, ReadingDiffuser

STEPS = 50


@pytest.fixture
def diffuser() -> NoiseDiffuser:
    return NoiseDiffuser(start_beta=0.001, end_beta=0.2, total_steps=STEPS)


def linear_betas(start: float, end: float, steps: int) -> list[float]:
    return [start + (end - start) * i / (steps - 1) for i in range(steps)]


def test_betas_rise_evenly_from_start_to_end(diffuser):
    assert diffuser.betas.tolist() == pytest.approx(linear_betas(0.001, 0.2, STEPS), rel=1e-5)
    assert diffuser.betas.dtype == diffuser.alpha_bar.dtype == torch.float32
    assert torch.equal(diffuser.linear_scheduler(), diffuser.betas)


def test_curves_are_the_attributes_in_float64(diffuser):
    curves = diffuser.curves()
    assert all(curve.dtype == torch.float64 and curve.shape == (STEPS,) for curve in curves)
    attributes = (diffuser.betas, diffuser.alphas, diffuser.alpha_bar)
    assert all(torch.equal(curve.float(), own) for curve, own in zip(curves, attributes, strict=True))


def test_one_jump_equals_walking_every_step(diffuser):
    """Composing q(x_t | x_{t-1}) gives the closed form's signal and noise at every t."""
    scale, variance = 1.0, 0.0
    bright, dark = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    for t, beta in enumerate(linear_betas(0.001, 0.2, STEPS)):
        scale, variance = scale * math.sqrt(1.0 - beta), (1.0 - beta) * variance + beta
        only_image, _ = diffuser.noise_diffusion(bright, [t], noise=dark)
        only_noise, _ = diffuser.noise_diffusion(dark, [t], noise=bright)
        assert only_image.flatten().tolist() == pytest.approx([scale] * 4, rel=1e-4)
        assert only_noise.flatten().tolist() == pytest.approx([math.sqrt(variance)] * 4, rel=1e-3)


def test_signal_and_noise_add_up_and_the_noise_returned_is_unscaled(diffuser):
    image, noise = torch.rand(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    x_t, returned = diffuser.noise_diffusion(image, [0, 20, 49], noise)
    for i, t in enumerate([0, 20, 49]):
        share = math.prod(1.0 - beta for beta in linear_betas(0.001, 0.2, STEPS)[: t + 1])
        expected = math.sqrt(share) * image[i] + math.sqrt(1.0 - share) * noise[i]
        assert torch.allclose(x_t[i], expected, atol=1e-4)
    assert torch.equal(returned, noise)


def test_sampled_noise_is_standard_normal_and_fresh(diffuser):
    torch.manual_seed(0)
    image = torch.zeros(64, 1, 28, 28)  # 50176 pixels: standard errors 0.0045 (mean), 0.0063 (variance)
    _, noise = diffuser.noise_diffusion(image, [10] * 64)
    _, again = diffuser.noise_diffusion(image, [10] * 64)
    assert abs(noise.mean().item()) < 5 * 0.0045
    assert abs(noise.var().item() - 1.0) < 5 * 0.0063
    assert abs((noise * again).mean().item()) < 5 * 0.0045


def test_the_last_step_leaves_little_and_a_longer_schedule_less():
    short, long = (NoiseDiffuser(1e-4, 0.1, steps).alpha_bar[-1].item() for steps in (100, 1000))
    assert 0.0 <= long < short < 0.01


def test_a_schedule_without_noise_leaves_the_image_unchanged():
    """As beta goes to zero, x_t goes to x_0 at every timestep."""
    still = NoiseDiffuser(start_beta=1e-9, end_beta=2e-9, total_steps=10)
    image = torch.rand(10, 1, 8, 8)
    x_t, _ = still.noise_diffusion(image, list(range(10)))
    assert torch.allclose(x_t, image, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_a_list_of_steps_and_an_integer_tensor_are_equivalent(diffuser, dtype):
    image, noise = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    from_list, _ = diffuser.noise_diffusion(image, [3, 0, 49], noise)
    from_tensor, _ = diffuser.noise_diffusion(image, torch.tensor([3, 0, 49], dtype=dtype), noise)
    assert torch.equal(from_list, from_tensor)


@pytest.mark.parametrize("steps", [[-1, 0], [0, STEPS]])
def test_a_step_outside_the_schedule_raises(diffuser, steps):
    with pytest.raises(IndexError, match=f"from 0 to {STEPS - 1}, not {min(steps)} to {max(steps)}"):
        diffuser.noise_diffusion(torch.zeros(2, 1, 4, 4), steps)


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([1], ValueError),
        ([1, 2, 3], ValueError),
        (torch.zeros(2, 1, dtype=torch.int64), ValueError),
        ([0.5, 1.0], TypeError),
        (torch.tensor([True, False]), TypeError),
    ],
)
def test_steps_that_do_not_match_the_images_raise(diffuser, steps, error):
    with pytest.raises(error):
        diffuser.noise_diffusion(torch.zeros(2, 1, 4, 4), steps)


@pytest.mark.parametrize(
    "arguments", [(0.2, 0.1, 10), (0.1, 0.1, 10), (0.0, 0.1, 10), (0.1, 1.0, 10), (0.1, 0.2, 0)]
)
def test_a_schedule_that_does_not_rise_between_zero_and_one_raises(arguments):
    with pytest.raises(ValueError, match="need"):
        NoiseDiffuser(*arguments)


@pytest.mark.parametrize(
    ("reading", "signal", "noise", "scale_of_target"),
    [
        ("paper", 0.8, 0.6, 1.0),
        ("handout-code", 0.8944272, 0.4472136, 0.4472136),  # sqrt(0.8), sqrt(0.2)
        ("handout-text", 0.64, 0.36, 1.0),
    ],
)
def test_each_formulation_mixes_image_and_noise_by_its_own_formula(reading, signal, noise, scale_of_target):
    """At alpha_bar = 0.64 every square root can be checked by mental arithmetic."""
    mixed = ReadingDiffuser(0.36, 0.5, 2, reading=READINGS[reading])
    one, zero = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    from_image, _ = mixed.noise_diffusion(one, [0], noise=zero)
    from_noise, target = mixed.noise_diffusion(zero, [0], noise=one)
    assert from_image.mean().item() == pytest.approx(signal, rel=1e-5)
    assert from_noise.mean().item() == pytest.approx(noise, rel=1e-5)
    assert target.mean().item() == pytest.approx(scale_of_target, rel=1e-5)


def test_the_handout_code_formulation_is_the_handouts_code_as_printed():
    """In the handout's order: root of alpha_bar, scaled noise, root again, sum."""
    ours = ReadingDiffuser(0.001, 0.2, STEPS, reading=READINGS["handout-code"])
    image, noise = torch.rand(STEPS, 1, 4, 4), torch.randn(STEPS, 1, 4, 4)
    x_t, target = ours.noise_diffusion(image, list(range(STEPS)), noise)
    left = 1.0
    for t, beta in enumerate(linear_betas(0.001, 0.2, STEPS)):
        left *= 1.0 - beta
        rooted = math.sqrt(left)
        scaled = noise[t] * math.sqrt(1.0 - rooted)
        assert torch.allclose(target[t], scaled, atol=1e-4)
        assert torch.allclose(x_t[t], math.sqrt(rooted) * image[t] + scaled, atol=1e-4)


def test_the_papers_formulation_is_the_reference_diffuser(diffuser):
    read = ReadingDiffuser(0.001, 0.2, STEPS, reading=PAPER)
    image, noise = torch.rand(STEPS, 1, 4, 4), torch.randn(STEPS, 1, 4, 4)
    pairs = zip(
        read.noise_diffusion(image, list(range(STEPS)), noise),
        diffuser.noise_diffusion(image, list(range(STEPS)), noise),
        strict=True,
    )
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


def test_a_reading_diffuser_checks_steps_too():
    with pytest.raises(IndexError):
        ReadingDiffuser(0.001, 0.2, 5, reading=PAPER).noise_diffusion(torch.zeros(1, 1, 4, 4), [5])


def test_formulations_have_their_ids_and_differ_wherever_there_is_noise():
    assert set(READINGS) == {"paper", "handout-code", "handout-text"}
    assert all(reading.id == name for name, reading in READINGS.items())
    left = torch.tensor([0.1, 0.5, 0.9])
    for name, reading in READINGS.items():
        for other in set(READINGS) - {name}:
            assert (reading.signal(left) - READINGS[other].signal(left)).abs().min() > 0.02
            assert (reading.noise(left) - READINGS[other].noise(left)).abs().min() > 0.02

"""The two metrics on cases with a known answer, and the pretrained network under both."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from reference.diffuser import NoiseDiffuser
from reference.digits import load_digits28
from reference.evaluation import energy_distance, held_out_error, held_out_probe, relative_error
from reference.pretrained import WEIGHTS_FILE, load_pretrained
from reference.readings import READINGS, ReadingDiffuser
from reference.sampler import generate_samples
from reference.schedule import SCHEDULE


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("reading", READINGS)
def test_predicting_zero_has_an_error_of_one_in_every_formulation(reading):
    diffuser = ReadingDiffuser(**SCHEDULE, reading=READINGS[reading])
    images = torch.rand(50, 1, 28, 28)
    assert held_out_error(lambda x, t: torch.zeros_like(x), diffuser, images, seeded()) == pytest.approx(1.0)


@pytest.mark.parametrize("reading", READINGS)
def test_a_predictor_that_knows_the_image_has_no_error_in_any_formulation(reading):
    """For black images x_t is the noise times a factor that follows from the timestep."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=READINGS[reading])
    scale = [READINGS[reading].noise(left).item() for left in diffuser.alpha_bar]

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        factors = [1.0 if READINGS[reading].returns_scaled_noise else 1.0 / scale[int(step)] for step in t]
        return x_t * torch.tensor(factors).view(-1, 1, 1, 1)

    assert held_out_error(predict, diffuser, torch.zeros(200, 1, 8, 8), seeded(), batch_size=7) < 1e-6


def test_the_best_linear_predictor_has_the_error_that_theory_gives():
    """Pixels N(0, s^2): its error is ab s^2 / (ab s^2 + 1 - ab), averaged over t (ab = alpha_bar)."""
    spread = 0.5
    diffuser = NoiseDiffuser(0.05, 0.3, 10)

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        left = diffuser.alpha_bar[t.long()].view(-1, 1, 1, 1)
        return (1 - left).sqrt() * x_t / (left * spread**2 + 1 - left)

    left, shares = 1.0, []
    for i in range(10):
        left *= 1.0 - (0.05 + 0.25 * i / 9)
        shares.append(left * spread**2 / (left * spread**2 + 1.0 - left))
    images = spread * torch.randn(400, 1, 28, 28, generator=seeded(5))
    assert held_out_error(predict, diffuser, images, seeded()) == pytest.approx(sum(shares) / 10, rel=0.02)


@pytest.mark.parametrize("count", [7, 100, 359])
def test_steps_are_spread_evenly_and_shuffled(count):
    probe = held_out_probe(NoiseDiffuser(**SCHEDULE), torch.rand(count, 1, 4, 4), seeded())
    steps = [int(step) for step in probe.t]
    gaps = [later - earlier for earlier, later in zip(sorted(steps), sorted(steps)[1:], strict=False)]
    assert probe.t.shape == (count, 1)
    assert max(gaps) <= math.ceil(100 / count)
    assert max(steps) - min(steps) >= 100 - math.ceil(100 / count) - 1
    assert steps != sorted(steps)


def test_the_same_seed_gives_the_same_probe():
    images, diffuser = torch.rand(20, 1, 4, 4), NoiseDiffuser(**SCHEDULE)
    one, same, other = (held_out_probe(diffuser, images, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.x_t, same.x_t)
    assert torch.equal(one.t, same.t)
    assert not torch.equal(one.target, other.target)


def test_a_prediction_of_another_shape_raises_though_it_would_broadcast():
    with pytest.raises(ValueError, match="but the noise is"):
        relative_error(torch.zeros(4, 1, 1, 1), torch.ones(4, 1, 8, 8))


def test_energy_distance_of_three_points_by_hand():
    """Points 0 and 2 against 3 and 7: between 3, 7, 1, 5 (mean 4); within 2 and 4; 2 * 4 - 2 - 4 = 2."""
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [7.0]])
    assert energy_distance(x, y) == pytest.approx(2.0)
    assert energy_distance(y, x) == pytest.approx(2.0)


def test_energy_distance_treats_an_image_as_one_point():
    """Two sets that differ by 10 in all four pixels, with no spread within: 2 * sqrt(4 * 10^2) = 40."""
    x, y = torch.zeros(3, 1, 2, 2), torch.full((2, 1, 2, 2), 10.0)
    assert energy_distance(x, y) == pytest.approx(40.0)


def test_energy_distance_averages_zero_for_equal_distributions_and_grows_with_a_shift():
    generator = seeded(3)
    same = [
        energy_distance(torch.randn(30, 5, generator=generator), torch.randn(80, 5, generator=generator))
        for _ in range(200)
    ]
    error = torch.tensor(same).std().item() / math.sqrt(200)
    assert abs(sum(same) / 200) < 4 * error
    x, y = torch.randn(200, 5, generator=generator), torch.randn(200, 5, generator=generator)
    near, far = energy_distance(x, y + 0.5), energy_distance(x, y + 1.0)
    assert 4 * error < near < far


@pytest.mark.parametrize("shapes", [((1, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 4), (3, 5))])
def test_sets_that_cannot_be_compared_raise(shapes):
    with pytest.raises(ValueError, match="cannot compare"):
        energy_distance(*(torch.zeros(shape) for shape in shapes))


def test_the_pretrained_network_denoises_held_out_digits():
    """The error is small overall and in every third of the schedule; predicting zero has error 1."""
    model, diffuser = load_pretrained(), NoiseDiffuser(**SCHEDULE)
    images, _ = load_digits28("held-out")
    error = held_out_error(model, diffuser, images, seeded(11))
    print(f"pretrained: held-out error {error:.4f}")
    assert error < 0.04
    probe = held_out_probe(diffuser, images, seeded(12))
    for first, last, most in [(0, 33, 0.15), (33, 66, 0.05), (66, 100, 0.03)]:
        chosen = ((probe.t >= first) & (probe.t < last)).flatten()
        predicted = model(probe.x_t[chosen], probe.t[chosen])
        assert relative_error(predicted, probe.target[chosen]) < most


def test_the_pretrained_network_is_frozen_in_eval_mode_and_float32():
    model = load_pretrained()
    assert not model.training
    assert all(weight.dtype == torch.float32 and not weight.requires_grad for weight in model.parameters())


def test_the_weights_file_records_how_it_was_trained():
    with safe_open(WEIGHTS_FILE, framework="pt") as file:
        about = file.metadata()
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
    assert json.loads(about["schedule"]) == SCHEDULE
    assert int(about["steps"]) > 1000
    assert {"seed", "torch", "reading", "held_out_error"} <= set(about)
    assert WEIGHTS_FILE.stat().st_size < 320_000


@pytest.mark.slow
def test_samples_of_the_pretrained_network_resemble_held_out_digits():
    """30 samples are compared with held-out digits; for scale, so are 30 real digits and pure noise."""
    diffuser = NoiseDiffuser(**SCHEDULE)
    held_out, _ = load_digits28("held-out")
    torch.manual_seed(96)
    start = torch.randn(30, 1, 28, 28)
    samples = generate_samples(start, load_pretrained(), 30, diffuser.total_steps, diffuser, "cpu")
    real = load_digits28("train")[0][:30]
    sampled, true, noise = (energy_distance(images, held_out) for images in (samples, real, start))
    print(f"energy distance: samples {sampled:.3f}, real digits {true:.3f}, noise {noise:.3f}")
    assert max(sampled, true) < noise / 40

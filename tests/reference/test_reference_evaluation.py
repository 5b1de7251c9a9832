"""The two measures, on cases of which the answer is known, and the pretrained network by them."""

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
from reference.pretrained import SCHEDULE, WEIGHTS_FILE, load_pretrained
from reference.readings import READINGS, ReadingDiffuser
from reference.sampler import generate_samples


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("reading", READINGS)
def test_predicting_nothing_is_an_error_of_one_under_every_reading(reading):
    diffuser = ReadingDiffuser(**SCHEDULE, reading=READINGS[reading])
    images = torch.rand(50, 1, 28, 28)
    assert held_out_error(lambda x, t: torch.zeros_like(x), diffuser, images, seeded()) == pytest.approx(1.0)


@pytest.mark.parametrize("reading", READINGS)
def test_who_knows_the_image_has_no_error_under_any_reading(reading):
    """For black images x_t is the noise times a number that the step tells."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=READINGS[reading])
    scale = [READINGS[reading].noise(left).item() for left in diffuser.alpha_bar]

    def know(x_t: Tensor, t: Tensor) -> Tensor:
        factors = [1.0 if READINGS[reading].returns_scaled_noise else 1.0 / scale[int(step)] for step in t]
        return x_t * torch.tensor(factors).view(-1, 1, 1, 1)

    assert held_out_error(know, diffuser, torch.zeros(200, 1, 8, 8), seeded(), batch_size=7) < 1e-6


def test_the_best_linear_guess_has_the_error_that_theory_gives():
    """Pixels N(0, s^2): the best guess leaves ab s^2 / (ab s^2 + 1 - ab) of the noise, averaged over t."""
    spread = 0.5
    diffuser = NoiseDiffuser(0.05, 0.3, 10)

    def guess(x_t: Tensor, t: Tensor) -> Tensor:
        left = diffuser.alpha_bar[t.long()].view(-1, 1, 1, 1)
        return (1 - left).sqrt() * x_t / (left * spread**2 + 1 - left)

    left, shares = 1.0, []
    for i in range(10):
        left *= 1.0 - (0.05 + 0.25 * i / 9)
        shares.append(left * spread**2 / (left * spread**2 + 1.0 - left))
    images = spread * torch.randn(400, 1, 28, 28, generator=seeded(5))
    assert held_out_error(guess, diffuser, images, seeded()) == pytest.approx(sum(shares) / 10, rel=0.02)


@pytest.mark.parametrize("count", [7, 100, 359])
def test_steps_are_spread_evenly_and_not_in_the_order_of_the_images(count):
    probe = held_out_probe(NoiseDiffuser(**SCHEDULE), torch.rand(count, 1, 4, 4), seeded())
    steps = [int(step) for step in probe.t]
    gaps = [later - earlier for earlier, later in zip(sorted(steps), sorted(steps)[1:], strict=False)]
    assert probe.t.shape == (count, 1)
    assert max(gaps) <= math.ceil(100 / count)
    assert max(steps) - min(steps) >= 100 - math.ceil(100 / count) - 1
    assert steps != sorted(steps)


def test_the_same_seed_asks_the_same_questions():
    images, diffuser = torch.rand(20, 1, 4, 4), NoiseDiffuser(**SCHEDULE)
    one, same, other = (held_out_probe(diffuser, images, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.x_t, same.x_t)
    assert torch.equal(one.t, same.t)
    assert not torch.equal(one.target, other.target)


def test_a_prediction_of_another_shape_is_refused_though_it_would_broadcast():
    with pytest.raises(ValueError, match="but the noise is"):
        relative_error(torch.zeros(4, 1, 1, 1), torch.ones(4, 1, 8, 8))


def test_energy_distance_of_three_points_by_hand():
    """Points 0 and 2 against 3 and 7: between 3, 7, 1, 5 (mean 4); within 2 and 4; 2 * 4 - 2 - 4 = 2."""
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [7.0]])
    assert energy_distance(x, y) == pytest.approx(2.0)
    assert energy_distance(y, x) == pytest.approx(2.0)


def test_energy_distance_takes_a_whole_image_for_one_point():
    """Two sets that are far apart along all four pixels: 2 * sqrt(4 * 10^2) = 40, less nothing within."""
    x, y = torch.zeros(3, 1, 2, 2), torch.full((2, 1, 2, 2), 10.0)
    assert energy_distance(x, y) == pytest.approx(40.0)


def test_energy_distance_is_zero_on_average_between_equals_and_grows_with_the_shift():
    draw = seeded(3)
    same = [
        energy_distance(torch.randn(30, 5, generator=draw), torch.randn(80, 5, generator=draw))
        for _ in range(200)
    ]
    error = torch.tensor(same).std().item() / math.sqrt(200)
    assert abs(sum(same) / 200) < 4 * error
    x, y = torch.randn(200, 5, generator=draw), torch.randn(200, 5, generator=draw)
    near, far = energy_distance(x, y + 0.5), energy_distance(x, y + 1.0)
    assert 4 * error < near < far


@pytest.mark.parametrize("shapes", [((1, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 4), (3, 5))])
def test_sets_that_cannot_be_compared_are_refused(shapes):
    with pytest.raises(ValueError, match="cannot compare"):
        energy_distance(*(torch.zeros(shape) for shape in shapes))


def test_the_pretrained_network_denoises_digits_it_never_saw():
    """Little of the noise is left, overall and in every third of the schedule; a guess of zero leaves 1."""
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


def test_the_weights_say_how_they_came():
    with safe_open(WEIGHTS_FILE, framework="pt") as file:
        about = file.metadata()
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
    assert json.loads(about["schedule"]) == SCHEDULE
    assert int(about["steps"]) > 1000
    assert {"seed", "torch", "reading", "held_out_error"} <= set(about)
    assert WEIGHTS_FILE.stat().st_size < 320_000


def test_samples_of_the_pretrained_network_are_like_digits_held_out():
    """Thirty samples against the digits held out; for scale, thirty real digits and the starting noise."""
    diffuser = NoiseDiffuser(**SCHEDULE)
    held_out, _ = load_digits28("held-out")
    torch.manual_seed(96)
    start = torch.randn(30, 1, 28, 28)
    samples = generate_samples(start, load_pretrained(), 30, diffuser.total_steps, diffuser, "cpu")
    real = load_digits28("train")[0][:30]
    drawn, true, noise = (energy_distance(images, held_out) for images in (samples, real, start))
    print(f"energy distance: samples {drawn:.3f}, real digits {true:.3f}, noise {noise:.3f}")
    assert max(drawn, true) < noise / 40

"""Samplers may compute in any precision; what is no number gets a sentence, never a failure of the grader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from workers import LoadStudent

from grader.checks import Unmet
from reference.readings import PAPER, ReadingDiffuser
from rubrics.ddpm.sampler.expectations import expect_formula, expect_order
from rubrics.ddpm.sampler.noise import expect_noise
from rubrics.ddpm.sampler.probe import RecoveredSampler, recover
from rubrics.ddpm.sampler.setup import SCHEDULE

_SAMPLER = """\
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    START
    for step in reversed(range(total_timesteps)):
        t = torch.full((num_samples, 1), float(step))
        eps = model(x_t, t)
        alpha, alpha_bar = diffuser.alphas[step], diffuser.alpha_bar[step]
        x_t = (x_t - (1 - alpha) / (1 - alpha_bar).sqrt() * eps) / alpha.sqrt()
        if step > 0:
            x_t = x_t + diffuser.betas[step].sqrt() * torch.randn_like(x_t)
        END
    return x_t
"""
_REFERENCE = ReadingDiffuser(**SCHEDULE, reading=PAPER)


@pytest.fixture
def sampled(load_student: LoadStudent) -> Callable[..., RecoveredSampler]:
    """Recover a sampler written with these replacements."""

    def recovered(**replacements: str) -> RecoveredSampler:
        source = _SAMPLER
        for old, new in {"START": "pass", "END": "pass", **replacements}.items():
            assert old in source
            source = source.replace(old, new)
        student = load_student(f"import torch\n{source}")
        return recover(student, lambda _: None, torch.Generator().manual_seed(1))

    return recovered


@pytest.mark.parametrize(
    "changes",
    [
        {"START": "x_t = x_t.double()"},
        {"START": "x_t = x_t.double()", "eps = model(x_t, t)": "eps = model(x_t.float(), t).double()"},
        {"eps = model(x_t, t)": "eps = model(x_t.double(), t.double())"},
        {"return x_t": "return x_t.double()"},
        {"return x_t": "return x_t.to_sparse()"},
        {"return x_t": "return x_t.detach().numpy().astype('longdouble')"},
    ],
    ids=[
        "float64",
        "float64 except the network",
        "float64 network",
        "float64 result",
        "sparse",
        "longdouble",
    ],
)
def test_a_right_sampler_is_right_in_any_precision(sampled, changes):
    sampling = sampled(**changes)
    expect_formula(sampling, _REFERENCE)
    expect_order(sampling, _REFERENCE)
    expect_noise(sampling, _REFERENCE)


def test_a_float64_sampler_without_its_last_update_is_found_out(sampled):
    sampling = sampled(
        START="x_t = x_t.double(); images = []",
        END="images.append(x_t)",
        **{"return x_t": "return images[-2]"},
    )
    with pytest.raises(Unmet) as found:
        expect_order(sampling, _REFERENCE)
    assert found.value.misconception == "last-update-dropped"


def test_nan_is_reported_as_such(sampled):
    with pytest.raises(Unmet, match="NaN or infinity") as found:
        expect_formula(sampled(END="x_t[0] = float('nan')"), _REFERENCE)
    assert found.value.misconception == "not-finite"


def test_steps_before_the_first_infinity_still_count(sampled):
    expect_formula(sampled(END="x_t = x_t / (step != 20)"), _REFERENCE)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("torch.full((num_samples, 1), float('nan'))", "the step t is NaN or infinite"),
        ("float('inf')", "the step t is NaN or infinite"),
        ("torch.zeros(0)", "no steps were given for 10 images"),
    ],
)
def test_a_step_that_is_no_number_is_an_error_in_the_students_line(sampled, step, sentence):
    sampling = sampled(**{"torch.full((num_samples, 1), float(step))": step})
    assert sampling.first.error is not None
    assert sentence in str(sampling.first.error)
    assert "cell 7, line" in str(sampling.first.error)


def test_an_integer_image_gets_a_sentence(sampled):
    with pytest.raises(Unmet, match="does not become a weighted sum"):
        expect_formula(sampled(**{"model(x_t, t)": "model(x_t.long(), t)"}), _REFERENCE)

"""Exercise 3, the sampler, run on a network that knows where it wants to lead."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from reference.diffuser import NoiseDiffuser

from .sampler.expectations import expect_calls, expect_formula, expect_order
from .sampler.figures import coefficients
from .sampler.noise import expect_noise
from .sampler.probe import COUNT, SHAPE, RecoveredSampler


@criterion("sample.formula")
def check_steps_follow_the_formula(
    sampling: RecoveredSampler, truth: NoiseDiffuser, reporter: Reporter
) -> None:
    """Every step computes 1/√α · (x_t − β/√(1−ᾱ) · ε) from x_t and the predicted noise."""
    if sampling.updates:
        for figure in coefficients(sampling.updates, truth):
            reporter.show(figure)
    expect_formula(sampling, truth)


@criterion("sample.order")
def check_all_steps_are_taken(
    sampling: RecoveredSampler, truth: NoiseDiffuser, evidence: Evidence, reporter: Reporter
) -> None:
    """The network is asked at every step once, from the last down to the first, and the last update is
    returned.
    """
    evidence.actual = expect_order(sampling, truth)
    run = sampling.first
    if run.calls[0].x is not None and not torch.allclose(run.calls[0].x, run.start, atol=1e-5):
        reporter.note(
            "generate_samples does not begin with the x_t that it was given, but with noise of its own."
        )


@criterion("sample.noise")
def check_noise_is_fresh_and_strong_enough(
    sampling: RecoveredSampler, truth: NoiseDiffuser, evidence: Evidence
) -> None:
    """At every step but the last, fresh standard normal noise is added, with σ² = β or the posterior
    variance.
    """
    evidence.actual = expect_noise(sampling, truth)


@criterion("sample.no_grad_or_detach")
def check_samples_carry_no_gradients(sampling: RecoveredSampler) -> None:
    """The samples are detached from the network's graph."""
    expect_calls(sampling)
    run = sampling.first
    if run.error and any(call.grad for call in run.calls):
        raise Blocked(f"generate_samples did not come to its end: {run.error}")
    if run.attached:
        raise Unmet(
            "The samples still hang on the graph of all steps: neither no_grad nor detach was used.",
            expected="requires_grad = False",
            actual="requires_grad = True",
            misconception="gradients-kept",
        )


@criterion("sample.shape")
def check_samples_have_the_right_shape(sampling: RecoveredSampler) -> None:
    """As many samples come back as were asked for, in the shape of x_t."""
    run = sampling.first
    if run.error:
        if run.calls and all(call.x is not None and call.x.shape == SHAPE for call in run.calls):
            return  # that it did not come to its end was charged; until there the shape was right
        raise Blocked(f"generate_samples did not come to its end: {run.error}")
    returned = run.returned
    if isinstance(returned, Tensor):
        shape = tuple(returned.shape)
        if shape != SHAPE:
            raise Unmet(
                "The samples do not have the shape of x_t.",
                expected=f"{SHAPE}",
                actual=f"{shape}",
                misconception="count-wrong" if shape[1:] == SHAPE[1:] else "shape-wrong",
            )
    elif run.result is None:
        raise Unmet(
            f"generate_samples does not return the {COUNT} samples that were asked for.",
            expected=f"a tensor of shape {SHAPE}",
            actual="nothing" if returned is None else type(returned).__name__,
            misconception="samples-not-returned",
        )
    if run.result is not None and not torch.isfinite(run.result).all():
        raise Unmet(
            "The samples hold values that are not numbers (NaN or infinity).", misconception="not-finite"
        )

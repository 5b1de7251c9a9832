"""Exercise 3, the sampler, run on a probe network whose predictions the judge chooses."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from reference.diffuser import NoiseDiffuser

from .sampler.calls import timestep_of
from .sampler.expectations import expect_calls, expect_formula, expect_order
from .sampler.figures import coefficient_curves, deviation
from .sampler.noise import correct_parts, expect_noise
from .sampler.own_schedule import OwnSchedule
from .sampler.probe import RecoveredSampler
from .sampler.setup import COUNT, SHAPE
from .sampler.start import ignores_start
from .timestep_agreement import Disagreement


@criterion("sample.formula")
def check_steps_follow_the_formula(
    recovered_sampler: RecoveredSampler,
    reference_diffuser: NoiseDiffuser,
    reporter: Reporter,
    evidence: Evidence,
) -> None:
    """Every step computes 1/√α · (x_t − β/√(1−ᾱ) · ε) from x_t and the predicted noise ε."""
    updates = recovered_sampler.updates
    evidence.measure(
        x_coefficient=[step.x_factor for step in updates],
        noise_coefficient=[step.noise_factor for step in updates],
    )
    if updates:
        own = OwnSchedule.of(updates, reference_diffuser)
        for figure in coefficient_curves(updates, own or reference_diffuser):
            reporter.show(figure)
    expect_formula(recovered_sampler, reference_diffuser)


@criterion("sample.order")
def check_all_steps_are_taken(
    recovered_sampler: RecoveredSampler,
    reference_diffuser: NoiseDiffuser,
    disagreement: Disagreement | None,
    refused_form: Unmet | None,
    evidence: Evidence,
    reporter: Reporter,
) -> None:
    """The network is called once per step, from the last to the first, and the last update is returned."""
    evidence.measure(timesteps=[timestep_of(call) for call in recovered_sampler.first.calls])
    evidence.actual = expect_order(recovered_sampler, reference_diffuser)
    if disagreement and not disagreement.is_of_training:
        raise disagreement.unmet()
    if refused_form:
        raise refused_form
    run = recovered_sampler.first
    if ignores_start(run):
        reporter.note(
            "Your generate_samples starts from noise of its own instead of the x_t that it is given."
        )


@criterion("sample.noise")
def check_noise_is_fresh_and_strong_enough(
    recovered_sampler: RecoveredSampler, reference_diffuser: NoiseDiffuser, evidence: Evidence
) -> None:
    """Every step but the last adds fresh standard normal noise, with σ² = β or the posterior variance."""
    evidence.measure(noise_deviation=[deviation(step.residual) for step in recovered_sampler.updates])
    evidence.actual = expect_noise(recovered_sampler, reference_diffuser)


@criterion("sample.no_grad_or_detach")
def check_samples_carry_no_gradients(recovered_sampler: RecoveredSampler) -> None:
    """The samples are detached from the network's graph."""
    expect_calls(recovered_sampler)
    run = recovered_sampler.first
    if run.error and any(call.grad for call in run.calls):
        raise Blocked(f"generate_samples did not finish: {run.error}")
    if run.attached:
        raise Unmet(
            "Your samples still carry the autograd graph of all steps.",
            expected="requires_grad = False",
            actual="requires_grad = True",
            misconception="gradients-kept",
        )


@criterion("sample.shape")
def check_samples_have_the_right_shape(
    recovered_sampler: RecoveredSampler, reference_diffuser: NoiseDiffuser
) -> None:
    """The requested number of samples is returned, in the shape of x_t."""
    expect_calls(recovered_sampler)  # what is returned without the network was not sampled
    run = recovered_sampler.first
    if run.error:
        if run.calls and all(call.x is not None and call.x.shape == SHAPE for call in run.calls):
            return  # the error lost its points elsewhere; up to it the shape was right
        raise Blocked(f"generate_samples did not finish: {run.error}")
    returned = run.returned
    if isinstance(returned, Tensor):
        shape = tuple(returned.shape)
        if shape != SHAPE:
            raise Unmet(
                "Your samples do not have the shape of x_t.",
                expected=f"{SHAPE}",
                actual=f"{shape}",
                misconception="count-wrong" if shape[1:] == SHAPE[1:] else "shape-wrong",
            )
    elif run.result is None:
        raise Unmet(
            f"Your generate_samples does not return the {COUNT} requested samples.",
            expected=f"a tensor of shape {SHAPE}",
            actual="nothing" if returned is None else type(returned).__name__,
            misconception="samples-not-returned",
        )
    if recovered_sampler.count_refused:
        raise Unmet(
            f"Your generate_samples makes {COUNT} samples, but {recovered_sampler.count_refused}.",
            expected="as many samples as num_samples says",
            misconception="count-wrong",
        )
    if run.result is not None and not torch.isfinite(run.result).all():
        parts = correct_parts(recovered_sampler, reference_diffuser)
        if not (parts["formula"] and parts["noise"]):
            return  # the coefficient that made them lost its points
        raise Unmet("Your samples contain NaN or infinity.", misconception="not-finite")

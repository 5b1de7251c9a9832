"""Exercise 1, the noise schedule: beta, alpha and alpha_bar."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from grader.model import Curves, Series
from grader.sandbox.student import Student
from grader.sandbox.values import Handle
from reference.diffuser import NoiseDiffuser
from reference.pretrained import ScheduleArguments

from .forward.formulas import ALPHA_BAR, ALPHAS, BETAS, close, identify
from .forward.schedule import PROBE, StudentSchedule, build_diffuser, read_schedule


class _Ends(TypedDict):
    expected: str
    actual: str


# Relative to the largest value. Rounding to float32 is a thousand times smaller.
TOLERANCE = 1e-4
# A second set of arguments: numbers that are written into the class may agree with PROBE, but not with both.
_OTHER: ScheduleArguments = {"start_beta": 1e-4, "end_beta": 0.05, "total_steps": 23}


@criterion("schedule.betas")
def check_betas_are_linear(
    student: Student, diffuser: Handle, schedule: StudentSchedule, reporter: Reporter
) -> None:
    """β rises in equal steps from start_beta to end_beta, both included."""
    _expect_linear(schedule["betas"], **PROBE)
    other = read_schedule(student, build_diffuser(student, **_OTHER), _OTHER["total_steps"], reporter)
    _expect_linear(other["betas"], **_OTHER)


def _expect_linear(betas: Tensor, *, start_beta: float, end_beta: float, total_steps: int) -> None:
    right = torch.linspace(start_beta, end_beta, total_steps).double()
    if close(betas, right, TOLERANCE):
        return
    expected = f"{total_steps} values from {start_beta:g} to {end_beta:g} in equal steps"
    actual = f"{len(betas)} values from {betas[0]:.4g} to {betas[-1]:.4g}"
    if len(betas) != total_steps:
        raise Unmet(
            f"Your β has {len(betas)} values for {total_steps} steps.",
            expected=expected,
            actual=actual,
            misconception="betas-length",
        )
    start, end = betas[0].item(), betas[-1].item()
    if close(betas, torch.linspace(start, end, total_steps).double(), TOLERANCE) and start < end:
        asked = [
            f"{word} at {found:.4g}, not at {name} = {right:g}"
            for word, name, found, right in (
                ("starts", "start_beta", start, start_beta),
                ("ends", "end_beta", end, end_beta),
            )
            if abs(found - right) > TOLERANCE * end_beta
        ]
        known = "betas-wrong-ends"
        sentence = f"Your β rises in equal steps, but it {' and '.join(asked)}."
    else:
        sentence, known = "Your β does not rise in equal steps from start_beta to end_beta.", None
    mistakes = ((id, formula(start_beta, end_beta, total_steps).double()) for id, formula in BETAS)
    raise Unmet(
        sentence,
        expected=expected,
        actual=actual,
        misconception=next((id for id, curve in mistakes if close(betas, curve, 1e-3)), known),
    )


@criterion("schedule.alphas")
def check_alphas_are_what_beta_leaves(schedule: StudentSchedule) -> None:
    """α is 1 − β at every step."""
    alphas = schedule["alphas"]
    if "betas" not in schedule.curves:
        raise Blocked(f"α depends on β, which could not be read. {schedule.problems['betas']}")
    betas = schedule["betas"]  # the student's own: a wrong β already lost its points
    if close(alphas, 1 - betas, TOLERANCE):
        return
    right = (betas, 1 - betas, (1 - betas).cumprod(0))
    raise Unmet(
        "Your α is not 1 − β.",
        misconception=identify(alphas, ALPHAS, right, TOLERANCE),
        **_ends(1 - betas, alphas),
    )


@criterion("schedule.alpha_bar")
def check_alpha_bar_is_the_running_product(
    schedule: StudentSchedule, reference_diffuser: NoiseDiffuser, evidence: Evidence, reporter: Reporter
) -> None:
    """ᾱ at step t is the product of all α up to t."""
    _show(schedule, reference_diffuser, reporter)
    alpha_bar = schedule["alpha_bar"]
    own_beta, own_alpha = schedule.curves.get("betas"), schedule.curves.get("alphas")
    _, alphas, right = reference_diffuser.curves()
    # ᾱ may follow from the right α or from the student's α or β: a mistake in those lost its points there.
    bases = [alphas]
    bases += [own_alpha] if own_alpha is not None else []
    bases += [1 - own_beta] if own_beta is not None else []
    if any(close(alpha_bar, base.cumprod(0), TOLERANCE) for base in bases):
        return
    named = (identify(alpha_bar, ALPHA_BAR, (1 - base, base, base.cumprod(0)), TOLERANCE) for base in bases)
    raise Unmet(
        "Your ᾱ is not the running product of α.",
        misconception=next(filter(None, named), None),
        **_ends(right, alpha_bar),
    )


def _ends(expected: Tensor, actual: Tensor) -> _Ends:
    """Describe both curves by their length and their first and last values."""

    def ends(curve: Tensor) -> str:
        return f"{len(curve)} values, {curve[0]:.4g} at the first step and {curve[-1]:.4g} at the last"

    return {"expected": ends(expected), "actual": ends(actual)}


def _show(schedule: StudentSchedule, reference_diffuser: NoiseDiffuser, reporter: Reporter) -> None:
    betas, _, alpha_bar = reference_diffuser.curves()
    own = schedule.curves
    pairs = [
        ("β, the noise added at each step", "β", betas, own.get("betas")),
        ("ᾱ, the share of the image's variance that is left", "ᾱ", alpha_bar, own.get("alpha_bar")),
    ]
    for title, label, right, curve in pairs:
        series = [Series(label="reference", y=_rounded(right), role="reference")]
        if curve is None:
            found = f"Your diffuser has no curve of {label}."
        else:
            series.append(Series(label="yours", y=_rounded(curve), role="student"))
            same = close(curve, right, TOLERANCE)
            found = f"Your {label} {'matches' if same else 'differs from'} the reference."
        reporter.show(
            Curves(exercise=1, title=title, caption=found, x_label="step t", y_label=label, series=series)
        )


def _rounded(curve: Tensor) -> list[float]:
    return [
        round(value, 6) if value == value and abs(value) < 1e30 else 0.0 for value in curve[:2000].tolist()
    ]

"""Exercise 1, the noise schedule: beta, alpha and alpha_bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Curves, Series
from grader.probes.formulas import close, identify
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from reference.diffuser import NoiseDiffuser
from reference.schedule import ScheduleArguments

from .edition import draw_schedule
from .forward.formulas import ALPHA_BAR, ALPHAS, BETAS
from .forward.schedule import PROBE, StudentSchedule, build_diffuser, read_schedule
from .forward.unannounced import with_schedule


class _Ends(TypedDict):
    expected: str
    actual: str


# Relative to the largest value. Rounding to float32 is a thousand times smaller.
TOLERANCE = 1e-4
# A second set of arguments: numbers that are written into the class may agree with PROBE, but not with both.
_OTHER: ScheduleArguments = {"start_beta": 1e-4, "end_beta": 0.05, "total_steps": 23}


@criterion("schedule.betas")
def check_betas_are_linear(
    student: Student,
    diffuser: Handle,
    schedule: StudentSchedule,
    seeded: Seeded,
    reporter: Reporter,
    evidence: Evidence,
) -> None:
    """β rises in equal steps from start_beta to end_beta, both included."""
    evidence.measure(betas=schedule["betas"])
    _expect_linear(schedule["betas"], **PROBE)
    for arguments in (_OTHER, _unannounced(seeded)):
        other = read_schedule(
            student, build_diffuser(student, **arguments), arguments["total_steps"], reporter
        )
        _expect_linear(other["betas"], **arguments)


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


def _unannounced(seeded: Seeded) -> ScheduleArguments:
    """Return arguments that nobody knows before: a curve from a table may agree with all others."""
    return draw_schedule(seeded("schedule, unannounced"))


def _read_elsewhere(student: Student, arguments: ScheduleArguments) -> dict[str, Tensor]:
    """Return the student's curves with other arguments; none if that fails, as ``check_betas`` reports."""
    try:
        other = build_diffuser(student, **arguments)
        return read_schedule(student, other, arguments["total_steps"], Reporter(emit=lambda _: None)).curves
    except (StudentError, Unmet):
        return {}


@criterion("schedule.alphas")
def check_alphas_are_what_beta_leaves(
    student: Student, schedule: StudentSchedule, seeded: Seeded, evidence: Evidence
) -> None:
    """α is 1 − β at every step."""
    alphas = schedule["alphas"]
    evidence.measure(alphas=alphas)
    if "betas" not in schedule.curves:
        raise Blocked(f"α depends on β, which could not be read. {schedule.problems['betas']}")
    if not schedule["betas"].any():
        raise Blocked("α depends on β, and your β is 0 at every step.")
    betas = schedule["betas"]  # the student's own: a wrong β already lost its points
    if close(alphas, 1 - betas, TOLERANCE):
        where = _unannounced(seeded)
        other = _read_elsewhere(student, where)
        if {"betas", "alphas"} <= other.keys() and not close(other["alphas"], 1 - other["betas"], TOLERANCE):
            raise Unmet(
                f"Your α is 1 − β with the sanity check's schedule, but not {with_schedule(where)}.",
                **_ends(1 - other["betas"], other["alphas"]),
            )
        return
    right = (betas, 1 - betas, (1 - betas).cumprod(0))
    raise Unmet(
        "Your α is not 1 − β.",
        misconception=identify(alphas, ALPHAS, right, TOLERANCE),
        **_ends(1 - betas, alphas),
    )


@criterion("schedule.alpha_bar")
def check_alpha_bar_is_the_running_product(
    student: Student,
    schedule: StudentSchedule,
    reference_diffuser: NoiseDiffuser,
    seeded: Seeded,
    reporter: Reporter,
    evidence: Evidence,
) -> None:
    """ᾱ at step t is the product of all α up to t."""
    _show(schedule, reference_diffuser, reporter)
    alpha_bar = schedule["alpha_bar"]
    evidence.measure(alpha_bar=alpha_bar)
    own_beta = schedule.curves.get("betas")
    if (
        own_beta is not None
        and not alpha_bar.isfinite().all()
        and bool(((own_beta < 0) | (own_beta > 1)).any())
    ):
        return  # a product of numbers beyond 1 overflows, and such a β lost its points
    right = reference_diffuser.curves()[2]
    bases = _bases(schedule.curves, reference_diffuser)
    if any(close(alpha_bar, base.cumprod(0), TOLERANCE) for base in bases):
        where = _unannounced(seeded)
        other = _read_elsewhere(student, where)
        products = [base.cumprod(0) for base in _bases(other, NoiseDiffuser(**where))]
        found = other.get("alpha_bar")
        if found is not None and not any(close(found, product, TOLERANCE) for product in products):
            raise Unmet(
                f"Your ᾱ is the running product of α with the sanity check's schedule, but not "
                f"{with_schedule(where)}.",
                **_ends(products[0], found),
            )
        return
    named = (identify(alpha_bar, ALPHA_BAR, (1 - base, base, base.cumprod(0)), TOLERANCE) for base in bases)
    raise Unmet(
        "Your ᾱ is not the running product of α.",
        misconception=next(filter(None, named), None),
        **_ends(right, alpha_bar),
    )


def _bases(own: Mapping[str, Tensor], reference_diffuser: NoiseDiffuser) -> list[Tensor]:
    """Return the curves of α that ᾱ may follow from: the right one, or one of the student's own α or β.

    A mistake in those lost its points there.
    """
    found = [own["alphas"]] if "alphas" in own else []
    found += [1 - own["betas"]] if "betas" in own else []
    # Products of zeros or ones alone show nothing.
    return [reference_diffuser.curves()[1], *(curve for curve in found if bool((curve % 1 != 0).any()))]


def _ends(expected: Tensor, actual: Tensor) -> _Ends:
    """Describe both curves by their length and their first and last values."""

    def ends(curve: Tensor) -> str:
        return f"{len(curve)} values, {curve[0]:.4g} at the first step and {curve[-1]:.4g} at the last"

    return {"expected": ends(expected), "actual": ends(actual)}


def _show(schedule: StudentSchedule, reference_diffuser: NoiseDiffuser, reporter: Reporter) -> None:
    betas, _, alpha_bar = reference_diffuser.curves()
    own = schedule.curves
    curves = [
        ("betas", "β, the noise added at each step", "β", betas),
        ("alpha_bar", "ᾱ, the share of the image's variance that is left", "ᾱ", alpha_bar),
    ]
    for name, title, label, right in curves:
        if (curve := own.get(name)) is None:  # the reference's alone would show what to write
            continue
        series = [
            Series(label="reference", y=_rounded(right), role="reference"),
            Series(label="yours", y=_rounded(curve), role="student"),
        ]
        same = close(curve, right, TOLERANCE)
        found = f"Your {label} {'matches' if same else 'differs from'} the reference."
        reporter.show(
            Curves(
                exercise=1,
                title=title,
                caption=found,
                x_label="step t",
                y_label=label,
                series=series,
                criteria=[f"schedule.{name}"],
            )
        )


def _rounded(curve: Tensor) -> list[float]:
    return [
        round(value, 6) if value == value and abs(value) < 1e30 else 0.0 for value in curve[:2000].tolist()
    ]

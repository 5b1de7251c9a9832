"""Read a student's noise schedule, and match the forward process with the accepted formulations."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Reporter, Unmet
from grader.checks.session import Judge
from grader.probes.formulas import close
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.diffuser import NoiseDiffuser
from reference.readings import PAPER, READINGS, Reading
from reference.schedule import ScheduleArguments

from ..interface import signatures
from ..interface.doubles import NetworkDouble
from .probe import Forward
from .randomness import is_independent

PROBE: ScheduleArguments = {
    "start_beta": 0.001,
    "end_beta": 0.2,
    "total_steps": 50,
}  # the handout's sanity check
NAMES = {
    "betas": ("betas", "beta", "beta_t"),
    "alphas": ("alphas", "alpha", "alpha_t"),
    "alpha_bar": ("alpha_bar", "alpha_bars", "alphas_bar", "alphas_cumprod", "alpha_cumprod", "alpha_hat"),
}


def build_diffuser(student: Student, *, start_beta: float, end_beta: float, total_steps: int) -> Handle:
    """Build the student's NoiseDiffuser; if its constructor requires a network, it gets a test double.

    Raises:
        StudentError: it cannot be built.
    """
    arguments = {
        "start_beta": start_beta,
        "end_beta": end_beta,
        "total_steps": total_steps,
        "device": CURRENT_DEVICE,
    }
    network = NetworkDouble([], lambda x, t: torch.zeros_like(x), max_images=0)
    handle: Handle = signatures.call(
        student, "NoiseDiffuser", arguments, if_required={"model": network}, keep=True
    )
    return handle


def try_build_diffuser(student: Student, judge: Judge, schedule: ScheduleArguments) -> Handle | None:
    """Build the student's NoiseDiffuser, or return None if that is missing or fails.

    It serves as fallback of the diffuser's test double, for attributes that the handout's does not have.
    """
    if "NoiseDiffuser" in judge.request["extraction"]["missing"]:
        return None
    try:
        return build_diffuser(student, **schedule)
    except StudentError:
        return None


def try_build_right_diffuser(student: Student, judge: Judge, schedule: ScheduleArguments) -> Handle | None:
    """Do what ``try_build_diffuser`` does, with right curves in place of wrong ones, which are charged."""
    built = try_build_diffuser(student, judge, schedule)
    if built is not None:
        with suppress(StudentError, Unmet):
            found = read_schedule(student, built, schedule["total_steps"], Reporter(emit=lambda _: None))
            replace_wrong_curves(student, built, found, NoiseDiffuser(**schedule))
    return built


@dataclass(slots=True)
class StudentSchedule:
    """A student's schedule: by the handout's names, the curve of each attribute or why there is none.

    Attributes:
        curves: float64 (T,) by name.
        problems: a sentence by name.
        padded: names of curves that had an entry before the first step's, which is left out.
        holders: the attribute that holds a curve, by name, where it is called otherwise.
    """

    curves: dict[str, Tensor] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    padded: frozenset[str] = frozenset()
    holders: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        if name in self.problems:
            raise Unmet(self.problems[name], expected=f"a tensor of T values in self.{name}")
        return self.curves[name]


def read_schedule(
    student: Student, diffuser: Handle, total_steps: int, reporter: Reporter
) -> StudentSchedule:
    """Read betas, alphas and alpha_bar from a student's diffuser, under these or other usual names.

    A curve of T + 1 values that starts with the value before any step (β = 0, α = ᾱ = 1) counts steps from 1.
    """
    found = StudentSchedule()
    for name, spellings in NAMES.items():
        for spelling in spellings:
            try:
                value = student.get(diffuser, spelling)
            except StudentError:
                continue
            if looked_up := isinstance(value, Handle) and value.type == "method":
                value = _at_all_steps(student, value, total_steps)
            curve = _as_curve(value)
            if curve is None:
                found.problems[name] = (
                    f"self.{spelling} should be a sequence of numbers, but it is {_kind(value)}."
                )
                continue
            if len(curve) == total_steps + 1 and curve[0] == (0 if name == "betas" else 1):
                found.padded |= {name}
                curve = curve[1:]
            found.curves[name] = curve
            found.problems.pop(name, None)
            if spelling != name:
                found.holders |= {} if looked_up else {name: spelling}
                reporter.note(f"Your diffuser has no {name}, so its {spelling} was used as {name}.")
            break
        if name not in found.curves and name not in found.problems:
            found.problems[name] = f"Your diffuser has no attribute {name}."
    for name, curve in _expected(found).items():
        if name not in found.curves and (holder := _holding(student, diffuser, curve)):
            found.curves[name] = curve
            found.holders[name] = holder
            del found.problems[name]
            reporter.note(f"Your diffuser has no {name}, so its {holder} was used as {name}.")
    return found


def _at_all_steps(student: Student, method: Handle, total: int) -> Any:
    """Return what a lookup method returns for all steps; the method itself if it does not accept them."""
    with suppress(StudentError):
        return student.call(method, torch.arange(total))
    return method


def _expected(found: StudentSchedule) -> dict[str, Tensor]:
    """Return the curves that follow from those that were found."""
    if (betas := found.curves.get("betas")) is None:
        return {}
    alphas = found.curves.get("alphas", 1 - betas)
    return {"alphas": 1 - betas, "alpha_bar": alphas.cumprod(0)}


def _holding(student: Student, diffuser: Handle, curve: Tensor) -> str | None:
    """Return the name of the attribute that holds a curve, whatever it is called."""
    for name in student.ask("describe", diffuser).get("attributes", [])[:20]:
        with suppress(StudentError):
            value = _as_curve(student.get(diffuser, str(name)))
            if value is not None and value.shape == curve.shape and close(value, curve, within=1e-3):
                return str(name)
    return None


def replace_wrong_curves(
    student: Student, diffuser: Handle, found: StudentSchedule, reference_diffuser: NoiseDiffuser
) -> list[str]:
    """Replace each wrong curve of the diffuser, so that code that reads it does not lose points for it again.

    Returns:
        The names of the curves that were replaced.
    """
    right = dict(zip(NAMES, reference_diffuser.curves(), strict=True))
    curves_found = [(name, curve) for name, curve in found.curves.items() if name not in found.padded]
    wrong = [name for name, curve in curves_found if not close(curve, right[name], within=1e-3)]
    replaced = []
    for name in wrong:
        with suppress(StudentError):  # a property without a setter keeps what it computes
            holder = found.holders.get(name, name)
            held = student.get(diffuser, holder)
            curve = right[name].float()
            if isinstance(held, Tensor) and held.numel() == curve.numel():
                curve = curve.view(held.shape)
            student.set(diffuser, holder, curve)
            replaced.append(name)
    return replaced


def _as_curve(value: Any) -> Tensor | None:
    if isinstance(value, list | tuple) and value and all(isinstance(item, float | int) for item in value):
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, Tensor) and value.numel() > 1:
        return value.double().flatten()
    return None


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {value.type if isinstance(value, Handle) else type(value).__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedReading:
    """The formulation that a student's forward process follows.

    Attributes:
        reading: the accepted formulation that has both of its coefficients; the paper's if none has.
        accepted: whether one has.
        alpha_bars: curves that alpha_bar may stand for: the right one, and the student's own.
        scaled: whether the returned noise is already multiplied by its coefficient.
    """

    reading: Reading
    accepted: bool
    alpha_bars: tuple[Tensor, ...]
    scaled: bool

    @property
    def reported_id(self) -> str | None:
        """Id of the formulation for the report: None for the paper's and where none is accepted."""
        return self.reading.id if self.accepted and self.reading is not PAPER else None

    @property
    def as_returned(self) -> Reading:
        """The formulation, returning scaled or unscaled noise as the student's code does."""
        return replace(self.reading, returns_scaled_noise=self.scaled)


def match_reading(
    forward: Forward, schedule: StudentSchedule, reference_diffuser: NoiseDiffuser
) -> MatchedReading:
    """Return the formulation that a forward process follows."""
    _, _, alpha_bar = reference_diffuser.curves()
    own = schedule.curves.get("alpha_bar")
    usable = own is not None and own.shape == alpha_bar.shape and bool(((own > 0) & (own <= 1)).all())
    usable = usable and own is not None and bool((own < 1).any())  # 1 everywhere is no schedule
    alpha_bars = (alpha_bar, own) if usable and own is not None else (alpha_bar,)
    as_added = bool(((forward.ratio - 1).abs() < 1e-3).all())
    scaled = as_added and bool((forward.noise < 0.9).any())  # a coefficient of 1 is no scaling
    for reading in READINGS.values():
        if any(
            fits_image(forward, reading, ab) and fits_noise(forward, reading, ab, scaled) for ab in alpha_bars
        ):
            return MatchedReading(reading=reading, accepted=True, alpha_bars=alpha_bars, scaled=scaled)
    return MatchedReading(reading=PAPER, accepted=False, alpha_bars=alpha_bars, scaled=scaled)


def is_usable(
    forward: Forward,
    reading_match: MatchedReading,
    schedule: StudentSchedule,
    reference_diffuser: NoiseDiffuser,
) -> bool:
    """Return whether training can rely on the student's diffuser; if not, the reference's replaces it."""
    _, _, alpha_bar = reference_diffuser.curves()
    own = schedule.curves.get("alpha_bar", torch.zeros(0, dtype=torch.float64))
    batched = forward.batched
    each = not isinstance(batched, str) and close(batched[0], forward.image[batched[1]], within=2e-3)
    return (
        reading_match.accepted
        and not forward.limits
        and is_independent(forward.added)
        and each
        and not forward.convention.single
        and bool((forward.correlation > 0.999).all())
        and not schedule.problems
        and close(own, alpha_bar, within=1e-3)
    )


def fits_image(forward: Forward, reading: Reading, alpha_bar: Tensor) -> bool:
    """Return whether the image has the coefficient of a formulation, to 0.2 %."""
    return close(forward.image, reading.signal(alpha_bar), within=2e-3)


def fits_noise(forward: Forward, reading: Reading, alpha_bar: Tensor, scaled: bool) -> bool:
    """Return whether the noise has the coefficient of a formulation.

    If the unscaled noise is returned, its ratio to the added noise is the exact coefficient. Otherwise the
    coefficient is only known as a standard deviation, see ``agrees_statistically``.
    """
    expected = reading.noise(alpha_bar)
    if not scaled and close(forward.ratio.abs(), expected, within=2e-3):
        return True
    return agrees_statistically(forward.noise, expected)


def agrees_statistically(measured: Tensor, expected: Tensor) -> bool:
    """Return whether standard deviations of 12,544 pixels each agree with a curve.

    The relative standard error of one is 1/√(2 · 12,544) = 0.63 %. The bounds are six standard errors or
    more: 4 % at each step, and 0.6 % for the average over the probes' 50 steps.
    """
    ratio = (measured / expected.clamp_min(1e-12)).log()
    return bool((ratio.abs() < 0.04).all()) and abs(ratio.mean().item()) < 0.006

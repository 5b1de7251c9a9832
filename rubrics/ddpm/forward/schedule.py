"""A student's noise schedule and forward process, read and judged by the accepted readings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Reporter, Unmet
from grader.checks.session import Judge
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.diffuser import NoiseDiffuser
from reference.pretrained import ScheduleArguments
from reference.readings import PAPER, READINGS, Reading

from ..interface import signatures
from ..interface.doubles import NetworkDouble
from .formulas import close
from .probe import Forward

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
    """A NoiseDiffuser of the student's; one that wants a network to hold gets a stand-in.

    Raises:
        StudentError: it cannot be built.
    """
    arguments = {
        "start_beta": start_beta,
        "end_beta": end_beta,
        "total_steps": total_steps,
        "device": CURRENT_DEVICE,
    }
    network = NetworkDouble([], lambda x, t: torch.zeros_like(x), most=0)
    handle: Handle = signatures.call(
        student, "NoiseDiffuser", arguments, if_required={"model": network}, keep=True
    )
    return handle


def own_diffuser(student: Student, judge: Judge, schedule: ScheduleArguments) -> Handle | None:
    """The student's diffuser, for what may be asked of it beyond the handout's attributes; None if it is not
    to be had.
    """
    if "NoiseDiffuser" in judge.request["extraction"]["missing"]:
        return None
    try:
        return build_diffuser(student, **schedule)
    except StudentError:
        return None


@dataclass(slots=True)
class StudentSchedule:
    """A student's schedule by the handout's names: what each attribute holds, or why it has none."""

    curves: dict[str, Tensor] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    padded: frozenset[str] = frozenset()  # those with an entry before the first step's, which is left out

    def __getitem__(self, name: str) -> Tensor:
        if name in self.problems:
            raise Unmet(self.problems[name], expected=f"a tensor of T values in self.{name}")
        return self.curves[name]


def schedule_of(student: Student, diffuser: Handle, total_steps: int, reporter: Reporter) -> StudentSchedule:
    """Read betas, alphas and alpha_bar off a student's diffuser, under these or other usual names.

    A curve of T + 1 values that begins with that of no step at all counts from 1.
    """
    found = StudentSchedule()
    for name, spellings in NAMES.items():
        for spelling in spellings:
            try:
                value = student.get(diffuser, spelling)
            except StudentError:
                continue
            if isinstance(value, Handle) and value.type == "method":
                value = _at_all_steps(student, value, total_steps)
            curve = _as_curve(value)
            if curve is None:
                found.problems[name] = f"self.{spelling} holds no curve of numbers, but {_kind(value)}."
                continue
            if len(curve) == total_steps + 1 and curve[0] == (0 if name == "betas" else 1):
                found.padded |= {name}
                curve = curve[1:]
            found.curves[name] = curve
            found.problems.pop(name, None)
            if spelling != name:
                reporter.note(
                    f"The diffuser calls {name} by the name {spelling}; that was read in its place."
                )
            break
        if name not in found.curves and name not in found.problems:
            found.problems[name] = f"The diffuser has no attribute {name}."
    for name, curve in _expected(found).items():
        if name not in found.curves and (holder := _holding(student, diffuser, curve)):
            found.curves[name] = curve
            del found.problems[name]
            reporter.note(f"The diffuser calls {name} by the name {holder}; that was read in its place.")
    return found


def _at_all_steps(student: Student, method: Handle, total: int) -> Any:
    """What a method that looks the curve up returns for all steps; itself where it does not take them."""
    with suppress(StudentError):
        return student.call(method, torch.arange(total))
    return method


def _expected(found: StudentSchedule) -> dict[str, Tensor]:
    """The curves that follow from those that were found."""
    if (betas := found.curves.get("betas")) is None:
        return {}
    alphas = found.curves.get("alphas", 1 - betas)
    return {"alphas": 1 - betas, "alpha_bar": alphas.cumprod(0)}


def _holding(student: Student, diffuser: Handle, curve: Tensor) -> str | None:
    """The attribute, of whatever name, that holds a curve."""
    for name in student.ask("describe", diffuser).get("attributes", [])[:20]:
        with suppress(StudentError):
            value = _as_curve(student.get(diffuser, str(name)))
            if value is not None and value.shape == curve.shape and close(value, curve, within=1e-3):
                return str(name)
    return None


def mend(student: Student, diffuser: Handle, found: StudentSchedule, truth: NoiseDiffuser) -> list[str]:
    """Put the true curve in the place of each wrong one, so that what reads it is not charged for it again.

    Returns:
        The names that were mended.
    """
    right = dict(zip(NAMES, truth.curves(), strict=True))
    curves_found = [(name, curve) for name, curve in found.curves.items() if name not in found.padded]
    wrong = [name for name, curve in curves_found if not close(curve, right[name], within=1e-3)]
    mended = []
    for name in wrong:
        with suppress(StudentError):  # a property without a setter keeps what it computes
            student.set(diffuser, name, right[name].float())
            mended.append(name)
    return mended


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
    """How a forward process is to be read.

    Attributes:
        reading: the accepted reading whose both coefficients it has; the paper's where it has none's.
        accepted: whether it has.
        alpha_bars: schedules that may be meant by alpha_bar: the true one, and the student's own.
        scaled: whether the returned noise carries its coefficient already.
    """

    reading: Reading
    accepted: bool
    alpha_bars: tuple[Tensor, ...]
    scaled: bool

    @property
    def named(self) -> str | None:
        """The reading's id where it is worth naming: where it is accepted, and not the paper's."""
        return self.reading.id if self.accepted and self.reading is not PAPER else None

    @property
    def as_returned(self) -> Reading:
        """The reading, with the noise returned as this student's code returns it."""
        return replace(self.reading, returns_scaled_noise=self.scaled)


def read(forward: Forward, schedule: StudentSchedule, truth: NoiseDiffuser) -> MatchedReading:
    """The reading that a forward process follows."""
    _, _, alpha_bar = truth.curves()
    own = schedule.curves.get("alpha_bar")
    usable = own is not None and own.shape == alpha_bar.shape and bool(((own > 0) & (own <= 1)).all())
    alpha_bars = (alpha_bar, own) if usable and own is not None else (alpha_bar,)
    as_added = bool(((forward.ratio - 1).abs() < 1e-3).all())
    scaled = as_added and bool((forward.noise < 0.9).any())  # noise of full strength is the same either way
    for reading in READINGS.values():
        if any(
            fits_image(forward, reading, ab) and fits_noise(forward, reading, ab, scaled) for ab in alpha_bars
        ):
            return MatchedReading(reading=reading, accepted=True, alpha_bars=alpha_bars, scaled=scaled)
    return MatchedReading(reading=PAPER, accepted=False, alpha_bars=alpha_bars, scaled=scaled)


def is_sound(
    forward: Forward, judged: MatchedReading, schedule: StudentSchedule, truth: NoiseDiffuser
) -> bool:
    """Whether the diffuser can be built upon; where it cannot, the reference's takes its place."""
    _, _, alpha_bar = truth.curves()
    own = schedule.curves.get("alpha_bar", torch.zeros(0, dtype=torch.float64))
    batched = forward.batched
    each = not isinstance(batched, str) and close(batched[0], forward.image[batched[1]], within=2e-3)
    return (
        judged.accepted
        and not forward.limits
        and each
        and not forward.asked.single
        and bool((forward.likeness > 0.999).all())
        and not schedule.problems
        and close(own, alpha_bar, within=1e-3)
    )


def fits_image(forward: Forward, reading: Reading, alpha_bar: Tensor) -> bool:
    """Whether the image's coefficient is the reading's."""
    return close(forward.image, reading.signal(alpha_bar), within=2e-3)


def fits_noise(forward: Forward, reading: Reading, alpha_bar: Tensor, scaled: bool) -> bool:
    """Whether the noise's coefficient is the reading's.

    Where the returned noise is what was drawn, the coefficient is known exactly. Otherwise it is the standard
    deviation of 12,544 pixels per step, whose own standard error is 0.63 %: 4 % at each step and 0.6 % on
    average are six of them.
    """
    expected = reading.noise(alpha_bar)
    if not scaled and close(forward.ratio.abs(), expected, within=2e-3):
        return True
    return like_statistically(forward.noise, expected)


def like_statistically(measured: Tensor, expected: Tensor) -> bool:
    """Whether standard deviations of 12,544 pixels each agree with a curve."""
    ratio = (measured / expected.clamp_min(1e-12)).log()
    return bool((ratio.abs() < 0.04).all()) and abs(ratio.mean().item()) < 0.006

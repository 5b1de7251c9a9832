"""Call a student's ``noise_diffusion`` in a form that it accepts, and find image and noise in the result."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.answers import equals, is_float, joined
from grader.probes.attempts import furthest
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, NamedFields, StudentError

from ..interface.conventions import HANDOUT_LAYOUT, ReturnLayout, values_in

BATCH = 16
# Forms of t to try for a batch, then for a single image; the handout's comes first. Other shapes are used
# only if the student's own train uses them: a t of shape (B, 1, 1, 1) would hide that coefficients indexed by
# t do not broadcast over the images.
FORMS = ("list", "long (B,)")
SINGLE = ("list", "int", "long (B,)")
# Names of parameters for t, and for noise that the caller may draw.
_STEPS = re.compile(r"(?i)(t|ts|steps?|time_?steps?)")
_NOISE = re.compile(r"(?i)(noise|eps|epsilon|e|z)")


@dataclass(frozen=True, slots=True)
class CallConvention:
    """How a student's ``noise_diffusion`` is called and what it returns; probed, not assumed.

    Attributes:
        form: the form of ``t``, such as "list" or "long (B,)".
        single: whether it accepts single images only, not batches.
        layout: the layout of its result.
        first: the number of the first step, 0 or 1.
        dtypes: those of x_t and of the noise, for an image in float32.
        by_name: the student's names of the image and of t, where no position passes them; "" for one that has
            a position.
    """

    form: str
    single: bool = False
    layout: ReturnLayout = HANDOUT_LAYOUT
    first: int = 0
    dtypes: tuple[torch.dtype, torch.dtype] = (torch.float32, torch.float32)
    by_name: tuple[str, str] = ("", "")

    def call(self, student: Student, diffuser: Handle, image: Tensor, steps: list[int], *, seed: int) -> Any:
        """Return what ``noise_diffusion`` returns for images and their steps, which count from 0."""
        given = list(zip(self.by_name, (image, self.t(steps)), strict=True))
        return student.call(
            diffuser,
            *(value for name, value in given if not name),
            method="noise_diffusion",
            seed=seed,
            **{name: value for name, value in given if name},
        )

    def t(self, steps: list[int]) -> Any:
        """Return steps that count from 0 in the form and numbering of the student's code."""
        numbers = [step + self.first for step in steps]
        if self.form in ("list", "int"):
            return numbers if self.form == "list" else numbers[0]
        kind, _, shape = self.form.partition(" ")
        t = torch.tensor(numbers).view(-1, *[1] * (shape.count(",") - (shape == "(B,)")))
        return t.float() if kind == "float" else t

    def notes(self) -> list[str]:
        """Return sentences for the report on what differs from the handout."""
        notes = []
        if self.single:
            notes.append(
                "Your noise_diffusion does not accept a batch of images, so the other checks called it with "
                "one image at a time."
            )
        elif self.form != "list":
            notes.append(
                "Your noise_diffusion does not accept t as a list, as in the handout; it got a tensor."
            )
        if (self.layout.image, self.layout.noise) == (1, 0):
            notes.append(
                "Your noise_diffusion returns the noise first and the image second; it was read that way."
            )
        return notes

    def __str__(self) -> str:
        form = "a list of ints" if self.form == "list" else self.form
        return f"t as {form}{', one image at a time' if self.single else ''}; {self.layout}"


def find_call_convention(
    student: Student, diffuser: Handle, first: Tensor, second: Tensor, form: str | None
) -> CallConvention:
    """Return the first convention in which ``noise_diffusion`` accepts two different images.

    Args:
        first, second: two batches of images.
        form: the only form of t to try; None for those of the handout.

    Raises:
        StudentError, Unmet: it accepts none; the error is that of the attempt that came furthest.
    """
    refused: list[StudentError | Unmet] = []
    by_name = _passed_by_name(student, diffuser)
    batched, single = (
        (CallConvention(form, by_name=by_name) for form in FORMS),
        (CallConvention(form, single=True, by_name=by_name) for form in SINGLE),
    )
    for convention in (*batched, *single) if form is None else (CallConvention(form, by_name=by_name),):
        count = 1 if convention.single else BATCH
        try:
            results = [
                convention.call(student, diffuser, image[:count], [3] * count, seed=5)
                for image in (first, second)
            ]
            layout = _find_layout(student, results[0], results[1], first[:count].shape)
            _, values = values_in(student, results[0])
            kinds = [values[key].dtype for key in (layout.image, layout.noise) if key is not None]
            return replace(convention, layout=layout, dtypes=(kinds[0], kinds[-1]))
        except (StudentError, Unmet) as error:
            if isinstance(error, StudentError) and error.lost:
                raise
            refused.append(error)
    raise furthest(refused)


def _passed_by_name(student: Student, diffuser: Handle) -> tuple[str, str]:
    """Return the names of the parameters for the image and for t; "" for one that has a position."""
    try:
        method = student.get(diffuser, student.method("noise_diffusion"))
        about = student.ask("describe", method) if isinstance(method, Handle) else {}
    except StudentError:  # a call raises it as well
        return "", ""
    names = [name for name in about.get("arguments", ()) if not _NOISE.fullmatch(name)]
    t = next((name for name in names if _STEPS.fullmatch(name)), names[1] if len(names) > 1 else "")
    image = next((name for name in names if name != t), "")
    only = about.get("by_name", ())
    return image if image in only else "", t if t in only else ""


def _find_layout(student: Student, result: Any, other: Any, shape: torch.Size) -> ReturnLayout:
    """Return the layout of two results for different images and the same noise.

    With a common seed both calls draw the same noise, so the value that changes with the image is x_t and one
    that stays is the noise.

    Raises:
        Unmet: the result has no image of the right shape.
    """
    kind, values = values_in(student, result)
    images = {key: value for key, value in values.items() if is_float(value)}
    right = [key for key, value in images.items() if value.shape == shape]
    if not right or (len(right) < 2 and right[0] != next(iter(images))):
        if result is None:
            raise Unmet("noise_diffusion returns None. Is a return statement missing?", actual="None")
        found = ", ".join(str(tuple(value.shape)) for value in images.values()) or type(result).__name__
        raise _no_noisy_image(shape, found)
    _, others = values_in(student, other)
    changed = [key for key in right if not equals(values[key], others.get(key))]
    image = next((key for key in changed if key == right[0]), changed[0] if changed else right[0])
    unchanged = [key for key in right if key not in changed and key != image]
    rest = [key for key in images if key != image]
    noise = (unchanged or rest)[0] if rest else None
    names = result.names if isinstance(result, NamedFields) else ()
    return ReturnLayout(kind, tuple(values), image, noise, names)


def _no_noisy_image(shape: torch.Size, actual: str) -> Unmet:
    return Unmet(
        "noise_diffusion does not return a noisy image of the same shape as its input.",
        expected=f"two tensors of shape {tuple(shape)}",
        actual=actual,
    )


def call_noise_diffusion(
    student: Student,
    diffuser: Handle,
    convention: CallConvention,
    image: Tensor,
    steps: list[int],
    *,
    seed: int,
) -> tuple[Tensor, Tensor | None]:
    """Return x_t and the returned noise, float64; the noise is None where there is none."""
    if convention.single:
        pairs = [
            _call_once(student, diffuser, convention, one[None], [step], seed=1000 * seed + number)
            for number, (one, step) in enumerate(zip(image, steps, strict=True))
        ]
        noises = [noise for _, noise in pairs if noise is not None]
        return torch.cat([x for x, _ in pairs]), joined(noises)
    return _call_once(student, diffuser, convention, image, steps, seed=seed)


def _call_once(
    student: Student,
    diffuser: Handle,
    convention: CallConvention,
    image: Tensor,
    steps: list[int],
    *,
    seed: int,
) -> tuple[Tensor, Tensor | None]:
    result = convention.call(student, diffuser, image, steps, seed=seed)
    _, values = values_in(student, result)
    layout = convention.layout
    x = values.get(layout.image)
    noise = None if layout.noise is None else values.get(layout.noise)
    if not isinstance(x, Tensor) or not is_float(x) or x.shape != image.shape:
        actual = str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__
        raise _no_noisy_image(image.shape, actual)
    return x.double(), noise.double() if isinstance(noise, Tensor) and is_float(noise) else None

"""Asks a student's ``noise_diffusion``, in the form that it takes t, and reads what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, NamedFields, StudentError

from ..interface.conventions import HANDOUTS, ReturnLayout, values_in

BATCH = 16
# The forms that t may take for a batch, then for a single image; the handout's comes first. Others only where
# the student's own train gives them: a (B, 1, 1, 1) would hide that the coefficients do not meet the images.
FORMS = ("list", "long (B,)")
SINGLE = ("list", "int", "long (B,)")


@dataclass(frozen=True, slots=True)
class CallConvention:
    """How a student's ``noise_diffusion`` wants to be asked, and how it answers; probed, not assumed.

    Attributes:
        form: what ``t`` is given as.
        single: whether it takes no batch, so that images have to be given one by one.
        answers: the form of what comes back.
        first: the number of the first step.
    """

    form: str
    single: bool = False
    answers: ReturnLayout = HANDOUTS
    first: int = 0

    def t(self, steps: list[int]) -> Any:
        """Steps counted from 0 as the student's code wants them."""
        numbers = [step + self.first for step in steps]
        if self.form in ("list", "int"):
            return numbers if self.form == "list" else numbers[0]
        kind, _, shape = self.form.partition(" ")
        t = torch.tensor(numbers).view(-1, *[1] * (shape.count(",") - (shape == "(B,)")))
        return t.float() if kind == "float" else t

    def __str__(self) -> str:
        form = "a list of ints" if self.form == "list" else self.form
        return f"t as {form}{', one image at a time' if self.single else ''}; {self.answers}"


def how_to_ask(
    student: Student, diffuser: Handle, first: Tensor, second: Tensor, form: str | None
) -> CallConvention:
    """The first way of asking that is answered, for two different images.

    Raises:
        StudentError, Unmet: none is.
    """
    refused: StudentError | Unmet | None = None
    batched, single = (
        (CallConvention(form) for form in FORMS),
        (CallConvention(form, single=True) for form in SINGLE),
    )
    for asked in (*batched, *single) if form is None else (CallConvention(form),):
        count = 1 if asked.single else BATCH
        try:
            answers = [
                student.call(diffuser, image[:count], asked.t([3] * count), method="noise_diffusion", seed=5)
                for image in (first, second)
            ]
            return replace(asked, answers=_form(student, answers[0], answers[1], first[:count].shape))
        except (StudentError, Unmet) as error:
            if isinstance(error, StudentError) and error.lost:
                raise
            refused = refused or error
    assert refused is not None
    raise refused


def _form(student: Student, answer: Any, other: Any, shape: torch.Size) -> ReturnLayout:
    """The form of two answers for different images and the same noise: what moves is the image.

    Raises:
        Unmet: there is no image of the right shape in it.
    """
    kind, values = values_in(student, answer)
    images = {key: value for key, value in values.items() if _is_image(value)}
    right = [key for key, value in images.items() if value.shape == shape]
    if not right or (len(right) < 2 and right[0] != next(iter(images))):
        if answer is None:
            raise Unmet("noise_diffusion returns nothing (None): is a return missing?", actual="None")
        found = ", ".join(str(tuple(value.shape)) for value in images.values()) or type(answer).__name__
        raise Unmet(
            "noise_diffusion does not return a noisy image of the shape that it was given.",
            expected=f"two tensors of shape {tuple(shape)}",
            actual=found,
        )
    _, others = values_in(student, other)
    moved = [key for key in right if not torch.equal(values[key], others[key])]
    image = next((key for key in moved if key == right[0]), moved[0] if moved else right[0])
    still = [key for key in right if key not in moved and key != image]
    rest = [key for key in images if key != image]
    noise = (still or rest)[0] if rest else None
    names = answer.names if isinstance(answer, NamedFields) else ()
    return ReturnLayout(kind, tuple(values), image, noise, names)


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def ask(
    student: Student, diffuser: Handle, asked: CallConvention, image: Tensor, steps: list[int], *, seed: int
) -> tuple[Tensor, Tensor | None]:
    """x_t and the returned noise, float64."""
    if asked.single:
        pairs = [
            _ask_once(student, diffuser, asked, one[None], [step], seed=1000 * seed + number)
            for number, (one, step) in enumerate(zip(image, steps, strict=True))
        ]
        noises = [noise for _, noise in pairs if noise is not None]
        return torch.cat([x for x, _ in pairs]), torch.cat(noises) if noises else None
    return _ask_once(student, diffuser, asked, image, steps, seed=seed)


def _ask_once(
    student: Student, diffuser: Handle, asked: CallConvention, image: Tensor, steps: list[int], *, seed: int
) -> tuple[Tensor, Tensor | None]:
    answer = student.call(diffuser, image, asked.t(steps), method="noise_diffusion", seed=seed)
    _, values = values_in(student, answer)
    x = values.get(asked.answers.image)
    noise = None if asked.answers.noise is None else values.get(asked.answers.noise)
    if not isinstance(x, Tensor) or not _is_image(x) or x.shape != image.shape:
        raise Unmet(
            "noise_diffusion does not return a noisy image of the shape that it was given.",
            expected=f"two tensors of shape {tuple(image.shape)}",
            actual=str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__,
        )
    return x.double(), noise.double() if isinstance(noise, Tensor) and _is_image(noise) else None

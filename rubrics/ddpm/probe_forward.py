"""Recovers what a student's forward process does, step by step: how strong the image is, how strong the
noise.

``x_t`` is affine in image and noise. Two images diffused with the same seed get the same noise, so their
difference is the image's coefficient times the difference of the images, exactly; what is left of one of them
is the noise as it was added, to be compared with the noise as it was returned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.terms import Handle, StudentError

from .conventions import HANDOUTS, Answers, values_in

BATCH = 16
_SHAPE = (BATCH, 1, 28, 28)
# The forms that t may take for a batch, then for a single image; the handout's comes first. Others only where
# the student's own train gives them: a (B, 1, 1, 1) would hide that the coefficients do not meet the images.
FORMS = ("list", "long (B,)")
SINGLE = ("list", "int", "long (B,)")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a student's ``noise_diffusion`` wants to be asked, and how it answers; probed, not assumed.

    Attributes:
        form: what ``t`` is given as.
        single: whether it takes no batch, so that images have to be given one by one.
        answers: the form of what comes back.
        first: the number of the first step.
    """

    form: str
    single: bool = False
    answers: Answers = HANDOUTS
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The recovered forward process; each curve float64 of shape (T,).

    Attributes:
        image: coefficient of the image.
        noise: standard deviation of the noise as it was added.
        ratio: added noise over returned noise; NaN where the one does not determine the other.
        offset: constant that is added beside the noise.
        likeness: correlation of added and returned noise.
        stray: share of x_t that is neither image nor noise, such as what a clamp does.
        returned: the returned noise, (T, B, 1, 28, 28), or None where none came back.
        added: the noise as it was added, same shape.
        diffused: x_t, same shape.
        batched: coefficient of each image of one batch with mixed steps, and those steps.
        same_every_time: whether another seed brings the same noise.
    """

    asked: Asked
    image: Tensor
    noise: Tensor
    ratio: Tensor
    offset: Tensor
    likeness: Tensor
    stray: Tensor
    returned: Tensor | None
    added: Tensor
    diffused: Tensor
    images: Tensor
    batched: tuple[Tensor, list[int]] | str
    same_every_time: bool


def recover(
    student: Student,
    diffuser: Handle,
    total_steps: int,
    generator: torch.Generator,
    first_step: int = 0,
    form: str | None = None,
) -> Forward:
    """Ask ``noise_diffusion`` at every step, and solve for what it computes.

    Args:
        student, diffuser: whose it is.
        total_steps: of the diffuser's schedule.
        generator: of the images.
        first_step: the number of the first step.
        form: the form of t; those of the handout where it is None.

    Raises:
        StudentError: it raised for every form of ``t`` that the handout leaves open.
        Unmet: what it returned has not the image's shape.
    """
    first, second = (torch.rand(_SHAPE, generator=generator) for _ in range(2))
    asked = replace(_how_to_ask(student, diffuser, first, second, form), first=first_step)
    curves: dict[str, list[Tensor]] = {
        name: [] for name in ("image", "noise", "ratio", "offset", "likeness", "stray")
    }
    kept: dict[str, list[Tensor]] = {name: [] for name in ("returned", "added", "diffused")}
    for step in range(total_steps):
        x, returned = _ask(student, diffuser, asked, first, [step] * BATCH, seed=1000 + step)
        other, _ = _ask(student, diffuser, asked, second, [step] * BATCH, seed=1000 + step)
        image, stray = _slope(x - other, first - second)
        if stray > 1e-3 and returned is not None and returned.shape == x.shape:
            image, stray = _jointly(x, first, returned, (image, stray))
        added = x - image * first
        ratio, offset, likeness = _compared(added, returned)
        for name, value in {
            "image": image,
            "stray": stray,
            "noise": added.std(),
            "ratio": ratio,
            "offset": offset,
            "likeness": likeness,
        }.items():
            curves[name].append(value)
        kept["added"].append(added)
        kept["diffused"].append(x)
        kept["returned"].append(torch.zeros(0) if returned is None else returned)
    stacked = {name: torch.stack(values) for name, values in (curves | kept).items()}
    again, _ = _ask(student, diffuser, asked, first, [total_steps - 1] * BATCH, seed=77)
    same = torch.allclose(again, stacked["diffused"][-1].to(again), atol=1e-6)
    returned = None if asked.answers.noise is None else stacked.pop("returned")
    stacked.pop("returned", None)
    return Forward(
        asked=asked,
        returned=returned,
        images=first,
        batched=_batched(student, diffuser, asked, first, second, total_steps),
        same_every_time=same,
        **stacked,
    )


def _how_to_ask(student: Student, diffuser: Handle, first: Tensor, second: Tensor, form: str | None) -> Asked:
    refused: StudentError | Unmet | None = None
    batched, single = (Asked(form) for form in FORMS), (Asked(form, single=True) for form in SINGLE)
    for asked in (*batched, *single) if form is None else (Asked(form),):
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


def _form(student: Student, answer: Any, other: Any, shape: torch.Size) -> Answers:
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
    return Answers(kind, tuple(values), image, noise)


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _ask(
    student: Student, diffuser: Handle, asked: Asked, image: Tensor, steps: list[int], *, seed: int
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
    student: Student, diffuser: Handle, asked: Asked, image: Tensor, steps: list[int], *, seed: int
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


def _slope(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares factor from x to y, and the share of y that it leaves unexplained."""
    if y.shape != x.shape:
        return torch.tensor(torch.nan, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    x, y = x.flatten().double(), y.flatten().double()
    factor = (x @ y) / (x @ x).clamp_min(1e-30)
    least = 1e-3 * x.norm()  # below a thousandth of x, y is rounding
    return factor, (y - factor * x).norm() / torch.maximum(y.norm(), least).clamp_min(1e-30)


def _jointly(
    x_t: Tensor, image: Tensor, noise: Tensor, otherwise: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The image's factor where a seed does not fix the noise: from x_t on image and returned noise."""
    matrix = torch.stack([image.double().flatten(), noise.flatten()], dim=1)
    if not (torch.isfinite(matrix).all() and torch.isfinite(x_t).all()):
        return otherwise
    factors = torch.linalg.lstsq(matrix, x_t.flatten()[:, None], driver="gelsd").solution[:, 0]
    rest = (x_t.flatten() - matrix @ factors).norm() / x_t.norm().clamp_min(1e-30)
    return (factors[0], rest) if rest < 1e-3 else otherwise


def _compared(added: Tensor, returned: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Added over returned noise, the constant that is added beside it, and their correlation."""
    if returned is None or returned.shape != added.shape:
        return (
            torch.tensor(torch.nan, dtype=torch.float64),
            added.mean(),
            torch.zeros((), dtype=torch.float64),
        )
    a, b = added.flatten() - added.mean(), returned.flatten() - returned.mean()
    ratio, _ = _slope(a, b)
    likeness = (a @ b) / (a.norm() * b.norm()).clamp_min(1e-30)
    if a.norm() < 1e-4:  # where none is added, none can be unlike it
        likeness = torch.ones((), dtype=torch.float64)
    same = abs(likeness) > 0.999  # only then does the returned noise say what mean the added one should have
    return ratio, added.mean() - (ratio * returned.mean() if same else 0.0), likeness


def _batched(
    student: Student, diffuser: Handle, asked: Asked, first: Tensor, second: Tensor, total_steps: int
) -> tuple[Tensor, list[int]] | str:
    """The image coefficients of one batch with mixed steps; a sentence where that could not be asked."""
    steps = [(7 * number + 2) % total_steps for number in range(BATCH)]
    try:
        if asked.single:
            asked = replace(asked, form="list", single=False)
        x, _ = _ask(student, diffuser, asked, first, steps, seed=9)
        other, _ = _ask(student, diffuser, asked, second, steps, seed=9)
    except (StudentError, Unmet) as error:
        return str(error)
    factors = [_slope(a, b)[0] for a, b in zip(x - other, (first - second).double(), strict=True)]
    return torch.stack(factors), steps

"""Recovers what a student's forward process does, step by step: how strong the image is, how strong the
noise.

``x_t`` is affine in image and noise. Two images diffused with the same seed get the same noise, so their
difference is the image's coefficient times the difference of the images, exactly; what is left of one of them
is the noise as it was added, to be compared with the noise as it was returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.terms import Handle, StudentError

BATCH = 16
_SHAPE = (BATCH, 1, 28, 28)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a student's ``noise_diffusion`` wants to be asked, and how it answers; probed, not assumed.

    Attributes:
        form: what ``t`` is given as, "list" or "long".
        noise_first: whether the noise is the first of the two results.
        alone: whether only the noisy image comes back.
    """

    form: str
    noise_first: bool = False
    alone: bool = False

    def t(self, steps: list[int]) -> Any:
        """The steps as the student's code wants them."""
        return steps if self.form == "list" else torch.tensor(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The recovered forward process; each curve float64 of shape (T,).

    Attributes:
        image: coefficient of the image.
        noise: standard deviation of the noise as it was added.
        ratio: added noise over returned noise; NaN where the one does not determine the other.
        offset: constant that is added beside the noise.
        likeness: correlation of added and returned noise.
        stray: share of x_t that is neither image nor noise.
        limits: least and greatest value, where x_t is cut off there; all else is of x_t as it was before.
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
    limits: tuple[float, float] | None
    returned: Tensor | None
    added: Tensor
    diffused: Tensor
    images: Tensor
    batched: tuple[Tensor, list[int]] | str
    same_every_time: bool

    @property
    def noiseless(self) -> bool:
        """Whether nothing is added to the image at any step; what is returned is then the only noise."""
        return bool((self.noise < 1e-6).all())


def recover(student: Student, diffuser: Handle, total_steps: int, generator: torch.Generator) -> Forward:
    """Ask ``noise_diffusion`` at every step, and solve for what it computes.

    Raises:
        StudentError: it raised for every form of ``t`` that the handout leaves open.
        Unmet: what it returned has not the image's shape.
    """
    first, second = (torch.rand(_SHAPE, generator=generator) for _ in range(2))
    asked = _how_to_ask(student, diffuser, first, second)
    curves: dict[str, list[Tensor]] = {
        name: [] for name in ("image", "noise", "ratio", "offset", "likeness", "stray")
    }
    kept: dict[str, list[Tensor]] = {name: [] for name in ("returned", "added", "diffused")}
    limits = None
    for step in range(total_steps):
        x, returned = _ask(student, diffuser, asked, first, [step] * BATCH, seed=1000 + step)
        x, limits_here = unclamped(x, first, returned)
        limits = limits_here or limits
        other, _ = _ask_unclamped(student, diffuser, asked, second, [step] * BATCH, seed=1000 + step)
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
    again, _ = _ask_unclamped(student, diffuser, asked, first, [total_steps - 1] * BATCH, seed=77)
    same = torch.allclose(again, stacked["diffused"][-1].to(again), atol=1e-6)
    returned = None if asked.alone else stacked.pop("returned")
    stacked.pop("returned", None)
    return Forward(
        asked=asked,
        returned=returned,
        images=first,
        batched=_batched(student, diffuser, asked, first, second, total_steps),
        same_every_time=same,
        limits=limits,
        **stacked,
    )


def _how_to_ask(student: Student, diffuser: Handle, first: Tensor, second: Tensor) -> Asked:
    refused: StudentError | Unmet | None = None
    for form in ("list", "long"):
        asked = Asked(form)
        try:
            answers = [
                student.call(diffuser, image, asked.t([3] * BATCH), method="noise_diffusion", seed=5)
                for image in (first, second)
            ]
            pairs = [_pair(answer) for answer in answers]
        except (StudentError, Unmet) as error:
            refused = refused or error
            continue
        if pairs[0][1] is None:
            return Asked(form, alone=True)
        moved = [
            not torch.equal(a, b) for a, b in zip(*pairs, strict=True) if a is not None and b is not None
        ]
        return Asked(form, noise_first=moved == [False, True])
    assert refused is not None
    raise refused


def _ask(
    student: Student, diffuser: Handle, asked: Asked, image: Tensor, steps: list[int], *, seed: int
) -> tuple[Tensor, Tensor | None]:
    """x_t and the returned noise, float64."""
    answer = student.call(diffuser, image, asked.t(steps), method="noise_diffusion", seed=seed)
    x, noise = _pair(answer)
    if asked.noise_first and noise is not None:
        x, noise = noise, x
    return x.double(), None if noise is None else noise.double()


def _ask_unclamped(
    student: Student, diffuser: Handle, asked: Asked, image: Tensor, steps: list[int], *, seed: int
) -> tuple[Tensor, Tensor | None]:
    x, noise = _ask(student, diffuser, asked, image, steps, seed=seed)
    return unclamped(x, image, noise)[0], noise


def unclamped(x: Tensor, image: Tensor, noise: Tensor | None) -> tuple[Tensor, tuple[float, float] | None]:
    """x_t as it was before it was cut off, and its limits; as it is, and None, where it was not.

    The pixels between the limits say how image and noise were mixed, so that a clamp is charged once and all
    else is judged by what was clamped.
    """
    low, high = x.min(), x.max()
    inside = (x > low) & (x < high)
    if noise is None or noise.shape != x.shape or inside.double().mean() > 0.99:
        return x, None
    rows = []
    for pixels, picture, drawn, known in zip(x, image.double(), noise, inside, strict=True):
        matrix = torch.stack([picture.flatten(), drawn.flatten()], dim=1)
        chosen = known.flatten()
        if chosen.sum() < 20 or not torch.isfinite(matrix).all():
            return x, None
        target = pixels.flatten()[chosen, None]
        factors = torch.linalg.lstsq(matrix[chosen], target, driver="gelsd").solution
        if (matrix[chosen] @ factors - target).norm() > 1e-3 * target.norm():
            return x, None
        rows.append((matrix @ factors).view(picture.shape))
    return torch.stack(rows), (low.item(), high.item())


def _pair(answer: Any) -> tuple[Tensor, Tensor | None]:
    """The two images in whatever was returned.

    Raises:
        Unmet: there is no image of the right shape in it.
    """
    values = list(answer.values()) if isinstance(answer, dict) else answer
    values = list(values) if isinstance(values, tuple | list) else [values]
    images = [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]
    shapes = [tuple(image.shape) for image in images]
    if not images or shapes[0] != _SHAPE:
        found = ", ".join(map(str, shapes)) or type(answer).__name__
        if answer is None:
            raise Unmet("noise_diffusion returns nothing (None): is a return missing?", actual="None")
        raise Unmet(
            "noise_diffusion does not return a noisy image of the shape that it was given.",
            expected=f"two tensors of shape {_SHAPE}",
            actual=found,
        )
    return images[0], images[1] if len(images) > 1 else None


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
    same = abs(likeness) > 0.999  # only then does the returned noise say what mean the added one should have
    return ratio, added.mean() - (ratio * returned.mean() if same else 0.0), likeness


def _batched(
    student: Student, diffuser: Handle, asked: Asked, first: Tensor, second: Tensor, total_steps: int
) -> tuple[Tensor, list[int]] | str:
    """The image coefficients of one batch with mixed steps; a sentence where that could not be asked."""
    steps = [(7 * number + 2) % total_steps for number in range(BATCH)]
    try:
        x, _ = _ask_unclamped(student, diffuser, asked, first, steps, seed=9)
        other, _ = _ask_unclamped(student, diffuser, asked, second, steps, seed=9)
    except (StudentError, Unmet) as error:
        return str(error)
    factors = [_slope(a, b)[0] for a, b in zip(x - other, (first - second).double(), strict=True)]
    return torch.stack(factors), steps

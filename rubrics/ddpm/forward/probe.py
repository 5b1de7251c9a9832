"""Recovers what a student's forward process does, step by step: how strong the image is, how strong the
noise.

``x_t`` is affine in image and noise. Two images diffused with the same seed get the same noise, so their
difference is the image's coefficient times the difference of the images, exactly; what is left of one of them
is the noise as it was added, to be compared with the noise as it was returned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError

from .calls import BATCH, CallConvention, ask, how_to_ask

_SHAPE = (BATCH, 1, 28, 28)


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

    asked: CallConvention
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
    asked = replace(how_to_ask(student, diffuser, first, second, form), first=first_step)
    curves: dict[str, list[Tensor]] = {
        name: [] for name in ("image", "noise", "ratio", "offset", "likeness", "stray")
    }
    kept: dict[str, list[Tensor]] = {name: [] for name in ("returned", "added", "diffused")}
    limits = None
    for step in range(total_steps):
        x, returned = ask(student, diffuser, asked, first, [step] * BATCH, seed=1000 + step)
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
    returned = None if asked.answers.noise is None else stacked.pop("returned")
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


def _ask_unclamped(
    student: Student, diffuser: Handle, asked: CallConvention, image: Tensor, steps: list[int], *, seed: int
) -> tuple[Tensor, Tensor | None]:
    x, noise = ask(student, diffuser, asked, image, steps, seed=seed)
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
    student: Student, diffuser: Handle, asked: CallConvention, first: Tensor, second: Tensor, total_steps: int
) -> tuple[Tensor, list[int]] | str:
    """The image coefficients of one batch with mixed steps; a sentence where that could not be asked."""
    steps = [(7 * number + 2) % total_steps for number in range(BATCH)]
    try:
        if asked.single:
            asked = replace(asked, form="list", single=False)
        x, _ = _ask_unclamped(student, diffuser, asked, first, steps, seed=9)
        other, _ = _ask_unclamped(student, diffuser, asked, second, steps, seed=9)
    except (StudentError, Unmet) as error:
        return str(error)
    factors = [_slope(a, b)[0] for a, b in zip(x - other, (first - second).double(), strict=True)]
    return torch.stack(factors), steps

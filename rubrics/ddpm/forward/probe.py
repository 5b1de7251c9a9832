"""Recover the coefficients of a student's forward process at every step.

A right ``noise_diffusion`` is affine in image and noise: x_t = a(t) · image + b(t) · noise. The judge never
reads the code; it solves for a and b from calls. Two images diffused with the same seed get the same noise
(common random numbers), so in the difference of the results the noise cancels, and a(t) is the exact ratio of
that difference to the difference of the images. What a(t) · image leaves of x_t is the noise as it was added;
comparing it with the noise as it was returned gives b(t).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.answers import stacked
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError

from .calls import BATCH, CallConvention, call_noise_diffusion, find_call_convention
from .randomness import uniform_moments
from .regression import compare_noises, regress, regress_jointly

_SHAPE = (BATCH, 1, 28, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A recovered forward process; each curve is float64 of shape (T,).

    Attributes:
        convention: how ``noise_diffusion`` is called and what it returns.
        image: coefficient of the image, a(t).
        noise: standard deviation of the added noise, divided by that of what is drawn if this is uniform.
        ratio: added over returned noise, which is b(t) if that is returned unscaled; NaN if none is returned.
        offset: constant that x_t contains besides image and noise.
        correlation: correlation of added and returned noise.
        residual: share of x_t that is not linear in the image.
        limits: smallest and largest value if x_t is clamped; the other attributes are of x_t before that.
        returned: the returned noise, (T, B, 1, 28, 28), or None.
        added: the noise as it was added, (T, B, 1, 28, 28).
        diffused: x_t, (T, B, 1, 28, 28).
        images: the images, (B, 1, 28, 28).
        batched: coefficients of the images of a batch with different steps, and these steps; or an error.
        repeats_noise: whether a call with another seed gives the same x_t.
        changes: whether a repeated call, with the same seed, gives an x_t that other noise does not explain.
    """

    convention: CallConvention
    image: Tensor
    noise: Tensor
    ratio: Tensor
    offset: Tensor
    correlation: Tensor
    residual: Tensor
    limits: tuple[float, float] | None
    returned: Tensor | None
    added: Tensor
    diffused: Tensor
    images: Tensor
    batched: tuple[Tensor, list[int]] | str
    repeats_noise: bool
    changes: bool

    @property
    def noiseless(self) -> bool:
        """True if nothing is added to the image at any step."""
        return bool((self.noise < 1e-6).all())

    @property
    def is_sum(self) -> bool:
        """True if x_t changes in proportion to the image, as a sum of image and noise does."""
        return not bool(self.residual.max() > 1e-2)

    @property
    def is_untouched(self) -> bool:
        """True if x_t is the image alone, the noise alone, or nothing, with one factor at all steps."""
        # A deviation that is measured has a standard error of 0.63 %; coefficients double and more.
        noise_fixed = self.noiseless or bool(self.noise.std() < 0.05 * self.noise.mean())
        fixed = bool((self.image - self.image[0]).abs().max() < 1e-3) and noise_fixed
        return fixed and (self.noiseless or bool((self.image.abs() < 1e-3).all()))


def recover(
    student: Student,
    diffuser: Handle,
    total_steps: int,
    generator: torch.Generator,
    first_step: int = 0,
    form: str | None = None,
) -> Forward:
    """Call ``noise_diffusion`` at every step and solve for its coefficients.

    Args:
        student: the worker that holds the code.
        diffuser: the student's diffuser.
        total_steps: number of steps in its schedule.
        generator: draws the images.
        first_step: the number of the first step, 0 or 1.
        form: the form of t; None for those of the handout.

    Raises:
        StudentError: the code failed for every form of ``t``.
        Unmet: the result has no image of the right shape.
    """
    first, second = (torch.rand(_SHAPE, generator=generator) for _ in range(2))
    convention = replace(find_call_convention(student, diffuser, first, second, form), first=first_step)
    curves: dict[str, list[Tensor]] = {
        name: [] for name in ("image", "noise", "ratio", "offset", "correlation", "residual")
    }
    kept: dict[str, list[Tensor]] = {name: [] for name in ("returned", "added", "diffused")}
    limits = None
    for step in range(total_steps):
        # One seed for both images of a step: the noise is the same, and cancels in their difference.
        x, returned = call_noise_diffusion(
            student, diffuser, convention, first, [step] * BATCH, seed=1000 + step
        )
        x, limits_here = undo_clamp(x, first, returned)
        limits = limits_here or limits
        other, _ = _call_unclamped(student, diffuser, convention, second, [step] * BATCH, seed=1000 + step)
        image, residual = regress(x - other, first - second)
        # A residual means that the seed does not fix the noise (it may come from the system's own entropy).
        # If the noise is returned, both coefficients follow from a single result by regression.
        if residual > 1e-3 and returned is not None and returned.shape == x.shape:
            image, residual = regress_jointly(x, first, returned, (image, residual))
        added = x - image * first
        ratio, offset, correlation = compare_noises(added, returned)
        if returned is not None and abs(correlation) > 0.999:
            returned = returned.expand_as(added)  # forward.noise_distribution reports too few numbers
        for name, value in {
            "image": image,
            "residual": residual,
            "noise": added.std(),
            "ratio": ratio,
            "offset": offset,
            "correlation": correlation,
        }.items():
            curves[name].append(value)
        kept["added"].append(added)
        kept["diffused"].append(x)
        kept["returned"].append(torch.zeros(0) if returned is None else returned)
    if (noises := stacked(kept.pop("returned"))) is None:
        raise Unmet(
            "noise_diffusion returns noise of another shape, or none, from step to step.",
            expected=f"noise of shape {tuple(_SHAPE)} at every step",
        )
    whole = {name: torch.stack(values) for name, values in (curves | kept).items()}
    if uniform := uniform_moments(whole["added"]):
        # A wrong distribution loses its own points; the coefficients are judged for what was drawn.
        mean, deviation = uniform
        whole["noise"] = whole["noise"] / deviation
        unknown = whole["correlation"].abs() <= 0.999
        whole["offset"] = whole["offset"] - torch.where(unknown, mean * whole["noise"], 0.0)
    again, _ = _call_unclamped(student, diffuser, convention, first, [total_steps - 1] * BATCH, seed=77)
    same = torch.allclose(again, whole["diffused"][-1].to(again), atol=1e-6)
    middle = total_steps // 2
    repeated = _call_unclamped(student, diffuser, convention, first, [middle] * BATCH, seed=1000 + middle)
    before = (whole["diffused"][middle], noises[middle])
    return Forward(
        convention=convention,
        returned=None if convention.layout.noise is None else noises,
        images=first,
        batched=_recover_mixed_batch(student, diffuser, convention, first, second, total_steps),
        repeats_noise=same,
        changes=_changes(first, whole["image"][middle], before, repeated),
        limits=limits,
        **whole,
    )


def _call_unclamped(
    student: Student,
    diffuser: Handle,
    convention: CallConvention,
    image: Tensor,
    steps: list[int],
    *,
    seed: int,
) -> tuple[Tensor, Tensor | None]:
    x, noise = call_noise_diffusion(student, diffuser, convention, image, steps, seed=seed)
    return undo_clamp(x, image, noise)[0], noise


def undo_clamp(x: Tensor, image: Tensor, noise: Tensor | None) -> tuple[Tensor, tuple[float, float] | None]:
    """Return x_t as it was before clamping, and the limits; x_t itself and None if it is not clamped.

    The pixels strictly between the smallest and the largest value are unclamped. Regressing them on image and
    noise, separately for each image, gives the coefficients and with these the clamped pixels, so a clamp
    loses only its own points. With fewer than 20 such pixels or a residual above 0.1 %, x_t is left as it is.
    """
    low, high = x.min(), x.max()
    inside = (x > low) & (x < high)
    if noise is None or noise.shape != x.shape or inside.double().mean() > 0.99:
        return x, None
    rows = []
    for pixels, picture, drawn, unclamped in zip(x, image.double(), noise, inside, strict=True):
        matrix = torch.stack([picture.flatten(), drawn.flatten()], dim=1)
        chosen = unclamped.flatten()
        if chosen.sum() < 20 or not torch.isfinite(matrix).all():
            return x, None
        target = pixels.flatten()[chosen, None]
        factors = torch.linalg.lstsq(matrix[chosen], target, driver="gelsd").solution
        if (matrix[chosen] @ factors - target).norm() > 1e-3 * target.norm():
            return x, None
        rows.append((matrix @ factors).view(picture.shape))
    return torch.stack(rows), (low.item(), high.item())


def _changes(
    image: Tensor, factor: Tensor, before: tuple[Tensor, Tensor], repeated: tuple[Tensor, Tensor | None]
) -> bool:
    """Return whether a repeated call gives another x_t, and not for its noise alone.

    Noise may come from the system's own entropy, which no seed fixes. It is then as returned, and leaves the
    coefficient of the image as it was.
    """
    (x, noise), (again, drawn) = before, repeated
    if torch.allclose(again, x, atol=1e-6):
        return False
    if drawn is None or drawn.shape != x.shape or torch.allclose(drawn, noise, atol=1e-6):
        return True
    found, _ = regress_jointly(again, image, drawn, (factor, torch.zeros(())))
    return bool((found - factor).abs() > 1e-3)


def _recover_mixed_batch(
    student: Student,
    diffuser: Handle,
    convention: CallConvention,
    first: Tensor,
    second: Tensor,
    total_steps: int,
) -> tuple[Tensor, list[int]] | str:
    """Return each image's coefficient in a batch with different steps, and the steps; or an error message."""
    steps = [(7 * number + 2) % total_steps for number in range(BATCH)]
    try:
        if convention.single:
            convention = replace(convention, form="list", single=False)
        x, noise = _call_unclamped(student, diffuser, convention, first, steps, seed=9)
        other, _ = _call_unclamped(student, diffuser, convention, second, steps, seed=9)
    except (StudentError, Unmet) as error:
        return str(error)
    drawn = noise if noise is not None and noise.shape == x.shape else None
    factors = []
    for number, (difference, images) in enumerate(zip(x - other, (first - second).double(), strict=True)):
        factor, residual = regress(difference, images)
        if residual > 1e-3 and drawn is not None:  # the two calls drew different noise
            factor, _ = regress_jointly(x[number], first[number], drawn[number], (factor, residual))
        factors.append(factor)
    return torch.stack(factors), steps

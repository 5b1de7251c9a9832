"""Identify what the loss of a recorded run compares the prediction with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent
from reference.diffuser import NoiseDiffuser
from reference.readings import Reading

from .recording import ForwardPass, RecordedTraining
from .wrong_targets import fit, mixes_in_the_image


def loss_targets(training: RecordedTraining) -> Counter[str]:
    """Count the loss targets over all training passes.

    Targets are "noise", "scaled" (the noise times a number), "clean" (x_0), "noisy" (x_t), "fresh" (noise,
    but not the noise in the image) and "other". Where a gradient came back, it decides; otherwise the
    criterion's arguments do.
    """
    found: Counter[str] = Counter()
    for one in training.training_passes:
        if one.gradient is not None and one.forward.output is not None:
            found[_target_by_gradient(one.gradient, one)] += 1
        else:
            found += compared_values(training, [one])
    return found


def compared_values(training: RecordedTraining, passes: Sequence[ForwardPass]) -> Counter[str]:
    """Count what the criterion compared the outputs of these passes with, by value: see ``loss_targets``."""
    comparisons = [e for e in training.log if e.kind == "compare"]
    pairs = ((_other_side(event, one), one) for one in passes for event in comparisons)
    return Counter(_target_by_value(other, one) for other, one in pairs if other is not None)


def _candidates(one: ForwardPass) -> dict[str, Tensor]:
    named = {"noise": one.noise, "clean": one.image, "noisy": one.forward.x}
    return {name: tensor.float() for name, tensor in named.items() if tensor is not None}


def _target_by_gradient(gradient: Tensor, one: ForwardPass) -> str:
    """Return the candidate τ whose (output − τ) the gradient is parallel to.

    The cosine is 1 for a squared error. For an absolute error the gradient is sign(output − τ), whose cosine
    with a normal (output − τ) is √(2/π) = 0.8.
    """
    assert one.forward.output is not None
    output = one.forward.output
    similarity = {name: _cosine(gradient, output - tau) for name, tau in _candidates(one).items()}
    best = max(similarity, key=similarity.__getitem__, default="other")
    if best == "noise" and mixes_in_the_image(one):
        return "other"
    if similarity.get(best, 0.0) > 0.75:
        return "scaled" if best == "noise" and _compares_with_a_share(gradient, one) else best
    if gradient.shape != output.shape:
        return "other"
    # For a mean squared error over n values the gradient is 2 (output − τ) / n, so τ can be computed.
    return _fresh_or_other(output - gradient * output.numel() / 2)


def _compares_with_a_share(gradient: Tensor, one: ForwardPass) -> bool:
    """Return whether the loss compares the output with another multiple of the noise than 1.

    Whatever is averaged over the pixels, each pixel's gradient has the sign of (output − noise); only
    rounding can turn it where the two are equal to about a thousandth, in 0.01 % of the pixels. With half of
    the noise it differs at 3 % of them or more, with nine tenths at 0.4 %.
    """
    assert one.forward.output is not None
    assert one.noise is not None
    matters = gradient != 0
    signs = (gradient.sign() == (one.forward.output - one.noise).sign())[matters]
    if not len(signs) or (~signs).double().mean() < 2e-3:
        return False
    return _share(gradient, one) is not None


def _share(gradient: Tensor, one: ForwardPass) -> float | None:
    """Return the multiple of the noise at which the gradient is zero; None if it is no such difference."""
    assert one.forward.output is not None
    assert one.noise is not None
    shares: list[float] = []
    for pulled, output, noise in zip(gradient, one.forward.output, one.noise, strict=True):
        factors = fit([output.flatten().double(), noise.flatten().double()], pulled.flatten().double())
        if factors is None or factors[0] <= 0:
            return None
        shares.append(-float(factors[1]) / float(factors[0]))
    return sum(shares) / len(shares)


def compared_share(training: RecordedTraining) -> float:
    """Return the multiple of the noise that the prediction is compared with, on average over the batches."""
    passes = [one for one in training.training_passes if one.gradient is not None and one.noise is not None]
    shares = [_share(one.gradient, one) for one in passes if one.gradient is not None]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else float("nan")


def _other_side(event: RecordedEvent, one: ForwardPass) -> Tensor | None:
    """Return what the criterion compared the network's output with; None if it did not get the output."""
    output = one.forward.output
    for side, other in ((event.x, event.target), (event.target, event.x)):
        if (
            output is not None
            and side is not None
            and side.shape == output.shape
            and torch.equal(side, output)
        ):
            return other
    return None


def _target_by_value(other: Tensor, one: ForwardPass) -> str:
    candidates = _candidates(one).items()
    return next(
        (n for n, tau in candidates if tau.shape == other.shape and torch.allclose(tau, other, atol=1e-5)),
        _fresh_or_other(other),
    )


def _fresh_or_other(target: Tensor) -> str:
    """Return "fresh" for what looks like standard normal noise, else "other".

    The deviation of 12,544 normal pixels is 1 ± 0.006.
    """
    return "fresh" if abs(target.mean()) < 0.05 and abs(target.std() - 1) < 0.05 else "other"


def mixes_own_noise(training: RecordedTraining) -> bool:
    """Return whether ``train`` mixes image and noise itself, by the formula, and compares with that noise.

    Such a ``train`` never calls the diffuser, so the judge does not know its noise. For a mean squared error
    the target is output − gradient · n / 2; if it is the noise in the image, then mixing it with an image of
    the batch must give the x_t that the network got. Steps that do not exist belong to another schedule; its
    ᾱ then follows from the image's coefficient, and the steps lose their own points.
    """
    schedule = NoiseDiffuser(**training.size.schedule)
    batches = [
        e.image for e in training.log if e.kind == "batch" and e.name == "training" and e.image is not None
    ]
    passes = [p for p in training.training_passes if p.gradient is not None]
    if not passes or len(batches) < len(passes):
        return False
    total = training.size.steps
    steps_beyond = any(p.forward.t is not None and bool((p.forward.t >= total).any()) for p in passes)
    for one, image in zip(passes, batches, strict=False):
        x, t, output, gradient = one.forward.x, one.forward.t, one.forward.output, one.gradient
        if x is None or t is None or output is None or gradient is None or t.numel() != len(x):
            return False
        if not x.shape == output.shape == gradient.shape == image.shape:
            return False
        if bool((t < 0).any() or (t != t.round()).any()):
            return False
        target = output - gradient * output.numel() / 2
        if steps_beyond:
            alpha_bar = _implied_alpha_bar(x, image, target, training.reading)
        else:
            alpha_bar = schedule.alpha_bar[t.long()].view(-1, 1, 1, 1)
        mix = training.reading.signal(alpha_bar) * image + training.reading.noise(alpha_bar) * target
        if not torch.allclose(mix, x.float(), atol=1e-2):
            return False
    return True


def _implied_alpha_bar(x: Tensor, image: Tensor, noise: Tensor, reading: Reading) -> Tensor:
    """Return ᾱ, (B, 1, 1, 1), for which a formulation comes nearest to the coefficients in x_t."""
    grid = torch.linspace(0, torch.pi / 2, 4001, dtype=torch.float64).sin().square()  # fine at both ends
    curves = torch.stack([reading.signal(grid), reading.noise(grid)])
    found = []
    for mixed, picture, drawn in zip(x, image, noise, strict=True):
        matrix = torch.stack([picture.flatten(), drawn.flatten()], dim=1).double()
        factors = torch.linalg.lstsq(matrix, mixed.flatten().double()[:, None], driver="gelsd").solution
        found.append(grid[(curves - factors).square().sum(0).argmin()])
    return torch.stack(found).float().view(-1, 1, 1, 1)


def _cosine(first: Tensor, second: Tensor) -> float:
    """Return the cosine of the angle between two tensors; 0 if their shapes differ."""
    if first.shape != second.shape:
        return 0.0
    a, b = first.double().flatten(), second.double().flatten()
    size = (a.norm() * b.norm()).item()
    return (a @ b).item() / size if size > 0 and math.isfinite(size) else 0.0

"""Find samples that the sampler's steps did not make: stored digits, or images from anywhere else.

A sampler that is right where it is recovered may do something else where its samples are judged. So the runs
that made them are recorded and judged, too. All bounds are in docs/calibration.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.schedule import SCHEDULE

from ..edition import DENOISER_COPIES
from ..sampler.calls import merge_calls, without_repeats
from ..sampler.setup import Setup

_LEAST_LIKENESS = (
    0.95  # to the last call's images: the reference has 0.998 or more, other digits at most 0.87
)
_COPIES = 0.985  # likeness to the embedded digits: the reference's samples have 0.88, digits left out 0.96
_REPEATED = (
    0.97  # likeness to the samples of other seeds: the reference's have 0.85 at most, real digits 0.94
)
_LEAST_STEPS = 0.8  # share of the steps that have to follow the formula; right samplers have all
_LEAST, _MOST = 0.5, 2.0  # deviation of what a step adds, as a multiple of the smallest and largest right one


def follows_formula(shares: Sequence[float]) -> bool:
    """Return whether a sampler with these shares of right steps, by seed, follows the formula."""
    return min(shares) >= _LEAST_STEPS


def share_of_right_steps(log: Sequence[RecordedEvent], count: int) -> float:
    """Return the share of the steps whose noise is about as strong as the formula's; 0 if some are missing.

    What the next x_t has beyond the mean that the formula gives is σ·z. A clipped estimate of x_0 shifts the
    mean by less than that.
    """
    setup = Setup(schedule=SCHEDULE, count=count)
    calls = merge_calls(without_repeats([event for event in log if event.kind == "forward"]), setup)
    if len(calls) != setup.steps:
        return 0.0
    betas, alphas, alpha_bar = NoiseDiffuser(**SCHEDULE).curves()
    right = 0
    for step, (now, after) in zip(range(setup.steps - 1, 0, -1), itertools.pairwise(calls), strict=True):
        if now.x is None or after.x is None or now.output is None or now.x.shape != after.x.shape:
            return 0.0
        share = betas[step] / (1 - alpha_bar[step]).sqrt()
        mean = (now.x - share * now.output) / alphas[step].sqrt()
        added = (after.x - mean).std()
        posterior = betas[step] * (1 - alpha_bar[step - 1]) / (1 - alpha_bar[step])
        right += bool(_LEAST * posterior.sqrt() <= added <= _MOST * betas[step].sqrt())
    return right / (setup.steps - 1)


def find_reason(
    own: Sequence[Tensor],
    unannounced: Tensor,
    likeness_to_last: Sequence[float],
    *,
    ignores_start: bool,
) -> str | None:
    """Return why samples are not the work of the sampler's steps on x_T, or None.

    Args:
        own: samples from the handout's seeds, (N, 1, 28, 28) each.
        unannounced: samples from a seed and noise of the judge's own.
        likeness_to_last: of the samples to the images of the network's last call, by seed.
        ignores_start: whether the sampler starts from noise of its own, which may be the same every time.
    """
    if min(likeness_to_last) < _LEAST_LIKENESS:
        return (
            "Your generate_samples returns images that do not follow from those that it passed to the "
            "network at its last step"
        )
    every = torch.cat([*own, unannounced])
    known = torch.cat([digits.load_digits28("train")[0], digits.load_digits28("held-out")[0]])
    if not DENOISER_COPIES and likeness(known, every) > _COPIES:
        return "The samples of your generate_samples are images of the data set"
    if not ignores_start and likeness(torch.cat(list(own)), unannounced) > _REPEATED:
        return "Your generate_samples returns the same images from other noise"
    return None


def likeness(samples: Tensor | None, asked: Tensor | None) -> float:
    """Return how much images are like samples: 1 if each of them is one of the samples, 0 without any.

    This is the correlation of each image with the sample that is most like it, on average; scale and shift do
    not matter. The last step changes an image by about its smallest sigma, 0.01.
    """
    if samples is None or asked is None or not len(asked):
        return 0.0
    one, other = (_standardized(images.detach().cpu().double()) for images in (asked, samples))
    return float((one @ other.T).nan_to_num().max(dim=1).values.mean())


def _standardized(images: Tensor) -> Tensor:
    flat = images.flatten(1) - images.flatten(1).mean(dim=1, keepdim=True)
    return torch.nn.functional.normalize(flat, dim=1)

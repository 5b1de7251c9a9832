"""What the whole rubric has and its edition for students (``kit/edition.py``) has not.

The reference's network, trainer and sampler take the place of a student's part that does not work, and the
reference's schedule is computed for any arguments. These are right solutions, so a kit (``grade kit``) holds
none of them.
"""

from __future__ import annotations

from typing import Final

import torch

from reference.interfaces import NoisePredictor
from reference.pretrained import load_pretrained
from reference.sampler import generate_samples
from reference.schedule import ScheduleArguments
from reference.trainer import train
from reference.unet import UNet

__all__ = ["UNet", "generate_samples", "train"]  # passed on

DENOISER: Final = "the reference's trained network"
HAS_SAMPLER: Final[bool] = True  # whether generate_samples makes samples with a student's network
DENOISER_COPIES: Final[bool] = False  # whether samples made with the denoiser are images of the data set
_TAKEN = {23, 40, 50, 100}  # numbers of steps that the probes use


def draw_schedule(generator: torch.Generator, most: int = 98) -> ScheduleArguments:
    """Return a usual schedule of 24 to ``most`` steps: β from 0.0002 to 0.002, up to 0.05 to 0.2."""
    steps = [number for number in range(24, most + 1) if number not in _TAKEN]
    start, end = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    return {
        "start_beta": round(0.0002 * 10**start, 6),
        "end_beta": round(0.05 * 4**end, 4),
        "total_steps": steps[int(torch.randint(len(steps), (1,), generator=generator))],
    }


def load_denoiser() -> NoisePredictor:
    """Return what predicts the noise in digits, for the reference's schedule and the paper's formulation."""
    denoiser: NoisePredictor = load_pretrained().to(memory_format=torch.channels_last)  # a third faster
    return denoiser

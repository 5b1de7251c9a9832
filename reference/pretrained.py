"""The reference's network, already trained, so that a student's sampler can be tried by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypedDict

import torch
from safetensors.torch import load_file

from reference.unet import UNet

WEIGHTS_FILE: Final = Path(__file__).parent / "data" / "unet.safetensors"


class ScheduleArguments(TypedDict):
    """What ``NoiseDiffuser`` needs to lay out a schedule."""

    start_beta: float
    end_beta: float
    total_steps: int


SCHEDULE: Final[ScheduleArguments] = {"start_beta": 1e-4, "end_beta": 0.1, "total_steps": 100}
"""The schedule that the weights were trained with, under the paper's reading."""


def load_pretrained(device: torch.device | str = "cpu") -> UNet:
    """UNet(1, 1) that denoises digits: float32, in eval mode, its parameters frozen.

    The file holds float16, which costs no visible accuracy and half the space.
    """
    with torch.device("meta"):  # no weights are drawn that would be overwritten
        model = UNet(in_channels=1, out_channels=1)
    weights = {name: weight.float() for name, weight in load_file(WEIGHTS_FILE).items()}
    model.load_state_dict(weights, assign=True)
    return model.requires_grad_(False).eval().to(device)

"""The network that guesses the noise in an image: a small U-Net that is told the step.

Sources: Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", for the
shape and its skip connections; Ho et al. 2020, section 4, for predicting noise and being told t. The layer
sizes are the handout's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class UNet(nn.Module):
    """Two levels down, two up, and at each level up a skip connection from the way down.

    Side lengths for 28 x 28 images, channels in brackets::

        28 (16) ------------------ skip ------------------ 31 (32) -> 28 (16) -> 28 (out_channels)
           14 (32) -------- skip -------- 15 (64) -> 15 (32)
               7 (64) ---------------------- +

    A transposed convolution with kernel 3 and stride 2 turns a side n into 2n + 1, so the way up runs a
    little wide (15, 31); skips are zero-padded to match, and the last kernels, 5 and 4 with padding 1, bring
    31 to 28.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Build it with PyTorch's default weights: 144,945 parameters for (1, 1), 145,233 for (3, 1)."""
        super().__init__()
        self.down_full = _two_convolutions(in_channels, 16)
        self.down_half = _two_convolutions(16, 32)
        self.down_quarter = _two_convolutions(32, 64)

        self.time_quarter = _time_embedding(64)
        self.widen_quarter = nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2)
        self.up_half = _two_convolutions(32 + 32, 32)

        self.time_half = _time_embedding(32)
        self.widen_half = nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2)
        self.up_full = _two_convolutions(16 + 16, 16, kernels=(5, 4))

        self.readout = nn.Conv2d(16, out_channels, kernel_size=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Predict the noise in x_t.

        Args:
            x: x_t, float (B, in_channels, H, W), H and W multiples of 4.
            t: raw step numbers from 0, float (B, 1) or integer (B,); a single one serves the whole batch.

        Returns:
            The predicted noise, float (B, out_channels, H, W).

        Raises:
            ValueError: the sides are not multiples of 4, or there is not one step per image.
        """
        t = _as_column(t, like=x)
        full = self.down_full(x)
        half = self.down_half(_halved(full))
        quarter = self.down_quarter(_halved(half))

        y = self.widen_quarter(quarter + self.time_quarter(t)[:, :, None, None])
        y = self.up_half(_beside(y, skip=half))
        y = self.widen_half(y + self.time_half(t)[:, :, None, None])
        y = self.up_full(_beside(y, skip=full))
        noise: Tensor = self.readout(y)
        return noise


def _two_convolutions(inputs: int, outputs: int, *, kernels: tuple[int, int] = (3, 3)) -> nn.Sequential:
    """Twice convolution and ReLU; with kernels of 3 the image keeps its size."""
    first, second = kernels
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=first, padding=1),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, kernel_size=second, padding=1),
        nn.ReLU(),
    )


def _time_embedding(channels: int) -> nn.Sequential:
    """From a step number (B, 1) to what it adds to every channel (B, channels)."""
    return nn.Sequential(nn.Linear(1, channels), nn.ReLU(), nn.Linear(channels, channels))


def _halved(x: Tensor) -> Tensor:
    """The largest of every 2 x 2 pixels."""
    return functional.max_pool2d(x, kernel_size=2)


def _beside(y: Tensor, *, skip: Tensor) -> Tensor:
    """The feature maps of the way up, and beside them those of the way down, padded with zeros to match."""
    extra_height, extra_width = y.shape[2] - skip.shape[2], y.shape[3] - skip.shape[3]
    left, top = extra_width // 2, extra_height // 2
    padded = functional.pad(skip, (left, extra_width - left, top, extra_height - top))
    return torch.cat([y, padded], dim=1)


def _as_column(t: Tensor, *, like: Tensor) -> Tensor:
    """The steps as (B, 1) or (1, 1) in the image's number type, once image and steps are known to fit."""
    if like.shape[2] % 4 or like.shape[3] % 4:
        raise ValueError(f"image sides must be multiples of 4, not {like.shape[2]} x {like.shape[3]}")
    if t.numel() not in (1, len(like)):
        raise ValueError(f"{len(like)} images need {len(like)} steps, not {t.numel()}")
    return t.reshape(-1, 1).to(like)

"""The noise predictor: a small U-Net conditioned on the timestep.

Sources: Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", for the
architecture and its skip connections; Ho et al. 2020, section 4, for predicting noise given t. Layer sizes
are the handout's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class UNet(nn.Module):
    """An encoder and a decoder with two levels each, joined by a skip connection at each level.

    Side lengths for 28 x 28 images, channels in parentheses::

        28 (16) ------------------ skip ------------------ 31 (32) -> 28 (16) -> 28 (out_channels)
           14 (32) -------- skip -------- 15 (64) -> 15 (32)
               7 (64) ---------------------- +

    A transposed convolution with kernel 3 and stride 2 maps a side n to 2n + 1, so decoder features are
    slightly too large (15, 31). Skip features are zero-padded to match, and the last two kernels, 5 and 4
    with padding 1, reduce 31 to 28.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Build the network with PyTorch's default initialization.

        It has 144,945 parameters for (in_channels, out_channels) = (1, 1), and 145,233 for (3, 1).
        """
        super().__init__()
        self.down_full = _double_convolution(in_channels, 16)
        self.down_half = _double_convolution(16, 32)
        self.down_quarter = _double_convolution(32, 64)

        self.time_quarter = _time_embedding(64)
        self.widen_quarter = nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2)
        self.up_half = _double_convolution(32 + 32, 32)

        self.time_half = _time_embedding(32)
        self.widen_half = nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2)
        self.up_full = _double_convolution(16 + 16, 16, kernels=(5, 4))

        self.readout = nn.Conv2d(16, out_channels, kernel_size=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Predict the noise in x_t.

        Args:
            x: x_t, float (B, in_channels, H, W), H and W multiples of 4.
            t: timesteps counted from 0, float (B, 1) or integer (B,); a single one serves the whole batch.

        Returns:
            The predicted noise, float (B, out_channels, H, W).

        Raises:
            ValueError: H or W is no multiple of 4, or there is not one timestep per image.
        """
        t = _as_column(t, like=x)
        full = self.down_full(x)
        half = self.down_half(_downsample(full))
        quarter = self.down_quarter(_downsample(half))

        y = self.widen_quarter(quarter + self.time_quarter(t)[:, :, None, None])
        y = self.up_half(_concatenate(y, skip=half))
        y = self.widen_half(y + self.time_half(t)[:, :, None, None])
        y = self.up_full(_concatenate(y, skip=full))
        noise: Tensor = self.readout(y)
        return noise


def _double_convolution(inputs: int, outputs: int, *, kernels: tuple[int, int] = (3, 3)) -> nn.Sequential:
    """Return two convolutions, each with a ReLU; kernels of size 3 preserve the image size."""
    first, second = kernels
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=first, padding=1),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, kernel_size=second, padding=1),
        nn.ReLU(),
    )


def _time_embedding(channels: int) -> nn.Sequential:
    """Return an MLP from timesteps, (B, 1), to a bias for each channel, (B, channels)."""
    return nn.Sequential(nn.Linear(1, channels), nn.ReLU(), nn.Linear(channels, channels))


def _downsample(x: Tensor) -> Tensor:
    """Halve the resolution by 2 x 2 max pooling."""
    return functional.max_pool2d(x, kernel_size=2)


def _concatenate(y: Tensor, *, skip: Tensor) -> Tensor:
    """Concatenate decoder features with skip features, zero-padded to the decoder's size."""
    extra_height, extra_width = y.shape[2] - skip.shape[2], y.shape[3] - skip.shape[3]
    left, top = extra_width // 2, extra_height // 2
    padded = functional.pad(skip, (left, extra_width - left, top, extra_height - top))
    return torch.cat([y, padded], dim=1)


def _as_column(t: Tensor, *, like: Tensor) -> Tensor:
    """Return the timesteps as (B, 1) or (1, 1) in the image's dtype after checking the shapes."""
    if like.shape[2] % 4 or like.shape[3] % 4:
        raise ValueError(f"image sides must be multiples of 4, not {like.shape[2]} x {like.shape[3]}")
    if t.numel() not in (1, len(like)):
        raise ValueError(f"{len(like)} images need {len(like)} steps, not {t.numel()}")
    return t.reshape(-1, 1).to(like)

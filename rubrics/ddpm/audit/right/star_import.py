"""Everything imported with a star, a Config dataclass, type hints with the future import."""

# base: paper

# %% setup
from __future__ import annotations
from dataclasses import dataclass
from typing import Optional, Tuple
import torch
from torch import Tensor
from torch.nn import *
from torch.nn.functional import silu, max_pool2d
from tqdm.auto import tqdm, trange


@dataclass
class Config:
    start: float = 1e-4
    end: float = 0.1
    steps: int = 100
    width: int = 16


cfg = Config(width=20)
device: torch.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% diffuser
class NoiseDiffuser:
    betas: Tensor
    alphas: Tensor
    alpha_bar: Tensor

    def __init__(self, start_beta: float, end_beta: float, total_steps: int, device: str | torch.device = "cpu") -> None:
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta, self.end_beta, self.total_steps = start_beta, end_beta, total_steps
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = self.alphas.cumprod(dim=0)

    def linear_scheduler(self) -> Tensor:
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image: Tensor, t: list[int] | Tensor) -> Tuple[Tensor, Tensor]:
        image = image.to(self.device)
        ab: Tensor = self.alpha_bar[torch.as_tensor(t, device=self.device)].view(-1, 1, 1, 1)
        noise: Tensor = torch.randn_like(image)
        return ab.sqrt() * image + (1 - ab).sqrt() * noise, noise

# %% unet
class UNet(Module):
    def __init__(self, in_channels: int, out_channels: int, c: int = cfg.width) -> None:
        super().__init__()
        self.enc1 = Conv2d(in_channels, c, 3, padding=1)
        self.enc2 = Conv2d(c, 2 * c, 3, padding=1)
        self.enc3 = Conv2d(2 * c, 4 * c, 3, padding=1)
        self.time = Sequential(Linear(1, 4 * c), SiLU(), Linear(4 * c, 4 * c))
        self.up_half, self.up_full = ConvTranspose2d(4 * c, 2 * c, 2, 2), ConvTranspose2d(2 * c, c, 2, 2)
        self.join_half, self.join_full = Conv2d(4 * c, 2 * c, 3, padding=1), Conv2d(2 * c, c, 3, padding=1)
        self.leave = Conv2d(c, out_channels, 3, padding=1)

    def forward(self, x: Tensor, t: Optional[Tensor] = None) -> Tensor:
        assert t is not None
        full = silu(self.enc1(x))
        half = silu(self.enc2(max_pool2d(full, 2)))
        y = silu(self.enc3(max_pool2d(half, 2))) + self.time(t.float().view(-1, 1) / cfg.steps)[:, :, None, None]
        y = silu(self.join_half(torch.cat([self.up_half(y), half], 1)))
        y = silu(self.join_full(torch.cat([self.up_full(y), full], 1)))
        return self.leave(y)

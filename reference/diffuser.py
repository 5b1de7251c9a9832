"""The forward process: a fixed schedule that turns an image into Gaussian noise.

Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", sections 2 and 3, eq. (2) and (4).
Timesteps count from 0 here and from 1 in the paper: our t = 0 is the paper's t = 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class NoiseDiffuser:
    """A linear noise schedule and the closed-form jump from x_0 to x_t that it allows.

    Attributes, each float32 of shape (T,):
        betas: variance of the noise added at each timestep (eq. 2).
        alphas: 1 - betas, the fraction of the signal variance that each timestep keeps.
        alpha_bar: cumulative product of alphas, the fraction of the signal variance left after timestep t.
    """

    def __init__(
        self, start_beta: float, end_beta: float, total_steps: int, device: torch.device | str = "cpu"
    ) -> None:
        """Compute the schedule.

        Raises:
            ValueError: unless 0 < start_beta < end_beta < 1 and total_steps is at least 1.
        """
        if not 0.0 < start_beta < end_beta < 1.0:
            raise ValueError(f"need 0 < start_beta < end_beta < 1, not {start_beta} and {end_beta}")
        if total_steps < 1:
            raise ValueError(f"a schedule needs at least one step, not {total_steps}")
        self.device = torch.device(device)
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        self.betas = self.linear_scheduler()
        self.alphas = 1.0 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def linear_scheduler(self) -> Tensor:
        """Return T betas, float32 (T,), evenly spaced from start_beta to end_beta inclusive (section 4)."""
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps, device=self.device)

    def curves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return betas, alphas and alpha_bar as float64 tensors of shape (T,).

        The values are those of the float32 attributes; only later arithmetic gains precision.
        """
        return self.betas.double(), self.alphas.double(), self.alpha_bar.double()

    def noise_diffusion(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Sample x_t from q(x_t | x_0), eq. (4):

            x_t = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * noise

        Args:
            image: x_0, float (B, C, H, W), pixel values in [0, 1].
            t: timestep of each image, B integers from 0 to total_steps - 1, as a list or an integer tensor.
            noise: float (B, C, H, W), unit variance; sampled here if None. Pass it to make a test exact.

        Returns:
            x_t and the *unscaled* noise, both shaped like ``image``. The network learns to predict that
            noise (eq. 14).

        Raises:
            TypeError: the timesteps are not integers.
            ValueError: there is not exactly one timestep per image.
            IndexError: a timestep lies outside the schedule.
        """
        image, alpha_bar, noise = self._prepare(image, t, noise)
        return alpha_bar.sqrt() * image + (1.0 - alpha_bar).sqrt() * noise, noise

    def _prepare(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return image and noise on this device, and alpha_bar at the timesteps as (B, 1, 1, 1)."""
        image = image.to(self.device)
        noise = torch.randn_like(image) if noise is None else noise.to(self.device)
        steps = self._validate_steps(t, count=len(image))
        return image, self.alpha_bar[steps].view(-1, 1, 1, 1), noise

    def _validate_steps(self, t: Sequence[int] | Tensor, *, count: int) -> Tensor:
        """Return the timesteps as int64 (B,) on this device after checking type, number and range."""
        steps = torch.as_tensor(t, device=self.device)
        if steps.is_floating_point() or steps.is_complex() or steps.dtype == torch.bool:
            raise TypeError(f"steps are whole numbers, not {steps.dtype}")
        if steps.shape != (count,):
            raise ValueError(
                f"{count} images need {count} steps in one row, not the shape {tuple(steps.shape)}"
            )
        low, high = int(steps.min()), int(steps.max())
        # Indexing would not catch these: -1 silently means the last entry, and on a GPU an index that is too
        # large fails asynchronously and leaves the CUDA context unusable.
        if low < 0 or high >= self.total_steps:
            raise IndexError(f"steps run from 0 to {self.total_steps - 1}, not {low} to {high}")
        return steps.long()

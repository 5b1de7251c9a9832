"""The forward process: how an image dissolves into noise.

Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", sections 2 and 3, eq. (2) and (4).
Steps count from 0 here and from 1 in the paper: our t = 0 is the paper's t = 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class NoiseDiffuser:
    """A linear noise schedule, and the jump it allows from x_0 straight to x_t.

    Attributes, each float32 of shape (T,):
        betas: variance of the noise added at every step (eq. 2).
        alphas: 1 - betas, the share of the signal's variance that every step keeps.
        alpha_bar: running product of alphas, the share that is left after step t.
    """

    def __init__(
        self, start_beta: float, end_beta: float, total_steps: int, device: torch.device | str = "cpu"
    ) -> None:
        """Lay out the schedule.

        Raises:
            ValueError: the betas do not rise inside (0, 1), or there is no step at all.
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
        """The betas, float32 (T,): evenly spaced from start_beta to end_beta, both included (section 4)."""
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps, device=self.device)

    def noise_diffusion(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw x_t from q(x_t | x_0), eq. (4):

            x_t = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * noise

        Args:
            image: x_0, float (B, C, H, W), pixel values in [0, 1].
            t: step of each image, B whole numbers from 0 to total_steps - 1, as a list or an integer tensor.
            noise: float (B, C, H, W), unit variance; drawn here when absent, passed in to make a test exact.

        Returns:
            x_t and the *unscaled* noise, both shaped like ``image``; the network learns that noise (eq. 14).

        Raises:
            TypeError: the steps are not whole numbers.
            ValueError: there is not exactly one step per image.
            IndexError: a step lies outside the schedule.
        """
        image, alpha_bar, noise = self._prepared(image, t, noise)
        return alpha_bar.sqrt() * image + (1.0 - alpha_bar).sqrt() * noise, noise

    def _prepared(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The image and its noise on our device, and alpha_bar at the steps, (B, 1, 1, 1)."""
        image = image.to(self.device)
        noise = torch.randn_like(image) if noise is None else noise.to(self.device)
        steps = self._checked(t, count=len(image))
        return image, self.alpha_bar[steps].view(-1, 1, 1, 1), noise

    def _checked(self, t: Sequence[int] | Tensor, *, count: int) -> Tensor:
        """The steps as an int64 tensor (B,) on our device, once they are known to lie in the schedule."""
        steps = torch.as_tensor(t, device=self.device)
        if steps.is_floating_point() or steps.is_complex() or steps.dtype == torch.bool:
            raise TypeError(f"steps are whole numbers, not {steps.dtype}")
        if steps.shape != (count,):
            raise ValueError(
                f"{count} images need {count} steps in one row, not the shape {tuple(steps.shape)}"
            )
        low, high = int(steps.min()), int(steps.max())
        if low < 0 or high >= self.total_steps:  # a negative index would wrap; a GPU would lose its context
            raise IndexError(f"steps run from 0 to {self.total_steps - 1}, not {low} to {high}")
        return steps.long()

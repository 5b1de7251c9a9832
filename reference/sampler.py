"""The reverse process: from noise to an image, one timestep at a time (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from reference.interfaces import NoisePredictor, Schedule


@torch.no_grad()
def generate_samples(
    x_t: Tensor,
    model: NoisePredictor,
    num_samples: int,
    total_timesteps: int,
    diffuser: Schedule,
    device: torch.device | str,
) -> Tensor:
    """Run the reverse process from x_T to x_0, eq. (11) with sigma_t^2 = beta_t (section 3.2).

    Each step subtracts the predicted noise, rescales, and adds fresh noise z; the last step adds none:

        x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) * predicted) / sqrt(alpha_t) + sqrt(beta_t) * z

    Args:
        x_t: x_T, float (num_samples, C, H, W), standard normal.
        model: predicts the noise from x_t and timesteps, float (B, 1); put it in eval mode first.
        num_samples: number of images, the length of ``x_t``.
        total_timesteps: T, at most the length of the schedule.
        diffuser: the schedule that the model was trained with.
        device: device of the model and the samples.

    Returns:
        x_0, float (num_samples, C, H, W), without gradient and not clipped to [0, 1].

    Raises:
        ValueError: ``num_samples`` is not the number of images, or the schedule is too short.
    """
    if len(x_t) != num_samples:
        raise ValueError(f"x_t holds {len(x_t)} images, not the {num_samples} asked for")
    if total_timesteps > len(diffuser.betas):
        raise ValueError(f"the schedule has {len(diffuser.betas)} steps, not the {total_timesteps} asked for")
    x_t = x_t.to(device)
    for t in reversed(range(total_timesteps)):
        beta, alpha, alpha_bar = diffuser.betas[t], diffuser.alphas[t], diffuser.alpha_bar[t]
        predicted = model(x_t, torch.full((num_samples, 1), float(t), device=x_t.device))
        x_t = (x_t - beta / (1.0 - alpha_bar).sqrt() * predicted) / alpha.sqrt()
        if t > 0:
            x_t = x_t + beta.sqrt() * torch.randn_like(x_t)
    return x_t

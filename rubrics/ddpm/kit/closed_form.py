"""The best predictor of the noise in digits: a formula over all images in place of a trained network.

Where x_0 is one of N known images, each as likely as any other, the mean of x_0 given x_t is their mean
weighted by the likelihood of x_t, and the noise follows from it. Samples made with it are images of the set.
"""

from __future__ import annotations

from torch import Tensor

from reference.diffuser import NoiseDiffuser
from reference.digits import load_digits28
from reference.readings import PAPER
from reference.schedule import SCHEDULE


class ClosedFormDenoiser:
    """Predicts the noise in embedded digits, for the reference's schedule and the paper's formulation."""

    def __init__(self) -> None:
        self._images = load_digits28("train")[0].flatten(1)  # (N, 784)
        self._alpha_bar = NoiseDiffuser(**SCHEDULE).alpha_bar

    def __call__(self, x_t: Tensor, t: Tensor, /) -> Tensor:
        """Return the mean of the noise in x_t, float (B, 1, 28, 28), at timesteps t, float (B, 1)."""
        alpha_bar = self._alpha_bar[t.flatten().long()].view(-1, 1)
        signal, noise = PAPER.signal(alpha_bar), PAPER.noise(alpha_bar)
        x, images = x_t.flatten(1), self._images
        # log p(x_t | x_0) without what is the same for all images
        likelihood = (signal * (x @ images.T) - 0.5 * signal**2 * images.square().sum(1)) / noise**2
        mean = likelihood.softmax(dim=1) @ images
        return ((x - signal * mean) / noise).view(x_t.shape)

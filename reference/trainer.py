"""Training: teach the network to predict the noise in an image (Ho et al. 2020, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from reference.interfaces import ForwardProcess, Loader

Criterion = Callable[[Tensor, Tensor], Tensor]


def train(
    model: nn.Module,
    train_loader: Loader,
    val_loader: Loader,
    optimizer: torch.optim.Optimizer,
    criterion: Criterion,
    device: torch.device | str,
    num_epochs: int,
    diffuser: ForwardProcess,
    totalTrainingTimesteps: int,  # the handout's spelling
) -> tuple[list[float], list[float]]:
    """Train the model in place and validate it after every epoch.

    Args:
        model: predicts the noise from x_t (B, C, H, W) and timesteps, float (B, 1); already on ``device``.
        train_loader: batches (images, labels), images float (B, C, H, W) in [0, 1]; labels are ignored.
        val_loader: the same, of images not used for training.
        optimizer: an optimizer over the model's parameters.
        criterion: maps (predicted, true) noise to a scalar; the mean squared error gives eq. (14).
        device: device that batches are moved to.
        num_epochs: number of passes over ``train_loader``.
        diffuser: produces x_t and the target, on the same device.
        totalTrainingTimesteps: T; each image gets a timestep sampled uniformly from 0 to T - 1.

    Returns:
        Training losses and validation losses: for each epoch the mean over its batches.

    Raises:
        ValueError: a loader has no batches.
    """
    if not len(train_loader) or not len(val_loader):
        raise ValueError("both loaders need at least one batch")

    def loss_on(images: Tensor) -> Tensor:
        steps = torch.randint(0, totalTrainingTimesteps, (len(images),))  # one per image, new in every batch
        x_t, noise = diffuser.noise_diffusion(images.to(device), steps.tolist())
        return criterion(model(x_t, steps.float().view(-1, 1).to(device)), noise)

    train_losses, val_losses = [], []
    for _ in range(num_epochs):
        model.train()
        total = 0.0
        for images, _labels in train_loader:
            optimizer.zero_grad()
            loss = loss_on(images)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
        train_losses.append(total / len(train_loader))

        model.eval()
        with torch.no_grad():
            val_losses.append(sum(loss_on(images).item() for images, _labels in val_loader) / len(val_loader))
    return train_losses, val_losses

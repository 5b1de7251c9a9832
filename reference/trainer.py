"""Training: show the network noisy images until it can tell the noise (Ho et al. 2020, algorithm 1)."""

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
    """Train in place, and validate after every epoch.

    Args:
        model: predicts noise from x_t (B, C, H, W) and steps, float (B, 1); on ``device`` already.
        train_loader: batches (images, labels), images float (B, C, H, W) in [0, 1]; labels are ignored.
        val_loader: the same, of images that are not trained on.
        optimizer: holds the model's parameters.
        criterion: from (predicted, true) noise to a scalar; the mean squared error gives eq. (14).
        device: where batches are moved.
        num_epochs: passes over ``train_loader``.
        diffuser: makes x_t and the target, on the same device.
        totalTrainingTimesteps: T; every image gets a step drawn evenly from 0 to T - 1.

    Returns:
        The mean loss per batch in training and in validation, a number per epoch in each list.

    Raises:
        ValueError: a loader has no batch.
    """
    if not len(train_loader) or not len(val_loader):
        raise ValueError("both loaders need at least one batch")

    def loss_on(images: Tensor) -> Tensor:
        steps = torch.randint(0, totalTrainingTimesteps, (len(images),))  # anew for every image and batch
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

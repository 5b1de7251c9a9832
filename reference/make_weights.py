"""Trains the network on the embedded digits and writes its weights:  python -m reference.make_weights"""

from __future__ import annotations

import json

import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from reference.diffuser import NoiseDiffuser
from reference.digits import load_digits28
from reference.evaluation import held_out_error
from reference.pretrained import SCHEDULE, WEIGHTS_FILE, load_pretrained
from reference.trainer import train
from reference.unet import UNet

SEED = 96
EPOCHS = 130  # of 23 batches: 2990 steps
BATCH_SIZE = 64
LEARNING_RATE = 1e-3


def main() -> None:
    """Train on four fifths of the digits, minutes on one core, and write float16 weights with their story."""
    torch.manual_seed(SEED)
    diffuser = NoiseDiffuser(**SCHEDULE)
    model = UNet(in_channels=1, out_channels=1)
    loader = DataLoader(TensorDataset(*load_digits28("train")), batch_size=BATCH_SIZE, shuffle=True)
    held_out = DataLoader(TensorDataset(*load_digits28("held-out")), batch_size=BATCH_SIZE)
    _train_with_decay(model, loader, held_out, diffuser)

    weights = {name: weight.half() for name, weight in model.state_dict().items()}
    about = {
        "schedule": json.dumps(SCHEDULE),
        "reading": "paper",
        "seed": str(SEED),
        "steps": str(EPOCHS * len(loader)),
        "torch": torch.__version__,
    }
    save_file(weights, WEIGHTS_FILE, metadata=about)
    error = _error_of_shipped_weights(diffuser)
    save_file(weights, WEIGHTS_FILE, metadata=about | {"held_out_error": f"{error:.4f}"})
    WEIGHTS_FILE.chmod(0o644)  # safetensors lets only the owner read it, and a wheel would keep that
    print(f"{WEIGHTS_FILE}: held-out error {error:.4f}, {WEIGHTS_FILE.stat().st_size:,} bytes")


def _train_with_decay(
    model: UNet,
    loader: DataLoader[tuple[torch.Tensor, ...]],
    held_out: DataLoader[tuple[torch.Tensor, ...]],
    diffuser: NoiseDiffuser,
) -> None:
    """The textbook's own training, an epoch at a time, with a learning rate that sinks like a cosine."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    for epoch in range(EPOCHS):
        (trained,), (validated,) = train(
            model, loader, held_out, optimizer, nn.MSELoss(), "cpu", 1, diffuser, diffuser.total_steps
        )
        decay.step()
        print(f"epoch {epoch + 1}/{EPOCHS}: train {trained:.4f}, held-out {validated:.4f}", flush=True)


def _error_of_shipped_weights(diffuser: NoiseDiffuser) -> float:
    """The held-out error of the file as it will be loaded, rounding included."""
    images, _labels = load_digits28("held-out")
    return held_out_error(load_pretrained(), diffuser, images, torch.Generator().manual_seed(SEED))


if __name__ == "__main__":
    main()

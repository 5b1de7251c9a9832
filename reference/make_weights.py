"""Train the reference network on the embedded digits and save it:  python -m reference.make_weights"""

from __future__ import annotations

import json

import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from reference.diffuser import NoiseDiffuser
from reference.digits import load_digits28
from reference.evaluation import held_out_error
from reference.pretrained import WEIGHTS_FILE, load_pretrained
from reference.schedule import SCHEDULE
from reference.trainer import train
from reference.unet import UNet

SEED = 96
EPOCHS = 130  # of 23 batches: 2990 steps
BATCH_SIZE = 64
LEARNING_RATE = 1e-3


def main() -> None:
    """Train on four fifths of the digits (minutes on one core) and save float16 weights with metadata."""
    torch.manual_seed(SEED)
    diffuser = NoiseDiffuser(**SCHEDULE)
    model = UNet(in_channels=1, out_channels=1)
    loader = DataLoader(TensorDataset(*load_digits28("train")), batch_size=BATCH_SIZE, shuffle=True)
    held_out = DataLoader(TensorDataset(*load_digits28("held-out")), batch_size=BATCH_SIZE)
    _train_with_decay(model, loader, held_out, diffuser)

    weights = {name: weight.half() for name, weight in model.state_dict().items()}
    metadata = {
        "schedule": json.dumps(SCHEDULE),
        "reading": "paper",
        "seed": str(SEED),
        "steps": str(EPOCHS * len(loader)),
        "torch": torch.__version__,
    }
    save_file(weights, WEIGHTS_FILE, metadata=metadata)
    error = _error_of_shipped_weights(diffuser)
    save_file(weights, WEIGHTS_FILE, metadata=metadata | {"held_out_error": f"{error:.4f}"})
    WEIGHTS_FILE.chmod(0o644)  # safetensors writes mode 0600, and a wheel would keep that
    print(f"{WEIGHTS_FILE}: held-out error {error:.4f}, {WEIGHTS_FILE.stat().st_size:,} bytes")


def _train_with_decay(
    model: UNet,
    loader: DataLoader[tuple[torch.Tensor, ...]],
    held_out: DataLoader[tuple[torch.Tensor, ...]],
    diffuser: NoiseDiffuser,
) -> None:
    """Run ``reference.trainer.train`` one epoch at a time, with a cosine learning-rate decay."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    for epoch in range(EPOCHS):
        (trained,), (validated,) = train(
            model, loader, held_out, optimizer, nn.MSELoss(), "cpu", 1, diffuser, diffuser.total_steps
        )
        decay.step()
        print(f"epoch {epoch + 1}/{EPOCHS}: train {trained:.4f}, held-out {validated:.4f}", flush=True)


def _error_of_shipped_weights(diffuser: NoiseDiffuser) -> float:
    """Return the held-out error of the saved file, rounding to float16 included."""
    images, _labels = load_digits28("held-out")
    return held_out_error(load_pretrained(), diffuser, images, torch.Generator().manual_seed(SEED))


if __name__ == "__main__":
    main()

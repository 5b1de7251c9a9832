"""Measures what the reference reaches, in the short training and in sampling: ``python -m
rubrics.ddpm.calibrate``.

Writes ``reference_samples.npz`` and ``calibration.json``::

    seeds, torch, quality: {seed distances of 30 reference samples to held-out digits}
    readings: {"paper, unscaled": {held_out: [{steps, mean, least, most}], training: [...], validation:
        [...]}, ...}

``training`` and ``validation`` are the mean losses per epoch. Takes about a quarter of an hour on one core.
"""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.evaluation import held_out_probe, relative_error
from reference.pretrained import SCHEDULE, load_pretrained
from reference.readings import READINGS, Reading, ReadingDiffuser
from reference.trainer import train
from reference.unet import UNet

from .calibration import FILE, SAMPLES, key
from .probe_learning import VALIDATION_BATCHES, Data
from .quality import distance, sample_from

SEEDS = range(3)
EPOCHS = 12
QUALITY_SEEDS = range(20)


def main() -> None:
    torch.set_num_threads(1)
    rubric = tomllib.loads((Path(__file__).parent / "rubric.toml").read_text())
    settings = rubric["settings"]["training"]
    readings = {}
    for reading in READINGS.values():
        for scaled in (False, True):
            one = replace(reading, returns_scaled_noise=scaled)
            readings[key(one)] = _reference_curve(one, settings)
            print(key(one), readings[key(one)]["held_out"][5], flush=True)
    outcome = {
        "torch": torch.__version__,
        "seeds": len(SEEDS),
        "data": "digits",
        "quality": _reference_distances(),
        "readings": readings,
    }
    _save_reference_samples(rubric["settings"])
    FILE.write_text(json.dumps(outcome, indent=1) + "\n")


def _reference_curve(reading: Reading, settings: dict[str, Any]) -> dict[str, Any]:
    runs = [_one_run(reading, settings, seed) for seed in SEEDS]
    held_out = [
        _row([run["held_out"][epoch] for run in runs], (epoch + 1) * settings["batches"])
        for epoch in range(EPOCHS)
    ]
    losses = {
        name: [round(statistics.fmean(run[name][epoch] for run in runs), 5) for epoch in range(EPOCHS)]
        for name in ("training", "validation")
    }
    return {"held_out": held_out, **losses}


def _one_run(reading: Reading, settings: dict[str, Any], seed: int) -> dict[str, list[float]]:
    """Losses and held-out errors per epoch of one training of the reference."""
    torch.manual_seed(seed)
    images, labels = digits.load_digits28("train")
    held_out, _ = digits.load_digits28("held-out")
    data = Data(images, labels, held_out, settings["batch_size"], seed)
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    network = UNet(1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    run: dict[str, list[float]] = {"held_out": [], "training": [], "validation": []}
    for _ in range(EPOCHS):
        loaders = _Batches(data.batch, settings["batches"]), _Batches(data.validation, VALIDATION_BATCHES)
        training, validation = train(
            network, *loaders, optimizer, nn.MSELoss(), "cpu", 1, diffuser, SCHEDULE["total_steps"]
        )
        run["training"] += training
        run["validation"] += validation
        run["held_out"].append(_error(network, diffuser, data.held_out, seed))
    return run


class _Batches:
    def __init__(self, batch: Any, count: int) -> None:
        self._batch, self._count = batch, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self._batch(number) for number in range(self._count))


def _error(network: nn.Module, diffuser: NoiseDiffuser, held_out: Tensor, seed: int) -> float:
    probe = held_out_probe(diffuser, held_out[:512], torch.Generator().manual_seed(seed))
    network.eval()
    with torch.no_grad():
        return relative_error(network(probe.x_t, probe.t), probe.target)


def _reference_distances() -> dict[str, float]:
    """Over many seeds, of the reference's trained network."""
    network = load_pretrained()
    return _row([_distance(network, seed) for seed in QUALITY_SEEDS])


def _distance(network: nn.Module, seed: int) -> float:
    """Energy distance to held-out digits of 30 samples by the reference's sampler."""
    return distance([sample_from(seed, 30, network.eval())])


def _save_reference_samples(settings: dict[str, Any]) -> None:
    """The reference's samples from the handout's seeds, for the report."""
    network = load_pretrained()
    made = [sample_from(seed, settings["samples_per_seed"], network) for seed in settings["sample_seeds"]]
    pixels = (torch.stack(made).clamp(0, 1) * 255).round().to(torch.uint8)
    np.savez_compressed(SAMPLES, samples=pixels.numpy())


def _row(values: list[float], steps: int | None = None) -> dict[str, float]:
    at = {} if steps is None else {"steps": float(steps)}
    return at | {
        "mean": round(statistics.fmean(values), 5),
        "least": round(min(values), 5),
        "most": round(max(values), 5),
    }


if __name__ == "__main__":
    main()

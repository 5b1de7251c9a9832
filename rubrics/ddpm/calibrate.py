"""Measures what the reference reaches in the short training, over many seeds: ``python -m rubrics.ddpm.calibrate``.

Writes ``calibration.json``::

    seeds, torch, quality: {seed distances of 30 reference samples to held-out digits}
    readings: {"paper, unscaled": {held_out: [{steps, mean, least, most}], samples: [same], training: [...], validation: [...]}}

``training`` and ``validation`` are the mean losses per epoch, ``samples`` the energy distances of 30 samples. Takes about a quarter of an hour on one core.
"""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.evaluation import energy_distance, held_out_probe, relative_error
from reference.pretrained import SCHEDULE, load_pretrained
from reference.readings import READINGS, Reading, ReadingDiffuser
from reference.sampler import generate_samples
from reference.trainer import train
from reference.unet import UNet

from .calibration import FILE, key
from .probe_learning import VALIDATION_BATCHES, Data

SEEDS = range(5)
EPOCHS = 24
SAMPLED = (3, 6, 12, 24)  # epochs after which samples are drawn
QUALITY_SEEDS = range(40)


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
    FILE.write_text(json.dumps(outcome, indent=1) + "\n")


def _reference_curve(reading: Reading, settings: dict[str, Any]) -> dict[str, Any]:
    runs = [_one_run(reading, settings, seed) for seed in SEEDS]
    held_out = [
        _row([run["held_out"][epoch] for run in runs], (epoch + 1) * settings["batches"]) for epoch in range(EPOCHS)
    ]
    samples = [
        _row([run["samples"][number] for run in runs], epoch * settings["batches"])
        for number, epoch in enumerate(SAMPLED)
    ]
    losses = {
        name: [round(statistics.fmean(run[name][epoch] for run in runs), 5) for epoch in range(EPOCHS)]
        for name in ("training", "validation")
    }
    return {"held_out": held_out, "samples": samples, **losses}


def _one_run(reading: Reading, settings: dict[str, Any], seed: int) -> dict[str, list[float]]:
    """Losses and held-out errors per epoch of one training of the reference."""
    torch.manual_seed(seed)
    images, labels = digits.load_digits28("train")
    held_out, _ = digits.load_digits28("held-out")
    data = Data(images, labels, held_out, settings["batch_size"], seed)
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    network = UNet(1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    run: dict[str, list[float]] = {"held_out": [], "samples": [], "training": [], "validation": []}
    for epoch in range(EPOCHS):
        loaders = _Batches(data.batch, settings["batches"]), _Batches(data.validation, VALIDATION_BATCHES)
        training, validation = train(
            network, *loaders, optimizer, nn.MSELoss(), "cpu", 1, diffuser, SCHEDULE["total_steps"]
        )
        run["training"] += training
        run["validation"] += validation
        run["held_out"].append(_error(network, diffuser, data.held_out, seed))
        if epoch + 1 in SAMPLED:
            run["samples"].append(_distance(network, seed))
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
    real, _ = digits.load_digits28("held-out")
    network.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x_t = torch.randn(30, 1, 28, 28)
        samples = generate_samples(x_t, network, 30, SCHEDULE["total_steps"], NoiseDiffuser(**SCHEDULE), "cpu")
    return energy_distance(samples.clamp(-10, 10), real)


def _row(values: list[float], steps: int | None = None) -> dict[str, float]:
    at = {} if steps is None else {"steps": float(steps)}
    return at | {
        "mean": round(statistics.fmean(values), 5),
        "least": round(min(values), 5),
        "most": round(max(values), 5),
    }


if __name__ == "__main__":
    main()

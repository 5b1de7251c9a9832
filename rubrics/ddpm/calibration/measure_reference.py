"""Measure the reference in the short training and in sampling.

Run ``python -m rubrics.ddpm.calibration.measure_reference``; it takes about twenty minutes on one core. It
writes ``reference_samples.npz``, the samples from the handout's seeds, and ``reference.json``::

    torch, data: PyTorch's version, name of the data set
    seeds: number of training seeds
    quality: {mean, least, most}: energy distance of 30 samples to the held-out digits, over 20 seeds
    readings: {"paper, unscaled": {held_out: [{steps, mean, least, most}, ...],
                                   training: [{mean, least, most}, ...], validation: [...]}, ...}

``held_out`` is the relative error on held-out images after each epoch, ``training`` and ``validation`` are
its losses; mean, minimum and maximum are over the training seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from grader.probes.training_budget import TrainingBudget
from reference import digits
from reference.pretrained import load_pretrained
from reference.readings import READINGS, Reading

from ..sample_quality.generator import sample_from
from ..sample_quality.quality import distance
from ..short_training.image_data import ImageData
from ..short_training.measured import FILE, SAMPLES, calibration, key
from ..short_training.reference_curve import measure

SEEDS = range(3)  # of trainings
EPOCHS = 12  # of 50 batches: the promised budget of 300 steps and its extension to 600
QUALITY_SEEDS = range(20)


def main() -> None:
    """Measure every formulation, or one of them, and update the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="READING", help='one formulation, such as "paper, unscaled"')
    only = parser.parse_args().only
    torch.set_num_threads(1)
    settings = tomllib.loads((Path(__file__).parents[1] / "rubric.toml").read_text())["settings"]
    outcome: dict[str, Any] = calibration() if only else {"data": "digits", "readings": {}}
    outcome |= {"torch": torch.__version__, "seeds": len(SEEDS)}
    for reading in READINGS.values():
        for scaled in (False, True):
            one = replace(reading, returns_scaled_noise=scaled)
            if only in (None, key(one)):
                outcome["readings"][key(one)] = _reference_curve(one, settings["training"])
                print(key(one), outcome["readings"][key(one)]["held_out"][5], flush=True)
    if not only:
        outcome["quality"] = _reference_distances()
        _save_reference_samples(settings)
    FILE.write_text(json.dumps(outcome, indent=1) + "\n")


def _reference_curve(reading: Reading, settings: dict[str, Any]) -> dict[str, Any]:
    """Train the reference once per seed and return errors and losses of every epoch."""
    images, labels = digits.load_digits28("train")
    held_out, _ = digits.load_digits28("held-out")
    budget = TrainingBudget(
        stretches=(EPOCHS,),
        batches=settings["batches"],
        batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        seconds=float("inf"),
    )
    runs = [
        measure(
            reading,
            ImageData(train=images, labels=labels, held_out=held_out, batch_size=budget.batch_size),
            budget,
            seed,
        )
        for seed in SEEDS
    ]
    return {
        "held_out": [_row([run.held_out[n] for run in runs], steps) for n, steps in enumerate(runs[0].steps)],
        "training": [_row([run.training[n] for run in runs]) for n in range(EPOCHS)],
        "validation": [_row([run.validation[n] for run in runs]) for n in range(EPOCHS)],
    }


def _reference_distances() -> dict[str, float]:
    """Return mean, minimum and maximum over the seeds, with the trained reference network."""
    network = load_pretrained()
    return _row([_distance(network, seed) for seed in QUALITY_SEEDS])


def _distance(network: nn.Module, seed: int) -> float:
    """Return the energy distance of 30 samples by the reference's sampler to the held-out digits."""
    return distance([sample_from(seed, 30, network.eval())])


def _save_reference_samples(settings: dict[str, Any]) -> None:
    """Save the reference's samples from the handout's seeds, for the report."""
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

"""Samples from the weights that were handed in beside the notebook: to be looked at, worth no points."""

from __future__ import annotations

from pathlib import Path

import torch

from grader.checks import Blocked
from grader.sandbox.values import StudentError
from reference.pretrained import SCHEDULE

from ..forward.schedule import build_diffuser
from ..network.probe import Network
from .quality import Quality, SampleGenerator

LABEL = "all your own, with your weights"


def add_own_weights(
    quality: Quality, sample_generator: SampleGenerator, network: Network, weights: Path
) -> None:
    """A row of samples by the student's network, diffuser and sampler, with weights of their own training.

    The worker opens the file, and takes nothing from it but tensors.
    """
    try:
        content = torch.frombuffer(bytearray(weights.read_bytes()), dtype=torch.uint8)
        sample_generator.student.ask("weights", network.handle, content=content, keys=["unet"])
        diffuser = build_diffuser(sample_generator.student, **SCHEDULE)
        own = sample_generator.all_of_the_students(network, diffuser)
    except (StudentError, Blocked, OSError) as error:
        quality.notes.append(f"With the weights in {weights.name} there are no samples to show: {error}")
        return
    quality.rows.insert(0, (LABEL, own))
    quality.notes.append(
        f"The samples marked {LABEL!r} were made with {weights.name}, for you to see; they are not judged."
    )

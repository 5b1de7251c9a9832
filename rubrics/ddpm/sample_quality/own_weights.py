"""Samples from the weights handed in beside the notebook: shown in the report, worth no points."""

from __future__ import annotations

from pathlib import Path

import torch

from grader.checks import Blocked
from grader.sandbox.values import StudentError
from reference.schedule import SCHEDULE

from ..forward.schedule import build_diffuser
from ..network.probe import Network
from .generator import SampleGenerator
from .quality import Quality

LABEL = "all your own, with your weights"


def add_own_weights(
    quality: Quality, sample_generator: SampleGenerator, network: Network, weights: Path
) -> None:
    """Add a row of samples by the student's network, diffuser and sampler, with the weights they handed in.

    The file may hold anything, so only the worker opens it, and it reads nothing but tensors.
    """
    try:
        content = torch.frombuffer(bytearray(weights.read_bytes()), dtype=torch.uint8)
        sample_generator.student.ask("weights", network.handle, content=content, keys=["unet"])
        diffuser = build_diffuser(sample_generator.student, **SCHEDULE)
        own = sample_generator.with_student_parts(network, diffuser)
    except (StudentError, Blocked, OSError) as error:
        quality.notes.append(f"There are no samples with the weights in {weights.name}: {error}")
        return
    quality.rows.insert(0, (LABEL, own))
    quality.notes.append(
        f"The samples marked {LABEL!r} were made with {weights.name}, for you to see; they are not judged."
    )

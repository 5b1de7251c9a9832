"""Samples by a student's sampler from the reference's network are kept, for all who have that sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grader.checks.cache import DiskCache
from grader.checks.isolated_work import IsolatedWork, packed, unpacked
from grader.checks.session import Judge
from reference.pretrained import SCHEDULE

from ..forward.schedule import try_build_diffuser
from .quality import SampleGenerator, Samples

PARTS = ("generate_samples", "NoiseDiffuser")  # the latter for what may be asked of it beyond the handout


def draw_or_recall(judge: Judge, sample_generator: SampleGenerator, seeds: Sequence[int]) -> Samples:
    """Samples from ``seeds``: as they are kept, or else drawn now and kept.

    Args:
        studio: of the student whose sampler it is.

    Raises:
        StudentError, Blocked: as ``SampleGenerator.students_sampler``; nothing is kept then.
    """
    numbering = [sample_generator.numbering.first, sorted(sample_generator.numbering.padded)]
    depends = {"seeds": list(seeds), "count": sample_generator.count, "numbering": numbering}
    with IsolatedWork.of(judge, sample_generator.student, PARTS, depends) as apart:

        def draw() -> Samples:
            fallback = try_build_diffuser(apart.student, judge, SCHEDULE)
            its_own = replace(sample_generator, student=apart.student, seeds=seeds, fallback=fallback)
            return its_own.students_sampler()

        if not apart.reuse:
            return draw()
        kept = DiskCache("drawings").get(apart.key, lambda: _as_json(draw()))
        assert kept is not None
        return _recalled(kept)


def _as_json(drawn: Samples) -> dict[str, Any]:
    return {name: [_row(tensor) for tensor in getattr(drawn, name)] for name in ("samples", "film")}


def _row(tensor: Tensor) -> list[Any]:
    return [list(tensor.shape), packed(tensor.float())]


def _recalled(kept: Mapping[str, Any]) -> Samples:
    return Samples(
        **{
            name: [unpacked(content, torch.float32).reshape(shape) for shape, content in kept[name]]
            for name in ("samples", "film")
        }
    )

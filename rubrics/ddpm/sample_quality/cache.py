"""Samples by a student's sampler from the reference's network are kept, for all who have that sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grader.checks.cache import Shelf
from grader.checks.isolated_work import Apart, packed, unpacked
from grader.checks.session import Judge
from reference.pretrained import SCHEDULE

from ..forward.schedule import own_diffuser
from .quality import Drawn, Studio

PARTS = ("generate_samples", "NoiseDiffuser")  # the latter for what may be asked of it beyond the handout


def draw_or_recall(judge: Judge, studio: Studio, seeds: Sequence[int]) -> Drawn:
    """Samples from ``seeds``: as they are kept, or else drawn now and kept.

    Args:
        studio: of the student whose sampler it is.

    Raises:
        StudentError, Blocked: as ``Studio.students_sampler``; nothing is kept then.
    """
    numbering = [studio.numbering.first, sorted(studio.numbering.padded)]
    depends = {"seeds": list(seeds), "count": studio.count, "numbering": numbering}
    with Apart.of(judge, studio.student, PARTS, depends) as apart:

        def draw() -> Drawn:
            fallback = own_diffuser(apart.student, judge, SCHEDULE)
            its_own = replace(studio, student=apart.student, seeds=seeds, fallback=fallback)
            return its_own.students_sampler()

        if not apart.reuse:
            return draw()
        kept = Shelf("drawings").get(apart.key, lambda: _as_json(draw()))
        assert kept is not None
        return _recalled(kept)


def _as_json(drawn: Drawn) -> dict[str, Any]:
    return {name: [_row(tensor) for tensor in getattr(drawn, name)] for name in ("samples", "film")}


def _row(tensor: Tensor) -> list[Any]:
    return [list(tensor.shape), packed(tensor.float())]


def _recalled(kept: Mapping[str, Any]) -> Drawn:
    return Drawn(
        **{
            name: [unpacked(content, torch.float32).reshape(shape) for shape, content in kept[name]]
            for name in ("samples", "film")
        }
    )

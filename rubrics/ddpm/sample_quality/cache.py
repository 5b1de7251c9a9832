"""Cache of samples by a student's sampler and the reference's network, shared by identical samplers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grader.checks.cache import DiskCache
from grader.checks.isolated_work import IsolatedWork, decode_tensor, encode_tensor
from grader.checks.session import Judge
from reference.pretrained import SCHEDULE

from ..forward.schedule import try_build_diffuser
from .generator import SampleGenerator, Samples

PARTS = ("generate_samples", "NoiseDiffuser")  # the latter for attributes beyond the handout's


def sample_or_load(judge: Judge, sample_generator: SampleGenerator, seeds: Sequence[int]) -> Samples:
    """Return cached samples from ``seeds``, or generate and cache them.

    They are generated in a worker of their own that sees nothing else of the notebook, so they depend on
    nothing but the cache key.

    Raises:
        StudentError, Blocked: as ``SampleGenerator.with_student_sampler``; nothing is cached then.
    """
    numbering = [sample_generator.numbering.first, sorted(sample_generator.numbering.padded)]
    depends = {"seeds": list(seeds), "count": sample_generator.count, "numbering": numbering}
    with IsolatedWork.of(judge, sample_generator.student, PARTS, depends) as isolated:

        def sample() -> Samples:
            fallback = try_build_diffuser(isolated.student, judge, SCHEDULE)
            own = replace(sample_generator, student=isolated.student, seeds=seeds, fallback=fallback)
            return own.with_student_sampler()

        if not isolated.reuse:
            return sample()
        cached = DiskCache("drawings").get(isolated.key, lambda: _as_json(sample()))
        assert cached is not None
        return _loaded(cached)


def _as_json(samples: Samples) -> dict[str, Any]:
    return {name: [_tensor_as_json(tensor) for tensor in getattr(samples, name)] for name in _FIELDS}


def _tensor_as_json(tensor: Tensor) -> list[Any]:
    return [list(tensor.shape), encode_tensor(tensor.float())]


def _loaded(cached: Mapping[str, Any]) -> Samples:
    return Samples(
        **{
            name: [decode_tensor(content, torch.float32).reshape(shape) for shape, content in cached[name]]
            for name in _FIELDS
        }
    )


_FIELDS = ("samples", "film")

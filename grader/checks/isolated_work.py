"""Work whose result depends only on the code of a few definitions, so that notebooks can share it.

Notebooks with equal code for some definitions share trainings and samples. For the numbers to be exactly
equal whatever else a notebook contains, such work runs in a worker of its own, which is given only the
definitions in question and what they depend on. Its random numbers come from a seed derived from that code.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from grader.checks.session import Judge
from grader.closing import Closing
from grader.sandbox.code_digest import digest
from grader.sandbox.student import Student
from grader.seeds import seed_from
from grader.version import grader_version


@dataclass(frozen=True, kw_only=True)
class IsolatedWork(Closing):
    """A worker and a cache key for one piece of shared work; a context manager.

    Attributes:
        student: the worker for this work alone.
        seed: seed of its random numbers.
        key: digest of everything that the result depends on, including the seed.
        reuse: whether its result may be read from the cache and stored there.
        main: the worker of the notebook's other checks.
    """

    student: Student
    seed: int
    key: str
    reuse: bool
    main: Student

    @classmethod
    def of(
        cls,
        judge: Judge,
        student: Student,
        definitions: Iterable[str],
        inputs: Mapping[str, Any],
        seed: int | None = None,
    ) -> Self:
        """Start a worker with some of the student's definitions.

        Args:
            definitions: their names.
            inputs: what else the result depends on besides rubric, grader and machine, as JSON values.
            seed: replaces the seed derived from the code.
        """
        source = student.source.only(definitions)
        data = student.data if source.mentions("torchvision") else None
        # The names of these fields are part of the digest, and so of the seed.
        everything = {
            "code": digest(source.statements, source.modules),
            "names": sorted(source.names.items()),
            "served": tensor_digest((data.images, data.labels)) if data else None,
            "circumstances": inputs,
            "rubric": judge.rubric.digest,
            "grader": grader_version(),
            "machine": [platform.python_version(), torch.__version__, *_processor(), *_packages()],
            "device": [student.device, student.threads],
        }
        key = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
        if seed is None:
            seed = seed_from(bytes.fromhex(judge.request["secret"]), key)
        # The worker knows the seed's last digits, as the main worker does, and no other random number.
        worker = student.fresh(source=source, seed=seed % 1000, data=data, notices={})
        # A GPU adds in varying order, so its results differ in the last bits; and code that Landlock does not
        # confine could write to the cache.
        reuse = judge.request["reuse"] and student.device == "cpu" and "landlock" in student.layers
        return cls(student=worker, seed=seed, key=f"{key}-{seed}", reuse=reuse, main=student)

    def close(self) -> None:
        """End the worker, and pass its notices on."""
        self.student.close()
        self.main.notices.update(self.student.notices)


def encode_tensor(tensor: Tensor) -> str:
    """Return a tensor's bytes as base64."""
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def decode_tensor(text: str, dtype: torch.dtype) -> Tensor:
    """Return the elements of an encoded tensor, flat (N,)."""
    content = bytearray(base64.b64decode(text))
    return torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)


def tensor_digest(tensors: Iterable[Tensor]) -> str:
    """Return the SHA-256 of the tensors' bytes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def _packages() -> list[str]:
    """Return the packages installed beside PyTorch, with versions."""
    return sorted(path.name for path in Path(torch.__path__[0]).parent.glob("*.dist-info"))


def _processor() -> list[str]:
    """Return the CPU model and the vector instructions PyTorch uses; others round differently."""
    models = [platform.processor() or platform.machine()]
    with suppress(OSError):
        models += [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return [*sorted(set(models)), torch.backends.cpu.get_cpu_capability()]

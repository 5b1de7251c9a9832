"""What notebooks share whose code computes the same: the same work under the same circumstances comes to the
same numbers, whoever handed it in and whatever else is in the notebook.

For that to be exact, such a piece of work has a worker to itself that is given nothing but what the parts in
question need, and its random numbers come from a seed of this code, not of the notebook.
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
    """A piece of work, apart from all else that is done with a notebook; a context manager.

    Attributes:
        student: a worker for it alone; to be closed.
        seed: of its random numbers.
        key: a digest of all that it depends on, its seed included.
        reuse: whether it may be taken from another notebook, or an earlier grade.
        asked: the worker for the notebook's other questions.
    """

    student: Student
    seed: int
    key: str
    reuse: bool
    asked: Student

    @classmethod
    def of(
        cls,
        judge: Judge,
        student: Student,
        parts: Iterable[str],
        circumstances: Mapping[str, Any],
        seed: int | None = None,
    ) -> Self:
        """Work with some of the student's definitions.

        Args:
            parts: names of the definitions.
            circumstances: what else it depends on, besides rubric, grader and machine; as JSON takes it.
            seed: instead of the seed of this code.
        """
        source = student.source.only(parts)
        data = student.data if source.mentions("torchvision") else None
        everything = {
            "code": digest(source.statements, source.modules),
            "names": sorted(source.names.items()),
            "served": digest_of((data.images, data.labels)) if data else None,
            "circumstances": circumstances,
            "rubric": judge.rubric.digest,
            "grader": grader_version(),
            "machine": [platform.python_version(), torch.__version__, *_processor(), *_packages()],
            "device": [student.device, student.threads],
        }
        key = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
        if seed is None:
            seed = seed_from(bytes.fromhex(judge.request["secret"]), key)
        # The worker knows its last digits, as with the student's other code, and nothing else that is drawn.
        apart = student.fresh(source=source, seed=seed % 1000, data=data, notices={})
        # On a GPU sums are taken in any order; and code without walls could write what is kept.
        reuse = judge.request["reuse"] and student.device == "cpu" and "landlock" in student.layers
        return cls(student=apart, seed=seed, key=f"{key}-{seed}", reuse=reuse, asked=student)

    def close(self) -> None:
        """End the worker."""
        self.student.close()
        self.asked.notices.update(self.student.notices)


def packed(tensor: Tensor) -> str:
    """A tensor's bytes as text."""
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def unpacked(text: str, dtype: torch.dtype) -> Tensor:
    """The tensor that ``packed`` took the bytes of, (N,)."""
    content = bytearray(base64.b64decode(text))
    return torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)


def digest_of(tensors: Iterable[Tensor]) -> str:
    """A digest of the tensors' bytes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def _packages() -> list[str]:
    """All that is installed where PyTorch is, with versions."""
    return sorted(path.name for path in Path(torch.__path__[0]).parent.glob("*.dist-info"))


def _processor() -> list[str]:
    """The processor's model, and the instructions that PyTorch uses of it: others round otherwise."""
    models = [platform.processor() or platform.machine()]
    with suppress(OSError):
        models += [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return [*sorted(set(models)), torch.backends.cpu.get_cpu_capability()]

"""Values that judge and worker exchange besides plain data: errors, handles, test doubles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

_LOST = ("Died", "Timeout", "Flood", "Endless")


class StudentError(Exception):
    """The student's code raised an exception, or its worker had to be stopped.

    ``str(error)`` is a sentence for the student, with cell and line.

    Attributes:
        type: name of the exception class; or "Died", "Timeout", "Flood" (too much or malformed data) or
            "Endless" (a test double was called too often).
        message: message of the exception.
        cell: number of the cell, or file name of the local module, where it was raised, if known.
        line: line in that cell or file.
        path: line of every frame of the student's code, from the outermost.
    """

    def __init__(
        self,
        type: str,
        message: str,
        cell: int | str | None = None,
        line: int | None = None,
        path: tuple[int, ...] = (),
    ) -> None:
        self.type, self.message, self.cell, self.line, self.path = type, message, cell, line, path
        at = f"cell {cell}" if isinstance(cell, int) else cell
        where = f"{at}, line {line}: " if cell is not None else ""
        what = message if type in _LOST else f"{type}: {message}".rstrip(": ")
        super().__init__(where + what)

    @property
    def lost(self) -> bool:
        """True if the worker itself is gone, rather than one call having failed."""
        return self.type in _LOST


class WorkerError(Exception):
    """The worker's own code failed, as far as the worker says: an error of the grader."""


class WorkerLost(WorkerError):
    """The worker died or fell silent, and nothing that the student's code did explains it: an accident."""


class DeviceError(Exception):
    """An error that can only arise on a GPU: it is full or unusable, or the code is not written for one."""


class Refusal(Exception):
    """Raised by a test double to raise an exception of this type and message in the worker."""

    def __init__(self, type: str, message: str) -> None:
        self.type = type
        super().__init__(message)


class Exhausted(Exception):
    """Raised by a loader double when there is no further batch."""


class Double(Protocol):
    """A test double that is called in the worker and answers in the judge."""

    def describe(self) -> dict[str, Any]:
        """Return its ``kind`` and what else the worker needs to build its counterpart.

        ``passes_for``, of a module or object, lists definitions that ``isinstance`` takes it for.
        """

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the value that the caller in the worker gets.

        Args:
            event: what happened, such as a call or a backward pass.
            args, kwargs: arguments of the call.
            state: what the worker knows about it, such as whether gradients are enabled.

        Raises:
            Refusal: the caller gets an exception instead.
            Exhausted: there is no further batch.
        """


@dataclass(frozen=True, slots=True)
class Handle:
    """A reference to an object in the worker, void once that worker has ended.

    Attributes:
        number: identifies the object in its worker.
        type: name of its class.
        generation: number of its worker.
    """

    number: int
    type: str
    generation: int


@dataclass(frozen=True, slots=True)
class OnCPU:
    """Wraps a tensor that stays on the CPU whatever the device in use, as the batches of a loader do."""

    tensor: Tensor


@dataclass(frozen=True, slots=True)
class ServedDataset:
    """Images and labels that a torchvision dataset holds in the worker, in place of a download.

    Attributes:
        name: name of the class in ``torchvision.datasets``, such as CIFAR10.
        images: float (N, C, H, W) in [0, 1], with 1 or 3 channels.
        labels: int64 (N,).
    """

    name: str
    images: Tensor
    labels: Tensor


class NamedFields(tuple[Any, ...]):
    """A tuple with named items, as from ``typing.NamedTuple``."""

    names: tuple[str, ...]

    def __new__(cls, items: Iterable[Any], names: Iterable[str]) -> NamedFields:
        """Create a tuple from items and as many names."""
        made = super().__new__(cls, items)
        made.names = tuple(names)
        return made


class CurrentDevice:
    """Marker for an argument: the worker replaces it with the device in use."""


CURRENT_DEVICE = CurrentDevice()

"""The terms in which judge and worker speak: errors, handles, and stand-ins that the judge plays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

_LOST = ("Died", "Timeout", "Flood", "Endless")


class StudentError(Exception):
    """The student's code could not answer. ``str()`` of it is a sentence with cell and line.

    Attributes:
        type: name of the exception class, or "Died", "Timeout", "Flood", "Endless".
        cell, line: where in the notebook it arose, if that is known.
    """

    def __init__(
        self, type: str, message: str, cell: int | str | None = None, line: int | None = None
    ) -> None:
        self.type, self.message, self.cell, self.line = type, message, cell, line
        at = f"cell {cell}" if isinstance(cell, int) else cell
        where = f"{at}, line {line}: " if cell is not None else ""
        what = message if type in _LOST else f"{type}: {message}".rstrip(": ")
        super().__init__(where + what)

    @property
    def lost(self) -> bool:
        """Whether the worker itself is gone, not just one call."""
        return self.type in _LOST


class WorkerError(Exception):
    """The worker's own code broke: an error of ours, or said to be one."""


class DeviceError(Exception):
    """The GPU has no room left, cannot be used any more, or is what the code is not made for."""


class Refusal(Exception):
    """Raised by a stand-in: the student's code gets an exception of this class name and message."""

    def __init__(self, type: str, message: str) -> None:
        self.type = type
        super().__init__(message)


class Exhausted(Exception):
    """Raised by a stand-in that is a loader: there is no further batch."""


class Double(Protocol):
    """A stand-in: what it is called for in the worker, it answers here."""

    def describe(self) -> dict[str, Any]:
        """Return its ``kind`` and what else the worker needs to build it.

        ``passes_for``, of a module or object, lists definitions that ``isinstance`` takes it for.
        """

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """The value that the caller in the worker gets. May raise Refusal or Exhausted."""


@dataclass(frozen=True, slots=True)
class Handle:
    """An object that lives in the worker; lost when that worker is."""

    number: int
    type: str
    generation: int


@dataclass(frozen=True, slots=True)
class OnCPU:
    """Marks a tensor that is to arrive on the CPU whatever device is in use, as a loader's batches do."""

    tensor: Tensor


@dataclass(frozen=True, slots=True)
class ServedDataset:
    """Images that a torchvision dataset holds in the worker, in place of a download.

    Attributes:
        name: of the class in ``torchvision.datasets``, such as CIFAR10.
        images: float (N, C, H, W) in [0, 1], with 1 or 3 channels.
        labels: int64 (N,).
    """

    name: str
    images: Tensor
    labels: Tensor


class NamedFields(tuple[Any, ...]):
    """A tuple whose items have names, as ``typing.NamedTuple`` has them."""

    names: tuple[str, ...]

    def __new__(cls, items: Iterable[Any], names: Iterable[str]) -> NamedFields:
        """Items, and as many names."""
        made = super().__new__(cls, items)
        made.names = tuple(names)
        return made


class CurrentDevice:
    """Marks the argument that names the device in use."""


CURRENT_DEVICE = CurrentDevice()

"""The student's code as the judge sees it: names to call, values that come back, and errors that say where."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor

from grader.sandbox.launch import Line, Nursery
from grader.sandbox.worker.wire import (
    ANSWER,
    CALLBACK,
    MAX_BODY,
    REPLY,
    REQUEST,
    Closed,
    WireError,
    read_frame,
    write_frame,
)

MIB = 1 << 20


class StudentError(Exception):
    """The student's code could not answer. ``str()`` of it is a sentence with cell and line.

    Attributes:
        type: name of the exception class, or "Died", "Timeout", "Flood".
        cell, line: where in the notebook it arose, if that is known.
    """

    def __init__(self, type: str, message: str, cell: int | None = None, line: int | None = None) -> None:
        self.type, self.message, self.cell, self.line = type, message, cell, line
        where = f"cell {cell}, line {line}: " if cell is not None else ""
        what = message if type in ("Died", "Timeout", "Flood") else f"{type}: {message}".rstrip(": ")
        super().__init__(where + what)

    @property
    def lost(self) -> bool:
        """Whether the worker itself is gone, not just one call."""
        return self.type in ("Died", "Timeout", "Flood")


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
        """Its ``kind`` and what else the worker needs to build it."""

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


class InUse:
    """Marks the argument that names the device in use."""


IN_USE = InUse()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a worker is to load: statements with their cells and lines, in the notebook's order."""

    statements: Sequence[Mapping[str, Any]]


@dataclass(slots=True, kw_only=True)
class Student:
    """Asks one worker at a time; after a death the next question goes to a fresh one.

    Attributes:
        problems: statements that failed when the definitions were loaded.
        seconds: time spent waiting for the student's code.
    """

    nursery: Nursery
    source: Source
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    data: tuple[Tensor, Tensor] | None = None
    load_within: float = 60.0
    problems: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    generation: int = 0
    _line: Line | None = None

    def call(
        self,
        target: str | Handle,
        *args: Any,
        method: str | None = None,
        seed: int | None = None,
        within: float = 30.0,
        reply_limit: int = 64 * MIB,
        grad: bool = True,
        keep: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call what the student defined, and return what came back.

        Args:
            target: a name in the notebook, or an object that was kept.
            method: the object's method to call, instead of itself.
            seed: set for torch, numpy and random just before the call.
            within: seconds until the worker is killed.
            reply_limit: bytes of tensors that may come back.
            keep: leave the result in the worker and return its handle.

        Raises:
            StudentError: the code raised, died, hung or flooded.
        """
        return self.reply(
            {"verb": "call", "method": method, "seed": seed, "grad": grad, "keep": keep},
            target=target,
            args=args,
            kwargs=kwargs,
            within=within,
            reply_limit=reply_limit,
        )["value"]

    def get(self, target: str | Handle, name: str) -> Any:
        """The attribute ``name`` of ``target``."""
        return self.reply({"verb": "get", "name": name}, target=target)["value"]

    def set(self, target: str | Handle, name: str, value: Any) -> None:
        """Set the attribute ``name`` of ``target``."""
        self.reply({"verb": "set", "name": name}, target=target, values={"value": value})

    def fresh(self) -> Student:
        """The same source in a worker of its own, untouched by what was asked before. Close it after use."""
        return replace(self, problems=[], seconds=0.0, generation=0, _line=None)

    def ask(self, verb: str, target: str | Handle | None = None, **options: Any) -> Any:
        """Any other verb of the protocol; values among ``options`` are packed."""
        return self.reply({"verb": verb}, target=target, values=options)["value"]

    def reply(
        self,
        header: dict[str, Any],
        *,
        target: str | Handle | None = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        within: float = 30.0,
        reply_limit: int = 64 * MIB,
    ) -> dict[str, Any]:
        """Send a request and return the reply: ``value`` and whether it is ``attached`` to an autograd graph."""
        line = self._line or self._open()
        packer = _Packer(self)
        if target is not None:
            header["target"] = packer.target(target)
        header["args"] = [packer.pack(arg) for arg in args]
        header["kwargs"] = {name: packer.pack(value) for name, value in (kwargs or {}).items()}
        header |= {name: packer.pack(value) for name, value in (values or {}).items()}
        return self._exchange(line, header, packer, within, reply_limit)

    def start(self) -> None:
        """Load the student's definitions now, rather than with the first question."""
        if self._line is None:
            self._open()

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._line:
            self._line.close()
            self._line = None

    def _open(self) -> Line:
        line = self._line = self.nursery.worker()
        self.generation += 1
        if self.data is not None:
            images, labels = self.data
            self.ask("data", images=images, labels=labels)
        header = {
            "verb": "load",
            "statements": list(self.source.statements),
            "device": self.device,
            "threads": self.threads,
            "seed": self.seed,
        }
        self.problems = self.reply(header, within=self.load_within)["value"]
        return line

    def _exchange(
        self, line: Line, header: dict[str, Any], packer: _Packer, within: float, reply_limit: int
    ) -> dict[str, Any]:
        deadline = _Deadline(line, within)
        started = time.monotonic()
        try:
            with deadline:
                write_frame(line.requests, REQUEST, header, packer.tensors)
                while True:
                    kind, answer, tensors = read_frame(line.replies, min(reply_limit, MAX_BODY))
                    if kind == REPLY:
                        return self._received(answer, tensors)
                    if kind != CALLBACK:
                        raise WireError("a reply was due")
                    self._answer(line, answer, tensors, packer.doubles)
        except Closed as error:
            self.close()
            if deadline.passed:
                raise StudentError("Timeout", f"no answer within {within:.0f} seconds") from error
            raise StudentError("Died", "the Python process ended without an answer") from error
        except WireError as error:
            self.close()
            raise StudentError("Flood", "the answer was larger than it can rightly be, or garbled") from error
        except StudentError:
            raise
        except BaseException:
            self.close()  # of ours, in a stand-in: the conversation is out of step
            raise
        finally:
            self.seconds += time.monotonic() - started

    def _received(self, answer: dict[str, Any], tensors: list[Tensor]) -> dict[str, Any]:
        if raised := answer.get("raised"):
            if raised.get("ours") is True:
                raise RuntimeError(f"in the worker: {raised.get('type')}: {raised.get('message')}")
            raise StudentError(
                str(raised.get("type")), str(raised.get("message")), raised.get("cell"), raised.get("line")
            )
        return {
            "value": self._unpack(answer.get("value"), tensors),
            "attached": answer.get("attached") is True,
        }

    def _answer(
        self, line: Line, call: dict[str, Any], tensors: list[Tensor], doubles: dict[int, Double]
    ) -> None:
        try:
            double = doubles[call["double"]]
            event, state = str(call["event"]), dict(call["state"])
            args = tuple(self._unpack(arg, tensors) for arg in call["args"])
            kwargs = {str(name): self._unpack(arg, tensors) for name, arg in call["kwargs"].items()}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise WireError("a callback is malformed") from error
        packer = _Packer(self)
        try:
            header = {"value": packer.pack(double.answer(event, args, kwargs, state))}
        except Exhausted:
            header = {"stop": True}
        except Refusal as refusal:
            header = {"raise": {"type": refusal.type, "message": str(refusal)}}
        write_frame(line.requests, ANSWER, header, packer.tensors)

    def _unpack(self, value: Any, tensors: list[Tensor]) -> Any:
        match value:
            case list():
                return [self._unpack(item, tensors) for item in value]
            case {"tensor": int(index)} if 0 <= index < len(tensors):
                return tensors[index]
            case {"tuple": list(items)}:
                return tuple(self._unpack(item, tensors) for item in items)
            case {"dict": list(pairs)}:
                return {_key(self._unpack(key, tensors)): self._unpack(item, tensors) for key, item in pairs}
            case {"float": "nan" | "inf" | "-inf" as text}:
                return float(text)
            case {"handle": int(number), "type": str(name)}:
                return Handle(number, name[:100], self.generation)
            case dict():
                raise WireError("a value is malformed")
        return value


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else str(key)


class _Packer:
    """Packs the values of one message to the worker, and remembers which stand-ins it spoke of."""

    def __init__(self, student: Student) -> None:
        self.tensors: list[Tensor] = []
        self.doubles: dict[int, Double] = {}
        self._student = student

    def target(self, target: str | Handle) -> dict[str, Any]:
        if isinstance(target, str):
            return {"name": target}
        if target.generation != self._student.generation:
            raise StudentError("Died", f"the {target.type} was lost when its Python process ended")
        return {"handle": target.number}

    def pack(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | str():
                return value
            case float():
                return value if math.isfinite(value) else {"float": str(value)}
            case Tensor():
                return self._tensor(value)
            case OnCPU():
                return {**self._tensor(value.tensor), "on": "cpu"}
            case InUse():
                return {"device": True}
            case Handle():
                return self.target(value)
            case tuple():
                return {"tuple": [self.pack(item) for item in value]}
            case list():
                return [self.pack(item) for item in value]
            case dict():
                return {"dict": [[self.pack(key), self.pack(item)] for key, item in value.items()]}
        return self._double(value)

    def _tensor(self, tensor: Tensor) -> dict[str, int | str]:
        self.tensors.append(tensor.detach())
        return {"tensor": len(self.tensors) - 1}

    def _double(self, double: Double) -> dict[str, Any]:
        number = id(double)
        self.doubles[number] = double
        description = double.describe()
        packed = {
            name: {key: self.pack(item) for key, item in value.items()}
            if name == "attributes"
            else self.pack(value)
            for name, value in description.items()
        }
        return {**packed, "double": number}


class _Deadline:
    """Kills the worker when time is up, which ends any read or write on its line."""

    def __init__(self, line: Line, seconds: float) -> None:
        self.passed = False
        self._line = line
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        self._line.kill()

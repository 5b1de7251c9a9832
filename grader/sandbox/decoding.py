"""Decode and check what a worker sent, which may be anything: its process is under the student's control.

No pickle: unpickling calls whatever the sender names. The protocol has a fixed set of value forms instead,
matched here one by one, so that the worst a message can do is to be a wrong answer. Anything that does not
fit raises WireError, upon which the worker is killed; no other exception leaves this module except the
errors that the protocol itself carries (StudentError and WorkerError).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import Double, Handle, NamedFields, StudentError, WorkerError
from grader.sandbox.worker.wire import WireError

_DEPTH = 24  # a worker encodes no more than 16 levels
_INT_LIMIT = 1 << 63
_NOTICES = 50
_NAME, _MESSAGE = 100, 2000  # characters
_FRAMES = 20  # lines in the path of an error

# Types of the state that a test double in the worker sends along with its arguments; see ``worker.doubles``.
_STATE: dict[str, tuple[type, ...]] = {
    "call": (int,),
    "training": (bool,),
    "grad": (bool,),
    "weight": (int, float),
    "gradient_before": (int, float, type(None)),
    "rate": (int, float),
    "gradient": (int, float),
    "attached": (list,),
    "waiting": (bool,),
}
# Types of the arguments of events other than calls.
_EVENTS: dict[str, tuple[type, ...]] = {
    "backward": (int, Tensor),
    "compare": (Tensor, Tensor),
    "missing": (str,),
    "item": (int,),
}


class AnswerDecoder:
    """Decoder for the values of one message from a worker."""

    def __init__(self, tensors: list[Tensor], generation: int) -> None:
        """
        Args:
            tensors: tensors of the message.
            generation: number of the worker that sent it, recorded in its handles.
        """
        self._tensors, self._generation = tensors, generation

    def decode(self, value: Any, depth: int = 0) -> Any:
        """Return the Python value for a value in the protocol's form.

        Raises:
            WireError: the value has another form.
        """
        if depth > _DEPTH:
            raise WireError("a value is nested too deeply")
        match value:
            case None | bool() | float():
                return value
            case int():
                # Integers beyond 64 bits fit no tensor: take the nearest float.
                return value if abs(value) < _INT_LIMIT else _float(value)
            case str():
                return text(value)
            case list():
                return [self.decode(item, depth + 1) for item in value]
            case {"tensor": int(index)} if 0 <= index < len(self._tensors):
                return self._tensors[index]
            case {"tuple": list(items), "names": list(names)} if _are_names(names, len(items)):
                return NamedFields((self.decode(item, depth + 1) for item in items), names)
            case {"tuple": list(items)}:
                return tuple(self.decode(item, depth + 1) for item in items)
            case {"dict": list(pairs)} if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
                return {_key(self.decode(k, depth + 1)): self.decode(v, depth + 1) for k, v in pairs}
            case {"float": "nan" | "inf" | "-inf" as special}:
                return float(special)
            case {"handle": int(number), "type": str(name)}:
                return Handle(number, text(name, _NAME), self._generation)
        raise WireError("a value is malformed")

    def reply(self, answer: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``value`` of a reply, and whether it is ``attached`` to an autograd graph.

        Raises:
            StudentError: the student's code raised an exception.
            WorkerError: the worker's own code raised an exception.
            WireError: it is not a reply, or its value is of the wrong kind for ``request``.
        """
        if "raised" in answer:
            raise _raised(answer["raised"])
        if "value" not in answer:
            raise WireError("a reply has no value")
        value = self.decode(answer["value"])
        if not _answers(request, value):
            raise WireError("the reply does not fit the request")
        return {"value": value, "attached": answer.get("attached") is True}

    def notices(self, answer: Mapping[str, Any]) -> list[str]:
        """Return the notices for the report that came with a reply.

        Raises:
            WireError: they are malformed.
        """
        notices = answer.get("notices", [])
        if not isinstance(notices, list) or len(notices) > _NOTICES:
            raise WireError("the notices are malformed")
        return [text(notice, 300) for notice in notices if isinstance(notice, str)]

    def callback(self, call: Mapping[str, Any], doubles: Mapping[int, Double]) -> Callback:
        """Return a call of a test double, checked.

        Args:
            call: header of the message.
            doubles: test doubles that the worker has been sent, by number.

        Raises:
            WireError: there is no such test double, or its arguments do not fit the event.
        """
        match call:
            case {
                "double": int(number),
                "event": str(event),
                "args": list(args),
                "kwargs": dict(kwargs),
                "state": dict(state),
            } if number in doubles:  # one that this worker was sent
                arguments = tuple(self.decode(arg) for arg in args)
                named = {text(name, _NAME): self.decode(arg) for name, arg in kwargs.items()}
            case _:
                raise WireError("a callback is malformed")
        wanted = _EVENTS.get(event)
        if wanted and not (
            len(arguments) == len(wanted) and all(map(isinstance, arguments, wanted)) and not named
        ):
            raise WireError(f"the arguments do not fit the event {event!r}")
        return Callback(doubles[number], event, arguments, named, _State(_checked(state)))


def _are_names(names: list[Any], count: int) -> bool:
    words = [name for name in names if isinstance(name, str) and name.isidentifier() and len(name) < _NAME]
    return len(words) == len(set(words)) == len(names) == count


class Callback:
    """A call of a test double in the worker, to be answered by its counterpart in the judge."""

    def __init__(
        self, double: Double, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> None:
        self._double, self._call = double, (event, args, kwargs, state)

    def answer(self) -> Any:
        """Return the test double's answer. May raise Refusal or Exhausted."""
        return self._double.answer(*self._call)


class _State(dict[str, Any]):
    """State of a test double; a key that the worker left out is an error of the worker's, not a KeyError."""

    def __missing__(self, name: str) -> Any:
        raise WireError(f"a callback lacks {name!r}")


def text(value: str, limit: int = 1 << 20) -> str:
    """Return the text with lone surrogates replaced: JSON can carry them, a file in UTF-8 cannot."""
    return value[:limit].encode("utf-8", "replace").decode()


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    for name, value in state.items():
        is_huge = isinstance(value, int) and abs(value) >= _INT_LIMIT
        if is_huge or not isinstance(value, _STATE.get(name, ())):
            raise WireError("the state of a test double is malformed")
    return state


def _raised(raised: Any) -> StudentError | WorkerError:
    match raised:
        case {"type": str(type), "message": str(message), "cell": cell, "line": int() | None}:
            type, message = text(type, _NAME), text(message, _MESSAGE)
        case _:
            raise WireError("an error is malformed")
    if raised.get("ours") is True:  # if that is a lie, it gains nothing: the result is provisional
        return WorkerError(f"in the worker: {type}: {message}")
    path = raised.get("path")
    if not isinstance(path, list) or not all(isinstance(line, int) for line in path):
        path = []
    return StudentError(type, message, _place(cell), raised["line"], tuple(path[:_FRAMES]))


def _place(cell: Any) -> int | str | None:
    """Return a cell's number, or the name of a local module's file."""
    match cell:
        case None | int():
            return cell
        case str():
            return text(cell, _NAME)
    raise WireError("an error is malformed")


def _answers(request: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value is of the kind that a request asks for; a call may return any."""
    if request.get("keep"):
        return isinstance(value, Handle)
    match request["verb"], value:
        case "load", list():
            return all(map(_is_problem, value))
        case "describe", {"type": str(), "arguments": list(), "required": list(), "attributes": list()}:
            by_name = value.get("by_name", [])
            names = [*value["arguments"], *value["required"], *value["attributes"]]
            typed = isinstance(value.get("parameters", 0), int) and isinstance(by_name, list)
            return typed and all(isinstance(name, str) for name in (*names, *by_name))
        case "replay", {"refused": str(), **rest} if not rest:
            return True
        case "record", {"refused": str(), **rest} if set(rest) <= {"weights", "loose", "new"}:
            return True
        case "record", {"graph": str(), "constants": Tensor(dtype=torch.uint8, ndim=1), "reads": bool()}:
            return True
        case "replay", {"clean": Tensor(), "base": Tensor(), "open": Tensor(), "ways": list(ways), **rest}:
            return all(isinstance(way, Tensor) for way in ways) and _describes_maps(rest)
        case "fit", int() | float():
            return True
        case "state", Tensor(dtype=torch.uint8, ndim=1):
            return True
        case "load" | "describe" | "record" | "replay" | "fit" | "state", _:
            return False
    return True


def _describes_maps(found: Mapping[Any, Any]) -> bool:
    match found:
        case {"maps": list(maps), "joins": list(joins), "before": bool(), "depends": bool()}:
            rows = [*((row, [int, int]) for row in maps), *((row, [int, str]) for row in joins)]
            return all(isinstance(row, list) and list(map(type, row)) == kinds for row, kinds in rows)
    return False


def _is_problem(value: Any) -> bool:
    match value:
        case {"type": str(), "message": str(), "cell": int() | str(), "line": int(), "binds": list(names)}:
            return all(isinstance(name, str) for name in names)
    return False


def _key(key: Any) -> Any:
    """Return a hashable key; tensors, handles and containers are represented by their text."""
    return key if isinstance(key, str | int | float | bool | None) else str(key)[:_NAME]


def _float(integer: int) -> float:
    try:
        return float(integer)
    except OverflowError:
        return math.inf if integer > 0 else -math.inf

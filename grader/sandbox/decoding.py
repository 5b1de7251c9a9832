"""Reads what a worker sent. It may be anything: a worker's process belongs to the student's code.

Whatever is not as the protocol has it is a WireError, and the worker is ended; nothing else is raised here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import Double, Handle, NamedFields, StudentError, WorkerError
from grader.sandbox.worker.wire import WireError

_DEPTH = 24  # a worker packs down to 16
_WHOLE = 1 << 63
_NOTICES = 50
_NAME, _MESSAGE = 100, 2000  # characters

# What a stand-in in the worker says besides its arguments; see ``worker.doubles``.
_STATE: dict[str, tuple[type, ...]] = {
    "call": (int,),
    "training": (bool,),
    "grad": (bool,),
    "weight": (int, float),
    "gradient_before": (int, float, type(None)),
    "attached": (list,),
    "waiting": (bool,),
}
_EVENTS: dict[str, tuple[type, ...]] = {
    "backward": (int, Tensor),
    "compare": (Tensor, Tensor),
    "missing": (str,),
    "item": (int,),
}


class AnswerDecoder:
    """Reads the values of one message.

    Args:
        tensors: those of the message.
        generation: of the worker that sent it; its handles are no good for another.
    """

    def __init__(self, tensors: list[Tensor], generation: int) -> None:
        self._tensors, self._generation = tensors, generation

    def decode(self, value: Any, depth: int = 0) -> Any:
        """The Python value that the protocol's value stands for.

        Raises:
            WireError: it is none of the protocol's.
        """
        if depth > _DEPTH:
            raise WireError("a value is nested too deeply")
        match value:
            case None | bool() | float():
                return value
            case int():
                return value if abs(value) < _WHOLE else _float(value)
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
        """The ``value`` of a reply to ``request``, and whether that is ``attached`` to a graph.

        Raises:
            StudentError: the student's code raised.
            WorkerError: the worker's own code raised.
            WireError: it is no reply, or not one to that request.
        """
        if "raised" in answer:
            raise _raised(answer["raised"])
        if "value" not in answer:
            raise WireError("a reply has no value")
        value = self.decode(answer["value"])
        if not _answers(request, value):
            raise WireError("this is no answer to what was asked")
        return {"value": value, "attached": answer.get("attached") is True}

    def notices(self, answer: Mapping[str, Any]) -> list[str]:
        """The sentences beside a reply."""
        notices = answer.get("notices", [])
        if not isinstance(notices, list) or len(notices) > _NOTICES:
            raise WireError("the notices are malformed")
        return [text(notice, 300) for notice in notices if isinstance(notice, str)]

    def callback(self, call: Mapping[str, Any], doubles: Mapping[int, Double]) -> Callback:
        """What a stand-in was asked.

        Raises:
            WireError: there is no such stand-in, or it was asked in a way that it never is.
        """
        match call:
            case {
                "double": int(number),
                "event": str(event),
                "args": list(args),
                "kwargs": dict(kwargs),
                "state": dict(state),
            } if number in doubles:
                arguments = tuple(self.decode(arg) for arg in args)
                named = {text(name, _NAME): self.decode(arg) for name, arg in kwargs.items()}
            case _:
                raise WireError("a callback is malformed")
        wanted = _EVENTS.get(event)
        if wanted and not (
            len(arguments) == len(wanted) and all(map(isinstance, arguments, wanted)) and not named
        ):
            raise WireError(f"{event!r} comes with other arguments")
        return Callback(doubles[number], event, arguments, named, _State(_checked(state)))


def _are_names(names: list[Any], count: int) -> bool:
    words = [name for name in names if isinstance(name, str) and name.isidentifier() and len(name) < _NAME]
    return len(words) == len(set(words)) == len(names) == count


class Callback:
    """A question of a stand-in's, checked."""

    def __init__(
        self, double: Double, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> None:
        self._double, self._asked = double, (event, args, kwargs, state)

    def answer(self) -> Any:
        """What the judge's side of the stand-in says to it."""
        return self._double.answer(*self._asked)


class _State(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        raise WireError(f"a callback does not say {name!r}")


def text(value: str, limit: int = 1 << 20) -> str:
    """Text that can be written anywhere: half a surrogate pair, which JSON can carry, no file can."""
    return value[:limit].encode("utf-8", "replace").decode()


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    for name, value in state.items():
        is_huge = isinstance(value, int) and abs(value) >= _WHOLE
        if is_huge or not isinstance(value, _STATE.get(name, ())):
            raise WireError("a stand-in's state is malformed")
    return state


def _raised(raised: Any) -> StudentError | WorkerError:
    match raised:
        case {"type": str(type), "message": str(message), "cell": cell, "line": int() | None}:
            type, message = text(type, _NAME), text(message, _MESSAGE)
        case _:
            raise WireError("an error is malformed")
    if raised.get("ours") is True:
        return WorkerError(f"in the worker: {type}: {message}")
    return StudentError(type, message, _place(cell), raised["line"])


def _place(cell: Any) -> int | str | None:
    """A cell's number, or the name of a file beside the notebook."""
    match cell:
        case None | int():
            return cell
        case str():
            return text(cell, _NAME)
    raise WireError("an error is malformed")


def _answers(request: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is of the kind that a request asks for; of a call it may be any."""
    if request.get("keep"):
        return isinstance(value, Handle)
    match request["verb"], value:
        case "load", list():
            return all(map(_is_problem, value))
        case "describe", {"type": str(), "arguments": list(), "required": list(), "attributes": list()}:
            names = [*value["arguments"], *value["required"], *value["attributes"]]
            counted = isinstance(value.get("parameters", 0), int)
            return counted and all(isinstance(name, str) for name in names)
        case "pathways", {"clean": _, "open": _, "ways": list(), "maps": list(maps)}:
            return all(isinstance(row, list) and list(map(type, row)) == [int, int] for row in maps)
        case "fit", int() | float():
            return True
        case "state", Tensor(dtype=torch.uint8, ndim=1):
            return True
        case "load" | "describe" | "pathways" | "fit" | "state", _:
            return False
    return True


def _is_problem(value: Any) -> bool:
    match value:
        case {"type": str(), "message": str(), "cell": int() | str(), "line": int(), "binds": list(names)}:
            return all(isinstance(name, str) for name in names)
    return False


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else str(key)[:_NAME]


def _float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.copysign(math.inf, whole)

"""Answers the judge's requests, one after another, until the judge closes the pipe."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

import torch

from . import colab, doubles, modes, source, stubs, transforms
from .executor import VERBS, BadRequest, Executor
from .values import AnswerEncoder, RequestDecoder
from .wire import ANSWER, CALLBACK, REPLY, REQUEST, Closed, WireError, read_frame, write_frame

_RUNS_STUDENT_CODE = frozenset("call get set describe weights state optimizer fit record".split())  # noqa: SIM905
_EXCEPTIONS: dict[str, type[Exception]] = {
    "IndexError": IndexError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
}


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Serve one student's definitions until ``requests`` ends."""
    _hide_package()
    executor = Executor()
    server = _Server(requests, replies, executor)
    doubles.judge.callback, doubles.judge.definition = server.callback, executor.named
    while True:
        try:
            kind, header, tensors = read_frame(requests)
        except Closed:
            return
        if kind != REQUEST:
            raise WireError("expected a request")
        server.answer(header, tensors)


def _hide_package() -> None:
    """Take this package out of ``sys.modules``, except for the doubles, which pickle finds by name.

    This only prevents accidents, such as a student's module named ``worker``. It is no protection: code that
    searches will find the package, and there is no secret in it.
    """
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        if not f"{name}.".startswith(f"{doubles.__name__}."):
            del sys.modules[name]
            vars(sys.modules[package]).pop(name.removeprefix(f"{package}."), None)


class _Server:
    def __init__(self, requests: BinaryIO, replies: BinaryIO, executor: Executor) -> None:
        self._requests, self._replies, self._executor = requests, replies, executor

    def answer(self, header: dict[str, Any], tensors: list[torch.Tensor]) -> None:
        """Execute one request, and reply with its value or with the exception that was raised."""
        encoder = AnswerEncoder(self._executor.keep)
        decoder = self._decoder(tensors)
        try:
            if _verb(header) == "load":
                self._executor.use_device(header["device"], header["gpu_share"])
            with self._executor.cuda_redirected():
                value = self._executor.execute(header, decoder)
                encoded = encoder.handle(value) if header.get("keep") else encoder.encode(value)
                reply = {"value": encoded, "attached": encoder.attached}
        except (Closed, WireError):
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            encoder = AnswerEncoder(self._executor.keep)  # without the tensors of a value that failed halfway
            reply = {"raised": source.describe(error) | {"ours": _is_ours(header, error)}}
        if stubs.notices:
            reply["notices"] = stubs.notices[:]
        write_frame(self._replies, REPLY, reply, encoder.tensors)

    def callback(
        self, double: int, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> Any:
        """Report an event of a test double to the judge, and return its answer.

        Raises:
            Exhausted: the judge has no further batch.
            Exception: the judge's double refused the call; one of ``_EXCEPTIONS``.
        """
        with transforms.outside():
            return self._reported(double, event, args, kwargs, state)

    def _reported(
        self, double: int, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> Any:
        encoder = AnswerEncoder(self._executor.keep)
        header = {
            "double": double,
            "event": event,
            "args": [encoder.encode(arg) for arg in args],
            "kwargs": {name: encoder.encode(value) for name, value in kwargs.items()},
            "state": state,
        }
        write_frame(self._replies, CALLBACK, header, encoder.tensors)
        kind, answer, tensors = read_frame(self._requests)
        if kind == REQUEST:
            kind, answer, tensors = self._serve_nested(answer, tensors)
        if kind != ANSWER:
            raise WireError("expected an answer")
        match answer:
            case {"stop": True}:
                raise doubles.Exhausted
            case {"raise": {"type": str(name), "message": str(message)}}:
                raise _EXCEPTIONS.get(name, RuntimeError)(message)
        return self._decoder(tensors).decode(answer["value"])

    def _serve_nested(
        self, header: dict[str, Any], tensors: list[torch.Tensor]
    ) -> tuple[int, dict[str, Any], list[torch.Tensor]]:
        """Serve requests that the judge sends before its answer, and return that answer.

        Student code is waiting in the middle of a run. Random numbers and modes are restored, so that the run
        continues as if nothing had been asked.
        """
        kind = REQUEST
        with colab.random_state_preserved(), modes.preserved(self._executor.networks()):
            while kind == REQUEST:
                self.answer(header, tensors)
                kind, header, tensors = read_frame(self._requests)
        return kind, header, tensors

    def _decoder(self, tensors: list[torch.Tensor]) -> RequestDecoder:
        return RequestDecoder(
            tensors,
            self._executor.device,
            handle=self._executor.kept,
            double=lambda description, decoder: doubles.make(description, decoder.decode),
        )


def _verb(header: dict[str, Any]) -> str:
    verb = header["verb"]
    if verb not in VERBS:
        raise WireError(f"there is no verb {verb!r}")
    return str(verb)


def _is_ours(header: dict[str, Any], error: BaseException) -> bool:
    """Return whether an error is the grader's: no student code took part in it."""
    if isinstance(error, BadRequest):
        return True
    # Some errors are the student's without a frame of theirs: a name that is not defined, or a loss that
    # requires no grad.
    return header["verb"] not in _RUNS_STUDENT_CODE and source.describe(error)["cell"] is None

"""The student's code as the judge sees it: names to call, values that come back, errors that say where."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.closing import Closing
from grader.sandbox.deadlines import DeadlineScheduler
from grader.sandbox.decoding import AnswerDecoder, Callback
from grader.sandbox.diagnosis import add_cause, death_error, gpu_failure
from grader.sandbox.encoding import RequestEncoder
from grader.sandbox.source import WorkerSource
from grader.sandbox.values import (
    DeviceError,
    Double,
    Exhausted,
    Handle,
    Refusal,
    ServedDataset,
    StudentError,
    WorkerError,
)
from grader.sandbox.worker.wire import (
    ANSWER,
    CALLBACK,
    MAX_ANSWER,
    MAX_BODY,
    REPLY,
    REQUEST,
    Closed,
    WireError,
    read_frame,
    write_frame,
)
from grader.sandbox.zygote import WorkerConnection, Zygote

MIB = 1 << 20
_DEADLINES = DeadlineScheduler()


@dataclass(slots=True)
class TimeSpent:
    """What the workers of one submission took, all of them together; from any thread.

    Attributes:
        seconds: time spent waiting for the student's code.
        cpu_seconds: seconds of a core that workers took, those that have ended.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float = 0.0, cpu_seconds: float = 0.0) -> None:
        """Count what somebody took."""
        with self._adding:
            self.seconds += seconds
            self.cpu_seconds += cpu_seconds


@dataclass(slots=True, kw_only=True)
class Student(Closing):
    """Asks one worker at a time; after a death the next question goes to a fresh one. A context manager.

    Attributes:
        problems: statements that failed when the definitions were loaded.
        notices: the worker's sentences on the notebook's surroundings; shared by all workers.
        gpu_share: how much of the GPU's memory its worker may take.
        spent: what its workers took; shared with those that ``fresh`` gives.
        layers: the walls that its worker is behind.
        timeout_factor: how many times as long as usual it may take, since others compute beside it.
        is_cancelled: whether nobody wants to hear of it any more.
    """

    zygote: Zygote
    source: WorkerSource
    device: str = "cpu"
    threads: int = 1
    gpu_share: float = 1.0
    seed: int = 0
    data: ServedDataset | None = None
    load_timeout: float = 60.0
    problems: list[dict[str, Any]] = field(default_factory=list)
    notices: dict[str, None] = field(default_factory=dict)
    spent: TimeSpent = field(default_factory=TimeSpent)
    generation: int = 0
    layers: tuple[str, ...] = ()
    timeout_factor: float = 1.0
    is_cancelled: bool = False
    _connection: WorkerConnection | None = None
    _open_requests: int = 0  # a stand-in may ask before it answers
    _doubles: dict[int, Double] = field(
        default_factory=dict
    )  # an object may call those that it was built with

    def call(
        self,
        target: str | Handle,
        *args: Any,
        method: str | None = None,
        seed: int | None = None,
        timeout: float = 30.0,
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
            timeout: seconds until the worker is killed.
            reply_limit: bytes of tensors that may come back.
            keep: leave the result in the worker and return its handle.

        Raises:
            StudentError: the code raised, died, hung or flooded.
            DeviceError: the GPU failed.
        """
        return self.reply(
            {"verb": "call", "method": method, "seed": seed, "grad": grad, "keep": keep},
            target=target,
            args=args,
            kwargs=kwargs,
            timeout=timeout,
            reply_limit=reply_limit,
        )["value"]

    def get(self, target: str | Handle, name: str) -> Any:
        """The attribute ``name`` of ``target``."""
        return self.reply({"verb": "get", "name": name}, target=target)["value"]

    def set(self, target: str | Handle, name: str, value: Any) -> None:
        """Set the attribute ``name`` of ``target``."""
        self.reply({"verb": "set", "name": name}, target=target, values={"value": value})

    def set_variable(self, name: str, value: Any) -> None:
        """Set a variable of the notebook."""
        self.reply({"verb": "set", "name": name}, target="", values={"value": value})

    def fresh(self, **changes: Any) -> Student:
        """The same source in a worker of its own, untouched by what was asked before. Close it after use.

        Args:
            changes: other fields, where they are to be others, such as a part of the source.
        """
        fresh = {"problems": [], "generation": 0, "_doubles": {}, "_open_requests": 0}
        return replace(self, **{**fresh, "_connection": None, **changes})

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
        timeout: float = 30.0,
        reply_limit: int = 64 * MIB,
    ) -> dict[str, Any]:
        """Send a request; the reply has its ``value`` and whether that is ``attached`` to a graph."""
        connection = self._connection or self._open()
        encoder = RequestEncoder(self.generation, self.source.names)
        if isinstance(target, str):
            target = self.source.names.get(target, target)
        if target is not None:
            header["target"] = encoder.target(target)
        if header.get("method"):
            header["method"] = self.method(header["method"])
        header["args"] = [encoder.encode(arg) for arg in args]
        header["kwargs"] = {name: encoder.encode(value) for name, value in (kwargs or {}).items()}
        header |= {name: encoder.encode(value) for name, value in (values or {}).items()}
        return self._exchange(connection, header, encoder, timeout, reply_limit)

    def method(self, name: str) -> str:
        """What the student calls the method ``name`` of a wanted class."""
        return next((own for known, own in self.source.names.items() if known.endswith(f".{name}")), name)

    def start(self) -> None:
        """Load the student's definitions now, rather than with the first question."""
        if self._connection is None:
            self._open()

    def cancel(self) -> None:
        """End the worker while another thread asks it something: that one hears that it died."""
        self.is_cancelled = True
        if connection := self._connection:
            connection.kill()

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._connection:
            self._connection.close()
            self.spent.add(cpu_seconds=self._connection.cpu_seconds)
            self._connection = None

    def _open(self) -> WorkerConnection:
        if self.is_cancelled:
            raise StudentError("Died", "it was given up")
        connection = self._connection = self.zygote.worker(gpu=self.device == "cuda")
        self.generation, self.layers = self.generation + 1, connection.layers
        self._doubles = {}
        if self.data is not None:
            self.ask("data", name=self.data.name, images=self.data.images, labels=self.data.labels)
        header = {
            "verb": "load",
            "statements": list(self.source.statements),
            "modules": {name: list(inside) for name, inside in self.source.modules.items()},
            "device": self.device,
            "threads": self.threads,
            "gpu_share": self.gpu_share,
            "seed": self.seed,
        }
        self.problems = self.reply(header, timeout=self.load_timeout)["value"]
        return connection

    def _exchange(
        self,
        connection: WorkerConnection,
        header: dict[str, Any],
        encoder: RequestEncoder,
        timeout: float,
        reply_limit: int,
    ) -> dict[str, Any]:
        self._doubles |= encoder.doubles
        timeout, passed = self.timeout_factor * timeout, threading.Event()

        def expire() -> None:
            passed.set()
            connection.kill()  # which ends any read or write on its connection

        started = time.monotonic()
        self._open_requests += 1
        try:
            with _DEADLINES.deadline(timeout, expire):
                write_frame(connection.requests, REQUEST, header, encoder.tensors)
                while True:
                    kind, answer, tensors = read_frame(
                        connection.replies, min(reply_limit, MAX_BODY), MAX_ANSWER
                    )
                    decoder = AnswerDecoder(tensors, self.generation)
                    if kind == REPLY:
                        return self._received(decoder, answer, header)
                    if kind != CALLBACK:
                        raise WireError("a reply was due")
                    self._answer(connection, decoder.callback(answer, self._doubles))
        except Closed as error:
            self.close()
            raise (
                _timeout_error(timeout)
                if passed.is_set()
                else death_error(connection.limit_exceeded, self.device)
            ) from error
        except WireError as error:
            self.close()
            raise StudentError("Flood", "the answer was larger than it can rightly be, or garbled") from error
        except StudentError as error:
            if error.lost:  # a stand-in has had enough, or died of what it asked
                self.close()
            if error.lost and passed.is_set():
                raise _timeout_error(timeout) from error
            raise
        except BaseException:
            self.close()  # of ours, in a stand-in: the conversation is out of step
            raise
        finally:
            self._open_requests -= 1
            if not self._open_requests:
                self.spent.add(seconds=time.monotonic() - started)

    def _received(
        self, decoder: AnswerDecoder, answer: dict[str, Any], request: dict[str, Any]
    ) -> dict[str, Any]:
        self.notices.update(dict.fromkeys(decoder.notices(answer)))
        try:
            return decoder.reply(answer, request)
        except (StudentError, WorkerError) as error:
            if isinstance(error, StudentError):
                error = add_cause(error, self.source.unset, self.problems)
            if self.device == "cuda" and (why := gpu_failure(error)):
                self.close()  # after most of them a process can do nothing more on that GPU
                raise DeviceError(why) from error
            raise error

    def _answer(self, connection: WorkerConnection, callback: Callback) -> None:
        encoder = RequestEncoder(self.generation, self.source.names)
        try:
            header = {"value": encoder.encode(callback.answer())}
        except Exhausted:
            header = {"stop": True}
        except Refusal as refusal:
            header = {"raise": {"type": refusal.type, "message": str(refusal)}}
        write_frame(connection.requests, ANSWER, header, encoder.tensors)


def _timeout_error(timeout: float) -> StudentError:
    return StudentError("Timeout", f"no answer within {timeout:.0f} seconds")

"""The student's code as the judge sees it: definitions to call, values and errors that come back.

A call is one exchange of frames with the worker: a request, then a reply. In between the worker may call test
doubles, which the judge answers; a test double may make calls of its own, so that exchanges nest.

After a timeout, a death or a malformed frame the state of the connection is unknown. The worker is then
killed rather than resynchronised, and the next call starts a fresh one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.closing import Closing
from grader.sandbox.connection import WorkerConnection
from grader.sandbox.deadlines import LimitWatcher, TimeLimit
from grader.sandbox.decoding import AnswerDecoder
from grader.sandbox.diagnosis import add_cause, end_error, gpu_failure, timeout_error
from grader.sandbox.encoding import RequestEncoder
from grader.sandbox.process_state import time_used
from grader.sandbox.source import WorkerSource
from grader.sandbox.time_spent import TimeSpent
from grader.sandbox.values import (
    DeviceError,
    Double,
    Handle,
    ServedDataset,
    StudentError,
    WorkerError,
    WorkerLost,
)
from grader.sandbox.worker import wire
from grader.sandbox.worker.wire import Closed, WireError, read_frame, write_frame
from grader.sandbox.zygote import Zygote

MIB = 1 << 20
_LIMITS = LimitWatcher()
_CANCELLED = StudentError("Died", "the call was cancelled")


@dataclass(slots=True, kw_only=True)
class Student(Closing):
    """The student's definitions in a worker, replaced by a fresh one when it ends. A context manager.

    Attributes:
        zygote: starts the workers.
        source: statements to load into each worker.
        device: ``cpu`` or ``cuda``.
        threads: threads that torch may use in the worker.
        gpu_share: share of the GPU's memory that the worker may use, from 0 to 1.
        seed: seeds the random number generators before the definitions are loaded.
        data: what a torchvision dataset holds in the worker, in place of a download.
        load_timeout: seconds of processor time for loading the definitions.
        problems: statements that failed when the definitions were loaded.
        notices: the worker's notices for the report, as keys; shared with copies from ``fresh``.
        spent: time used; shared with copies from ``fresh``.
        generation: number of workers so far; handles of an earlier worker are void.
        layers: sandbox layers of the worker.
        timeout_factor: scales all timeouts, for times when the machine computes other things as well.
        is_cancelled: start no further worker.
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
    _open_limits: list[TimeLimit] = field(default_factory=list)  # several while a test double makes calls
    # All test doubles that this worker has been sent: an object may still call those it was built with.
    _doubles: dict[int, Double] = field(default_factory=dict)

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
        """Call one of the student's definitions and return the result.

        Args:
            target: a name in the notebook, or the handle of an object.
            args, kwargs: arguments of the call.
            method: name of the object's method to call, instead of the object itself.
            seed: seeds torch, numpy and random just before the call.
            timeout: seconds of processor time until the worker is killed.
            reply_limit: largest number of bytes of tensors in the reply.
            grad: enable gradients.
            keep: leave the result in the worker and return its handle.

        Raises:
            StudentError: the code raised an exception, ended its process, or exceeded a limit.
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
        """Return the attribute ``name`` of ``target``."""
        return self.reply({"verb": "get", "name": name}, target=target)["value"]

    def set(self, target: str | Handle, name: str, value: Any) -> None:
        """Set the attribute ``name`` of ``target``."""
        self.reply({"verb": "set", "name": name}, target=target, values={"value": value})

    def set_variable(self, name: str, value: Any) -> None:
        """Set a variable of the notebook."""
        self.set("", name, value)

    def fresh(self, **changes: Any) -> Student:
        """Return a copy with a worker of its own, unaffected by earlier calls. Close it after use.

        Args:
            changes: fields to replace, such as ``source``.
        """
        fresh = {"problems": [], "generation": 0, "_doubles": {}, "_open_limits": []}
        return replace(self, **{**fresh, "_connection": None, **changes})

    def ask(self, verb: str, target: str | Handle | None = None, **options: Any) -> Any:
        """Send any other verb of the protocol (see ``worker``) and return its value.

        Args:
            options: further fields of the request, encoded as values.
        """
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
        """Send a request; return its ``value`` and whether that is ``attached`` to an autograd graph.

        Args:
            header: plain fields of the request, with its ``verb``.
            args, kwargs: arguments of a call, encoded as values.
            values: further fields, encoded as values.

        Raises:
            WorkerError: the worker's own code failed. Other arguments and errors are those of ``call``.
        """
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
        """Return the student's own name for the method ``name`` of a wanted class."""
        return next((own for known, own in self.source.names.items() if known.endswith(f".{name}")), name)

    def start(self) -> None:
        """Load the student's definitions now, rather than at the first call."""
        if self._connection is None:
            self._open()

    def cancel(self) -> None:
        """Kill the worker from another thread; a call in progress there fails with StudentError."""
        self.is_cancelled = True
        if connection := self._connection:
            connection.kill()

    def time_used(self) -> float:
        """Return the processor time of the worker and of this thread; the clock's where that is not known."""
        return time_used(self._connection.pid if self._connection else None, self.threads)

    def close(self) -> None:
        """Kill the worker, if there is one."""
        if self._connection:
            self._connection.close()
            self.spent.add(cpu_seconds=self._connection.cpu_seconds)
            self._connection = None

    def _open(self) -> WorkerConnection:
        if self.is_cancelled:
            raise _CANCELLED
        connection = self._connection = self.zygote.worker(gpu=self.device == "cuda")
        self.generation, self.layers = self.generation + 1, connection.layers
        self._doubles = {}
        if self.data is not None:
            self.ask("data", name=self.data.name, images=self.data.images, labels=self.data.labels)
        header = {
            "verb": "load",
            **self.source.to_load(),
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
        seconds = self.timeout_factor * timeout * self.threads
        limit = TimeLimit(pid=connection.pid, seconds=seconds, on_exceed=connection.kill)
        started = time.monotonic()
        self._open_limits.append(limit)
        try:
            with _LIMITS.watching(limit):
                write_frame(connection.requests, wire.REQUEST, header, encoder.tensors)
                while True:
                    kind, answer, tensors = read_frame(connection.replies, reply_limit, wire.MAX_ANSWER)
                    decoder = AnswerDecoder(tensors, self.generation)
                    if kind == wire.REPLY:
                        return self._read_reply(decoder, answer, header)
                    if kind != wire.CALLBACK:
                        raise WireError("expected a reply or a callback")
                    given = RequestEncoder(self.generation, self.source.names)
                    with limit.paused():
                        own = given.answer(decoder.callback(answer, self._doubles))
                    self._doubles |= given.doubles
                    write_frame(connection.requests, wire.ANSWER, own, given.tensors)
        except Closed as error:
            raise self._cause(connection) from error
        except WireError as error:
            self.close()
            raise StudentError("Flood", "the answer was too large or malformed") from error
        except StudentError as error:
            if error.lost:  # raised by a test double, or by a call that it made
                self.close()
            if error.lost and limit.exceeded:
                raise timeout_error(limit) from error
            raise
        except BaseException:
            self.close()  # an error in a test double of ours: the worker still waits for its answer
            raise
        finally:
            self._open_limits.pop()
            if not self._open_limits:  # an outer exchange includes the time of the inner ones
                self.spent.add(seconds=time.monotonic() - started)

    def _cause(self, connection: WorkerConnection) -> Exception:
        """Close a connection that has ended, and return the error that explains it."""
        exceeded = next((limit for limit in self._open_limits if limit.exceeded), None)
        error = _CANCELLED if self.is_cancelled else end_error(connection, exceeded, self.device)
        self.close()
        if isinstance(error, WorkerLost):
            self.zygote.accidents.append(str(error))
        return error

    def _read_reply(
        self, decoder: AnswerDecoder, answer: dict[str, Any], request: dict[str, Any]
    ) -> dict[str, Any]:
        self.notices.update(dict.fromkeys(decoder.notices(answer)))
        try:
            return decoder.reply(answer, request)
        except (StudentError, WorkerError) as error:
            if isinstance(error, StudentError):
                error = add_cause(error, self.source.unset, self.problems)
            if self.device == "cuda" and (why := gpu_failure(error)):
                self.close()  # after most GPU errors the process cannot use the GPU any more
                raise DeviceError(why) from error
            raise error

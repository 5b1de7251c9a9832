"""The student's code as the judge sees it: names to call, values that come back, errors that say where."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from grader.closing import Closing
from grader.sandbox.deadlines import Alarm
from grader.sandbox.decoding import AnswerDecoder, Callback
from grader.sandbox.diagnosis import died, explained, on_gpu_only
from grader.sandbox.encoding import RequestEncoder
from grader.sandbox.source import WorkerSource
from grader.sandbox.values import DeviceError, Double, Exhausted, Handle, Refusal, StudentError, WorkerError
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
_ALARM = Alarm()


@dataclass(slots=True)
class TimeSpent:
    """What the workers of one submission took, all of them together; from any thread.

    Attributes:
        seconds: time spent waiting for the student's code.
        processor: seconds of a core that workers took, those that have ended.
    """

    seconds: float = 0.0
    processor: float = 0.0
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float = 0.0, processor: float = 0.0) -> None:
        """Count what somebody took."""
        with self._adding:
            self.seconds += seconds
            self.processor += processor


@dataclass(slots=True, kw_only=True)
class Student(Closing):
    """Asks one worker at a time; after a death the next question goes to a fresh one. A context manager.

    Attributes:
        problems: statements that failed when the definitions were loaded.
        notices: the worker's sentences on the notebook's surroundings; shared by all workers.
        gpu_share: how much of the GPU's memory its worker may take.
        spent: what its workers took; shared with those that ``fresh`` gives.
        layers: the walls that its worker is behind.
        patience: how many times as long as usual it may take, since others compute beside it.
        is_abandoned: whether nobody wants to hear of it any more.
    """

    zygote: Zygote
    source: WorkerSource
    device: str = "cpu"
    threads: int = 1
    gpu_share: float = 1.0
    seed: int = 0
    data: tuple[Tensor, Tensor] | None = None
    load_within: float = 60.0
    problems: list[dict[str, Any]] = field(default_factory=list)
    notices: dict[str, None] = field(default_factory=dict)
    spent: TimeSpent = field(default_factory=TimeSpent)
    generation: int = 0
    layers: tuple[str, ...] = ()
    patience: float = 1.0
    is_abandoned: bool = False
    _line: WorkerConnection | None = None
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
            DeviceError: the GPU failed.
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

    def set_variable(self, name: str, value: Any) -> None:
        """Set a variable of the notebook."""
        self.reply({"verb": "set", "name": name}, target="", values={"value": value})

    def fresh(self, **changes: Any) -> Student:
        """The same source in a worker of its own, untouched by what was asked before. Close it after use.

        Args:
            changes: other fields, where they are to be others, such as a part of the source.
        """
        fresh = {"problems": [], "generation": 0, "_doubles": {}, "_open_requests": 0}
        return replace(self, **{**fresh, "_line": None, **changes})

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
        """Send a request; the reply has its ``value`` and whether that is ``attached`` to a graph."""
        line = self._line or self._open()
        packer = RequestEncoder(self.generation)
        if isinstance(target, str):
            target = self.source.names.get(target, target)
        if target is not None:
            header["target"] = packer.target(target)
        if header.get("method"):
            header["method"] = self.method(header["method"])
        header["args"] = [packer.pack(arg) for arg in args]
        header["kwargs"] = {name: packer.pack(value) for name, value in (kwargs or {}).items()}
        header |= {name: packer.pack(value) for name, value in (values or {}).items()}
        return self._exchange(line, header, packer, within, reply_limit)

    def method(self, name: str) -> str:
        """What the student calls the method ``name`` of a wanted class."""
        return next((own for known, own in self.source.names.items() if known.endswith(f".{name}")), name)

    def start(self) -> None:
        """Load the student's definitions now, rather than with the first question."""
        if self._line is None:
            self._open()

    def abandon(self) -> None:
        """End the worker while another thread asks it something: that one hears that it died."""
        self.is_abandoned = True
        if line := self._line:
            line.kill()

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._line:
            self._line.close()
            self.spent.add(processor=self._line.processor)
            self._line = None

    def _open(self) -> WorkerConnection:
        if self.is_abandoned:
            raise StudentError("Died", "it was given up")
        line = self._line = self.zygote.worker(gpu=self.device == "cuda")
        self.generation, self.layers = self.generation + 1, line.layers
        self._doubles = {}
        if self.data is not None:
            images, labels = self.data
            self.ask("data", images=images, labels=labels)
        header = {
            "verb": "load",
            "statements": list(self.source.statements),
            "modules": {name: list(inside) for name, inside in self.source.modules.items()},
            "device": self.device,
            "threads": self.threads,
            "gpu_share": self.gpu_share,
            "seed": self.seed,
        }
        self.problems = self.reply(header, within=self.load_within)["value"]
        return line

    def _exchange(
        self,
        line: WorkerConnection,
        header: dict[str, Any],
        packer: RequestEncoder,
        within: float,
        reply_limit: int,
    ) -> dict[str, Any]:
        self._doubles |= packer.doubles
        within, passed = self.patience * within, threading.Event()

        def end() -> None:
            passed.set()
            line.kill()  # which ends any read or write on its line

        started = time.monotonic()
        self._open_requests += 1
        try:
            with _ALARM.within(within, end):
                write_frame(line.requests, REQUEST, header, packer.tensors)
                while True:
                    kind, answer, tensors = read_frame(line.replies, min(reply_limit, MAX_BODY), MAX_ANSWER)
                    unpacker = AnswerDecoder(tensors, self.generation)
                    if kind == REPLY:
                        return self._received(unpacker, answer, header)
                    if kind != CALLBACK:
                        raise WireError("a reply was due")
                    self._answer(line, unpacker.callback(answer, self._doubles))
        except Closed as error:
            self.close()
            raise _too_late(within) if passed.is_set() else died(line.excess, self.device) from error
        except WireError as error:
            self.close()
            raise StudentError("Flood", "the answer was larger than it can rightly be, or garbled") from error
        except StudentError as error:
            if error.lost:  # a stand-in has had enough, or died of what it asked
                self.close()
            if error.lost and passed.is_set():
                raise _too_late(within) from error
            raise
        except BaseException:
            self.close()  # of ours, in a stand-in: the conversation is out of step
            raise
        finally:
            self._open_requests -= 1
            if not self._open_requests:
                self.spent.add(seconds=time.monotonic() - started)

    def _received(
        self, unpacker: AnswerDecoder, answer: dict[str, Any], request: dict[str, Any]
    ) -> dict[str, Any]:
        self.notices.update(dict.fromkeys(unpacker.notices(answer)))
        try:
            return unpacker.reply(answer, request)
        except (StudentError, WorkerError) as error:
            if isinstance(error, StudentError):
                error = explained(error, self.source.unset, self.problems)
            if self.device == "cuda" and (why := on_gpu_only(error)):
                self.close()  # after most of them a process can do nothing more on that GPU
                raise DeviceError(why) from error
            raise error

    def _answer(self, line: WorkerConnection, callback: Callback) -> None:
        packer = RequestEncoder(self.generation)
        try:
            header = {"value": packer.pack(callback.answer())}
        except Exhausted:
            header = {"stop": True}
        except Refusal as refusal:
            header = {"raise": {"type": refusal.type, "message": str(refusal)}}
        write_frame(line.requests, ANSWER, header, packer.tensors)


def _too_late(within: float) -> StudentError:
    return StudentError("Timeout", f"no answer within {within:.0f} seconds")

"""Prefork server for judges: fork each from a warm process, in milliseconds, where the system can fork.

Two processes do all imports once: the host that judges are forked from, and the zygote for their workers.
Neither ever holds a submission, and every process forked for a notebook ends with it.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from grader.closing import Closing
from grader.errors import AccidentError, WorkerStartError
from grader.judging.process import ERRORS, JudgeProcess, StartJudge, environment, start_fresh
from grader.sandbox.source import PRELOADABLE
from grader.sandbox.worker_process import Killer, can_fork, is_running, wait_or_kill
from grader.sandbox.zygote import Zygote

_END_SECONDS = 1.0  # until a host that hung up has ended
_START_SECONDS = 180.0  # a cold import of torch from a slow disk
_ATTEMPTS = 3
_MOST_ATTEMPTS = 10  # where the host is killed or stopped from outside, which says nothing about this machine


@contextmanager
def judge_starter(layers: Sequence[str] | None = None) -> Iterator[StartJudge]:
    """Provide a function that starts judges: by forking where that is safe, else each in a new Python.

    Args:
        layers: sandbox layers for every worker; all if not given.
    """
    if can_fork():
        with PreforkServer(layers) as start:
            yield start
    else:
        yield start_fresh


class PreforkServer(Closing):
    """Forks judges, from any thread; a context manager. Linux only: see ``can_fork``.

    Both processes start with the first judge, and again if one of them is lost.
    """

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        """
        Args:
            layers: as for ``judge_starter``.
        """
        self._layers = layers
        self._lock = threading.Lock()
        self._held: ExitStack | None = None
        self._has_forked = False

    def close(self) -> None:
        """End both processes; running judges may finish."""
        if self._held:
            self._held.close()
            self._held = None

    def __call__(self, arguments: Sequence[str], folder: Path) -> JudgeProcess:
        """Start a judge: pytest with these arguments, in this folder.

        Raises:
            WorkerStartError: the processes cannot be started on this machine.
            AccidentError: they could, but not any more.
        """
        with self._lock:
            failures = 0
            for _ in range(_MOST_ATTEMPTS):
                # A process that is stopped would let every judge wait in vain.
                if not (self._held and self._zygote.is_running and is_running(self._host)):
                    self.close()
                    self._open()
                try:
                    judge = self._fork(arguments, folder)
                except OSError as error:  # one of the two was killed, or is not able to answer: start over
                    failures += self._has_failed()
                    why, cause = self._why(), error
                    self.close()
                    if failures == _ATTEMPTS:
                        break
                else:
                    self._has_forked = True
                    return judge
        if self._has_forked:
            raise AccidentError(why) from cause
        raise WorkerStartError(why) from cause

    def _open(self) -> None:
        with ExitStack() as stack:
            self._zygote = stack.enter_context(Zygote(layers=self._layers, preload=PRELOADABLE))
            self._errors = stack.enter_context(tempfile.TemporaryFile())
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._host = host = subprocess.Popen(
                    [sys.executable, "-P", "-m", "grader.judging.prefork_host", str(theirs.fileno())],
                    cwd="/",
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            ours.settimeout(_START_SECONDS)
            stack.callback(wait_or_kill, host)
            self._control = stack.enter_context(ours)  # closed first, which tells the host to end
            self._held = stack.pop_all()

    def _fork(self, arguments: Sequence[str], folder: Path) -> JudgeProcess:
        request = {
            "arguments": list(arguments),
            "folder": str(folder),
            "layers": self._zygote.layers,
            "zygote": self._zygote.pids,
        }
        with ExitStack() as ours, ExitStack() as theirs:
            # Named by the ends that stay here: `stdin` to write into, `events` and `code` to read from.
            (their_stdin, stdin), (events, stdout), (code, status) = _pipe(), _pipe(), _pipe()
            for end in (stdin, events, code):
                ours.enter_context(end)
            stderr = theirs.enter_context(open(folder / ERRORS, "wb"))
            workers = theirs.enter_context(self._zygote.branch())
            given = [theirs.enter_context(end).fileno() for end in (their_stdin, stdout, status)]
            given[2:2] = [stderr.fileno()]  # the order that ``prefork_host`` expects
            socket.send_fds(self._control, [json.dumps(request).encode()], [*given, workers.fileno()])
            self._wait_for_answer()
            message, descriptors, _, _ = socket.recv_fds(self._control, 32, 1)
            if not message:
                raise OSError("the host hung up")
            ours.pop_all()  # from here on they belong to the judge
        wait = functools.cache(lambda: _exit_code(code))
        kill = Killer(descriptors[0])
        return JudgeProcess(events=events, stdin=stdin, kill=kill, wait=wait, pid=int(message))

    def _wait_for_answer(self) -> None:
        """Wait until the host answers.

        Raises:
            OSError: it was stopped meanwhile, or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not select.select([self._control], [], [], 1.0)[0]:
            if not is_running(self._host) or time.monotonic() > deadline:
                raise TimeoutError("the host does not answer")

    def _has_failed(self) -> bool:
        """Return whether the host ended by itself, rather than by a signal or not at all."""
        with suppress(subprocess.TimeoutExpired):
            return self._host.wait(_END_SECONDS) >= 0
        return False

    def _why(self) -> str:
        code = self._host.poll()
        if code is not None and code < 0:
            return f"the judges' process was killed by {signal.Signals(-code).name} while it started"
        if code is None:
            return "the judges' process did not answer"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["no error message"]
        return f"the judges' process did not start ({lines[-1]}); check that `python -c 'import torch'` works"


def _pipe() -> tuple[TextIO, TextIO]:
    """Return a pipe as text: the end to read from, and the end to write into."""
    reader, writer = os.pipe()
    return open(reader, encoding="utf-8", errors="replace"), open(writer, "w", encoding="utf-8")


def _exit_code(pipe: TextIO) -> int | None:
    """Wait for a judge to end and return the code it wrote before; None if it was killed."""
    with pipe:
        code = pipe.read()
    return int(code) if code else None

"""The zygote: a process that imports torch once and forks a fresh worker for each connection.

A fresh interpreter needs seconds to import torch; a fork takes milliseconds and shares the imported memory
with its parent. Fork copies only the calling thread: if another one holds a lock at that moment, the lock
stays locked in the child for good, and a pool of OpenMP threads is missing there, so that the child hangs.
The zygote therefore stays single-threaded, and never runs student code. It is a program of its own
(``worker/start.py``), not a fork of the judge, so that its memory holds no part of the rubric or the
reference solution.

Judge and zygote share a socket. The judge sends a policy together with two pipe ends; the zygote forks, and
answers with the worker's pid and a pidfd for it. Judge and worker then talk through the pipes alone.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from grader.closing import Closing
from grader.errors import WorkerStartError
from grader.sandbox.connection import WorkerConnection
from grader.sandbox.hello import read_hello
from grader.sandbox.waiting import Tell, Unanswered, wait_until_readable
from grader.sandbox.watchdog import ResourceLimits, Watchdog, remove_tree
from grader.sandbox.worker.walls import LAYERS
from grader.sandbox.worker_process import (
    Killer,
    can_fork,
    is_running,
    is_stopped,
    wait_or_kill,
    worker_command,
    worker_environment,
)

_START_SECONDS = 180.0  # a cold import of torch from a slow disk
_END_SECONDS = 10.0  # for a process that is ending, on a busy machine


class Zygote(Closing):
    """A process that has imported torch and forks sandboxed workers. A context manager.

    Where fork is missing, or unsafe after importing torch (Windows, macOS), each worker is a new process.

    Attributes:
        layers: sandbox layers of every worker.
        accidents: what happened to workers by nobody's fault, a sentence each; see ``judging.accidents``.
        tell: told why a worker does not start, while it is waited for.
    """

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        limits: ResourceLimits | None = None,
        preload: Sequence[str] = (),
        control: socket.socket | None = None,
        parents: Sequence[int] = (),
    ) -> None:
        """
        Args:
            layers: sandbox layers of every worker; by default those that strong isolation needs, on Linux.
            limits: resource limits of each worker.
            preload: modules to import once, before forking.
            control: a ``branch`` of another zygote to fork from, instead of starting a process.
            parents: process ids of that other zygote.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        self._errors: deque[str] = deque(maxlen=50)
        self._forks = can_fork()
        self.layers = tuple(layers if layers is not None else LAYERS if self._forks else ())
        self._limits = limits or ResourceLimits()
        self.accidents: list[str] = []
        self._connections: list[WorkerConnection] = []
        self._control_lock = threading.Lock()  # requests and answers on the control socket carry no ids
        self._is_lost = False
        self.tell: Tell = lambda why: None
        self._parents = tuple(parents)
        self._branch_pid: int | None = None  # of the process that serves ``control``, which tells it first
        self._kill_branch: Killer | None = None
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        if control:
            self._control = control
        elif self._forks:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            options = ["--control", str(theirs.fileno()), "--preload", *preload]
            self._process = self._start(options, pass_fds=(theirs.fileno(),))
            theirs.close()

    def close(self) -> None:
        """Kill every worker and remove what they wrote."""
        for connection in self._connections:
            connection.close()
        for connection in self._connections:
            if connection.watchdog:
                connection.watchdog.join(5.0)  # it removes the worker's scratch folder
        if self._forks:
            self._control.close()  # the zygote reads end-of-file, and ends with its children
        if self._process:
            wait_or_kill(self._process)
        if self._kill_branch and is_stopped(self._branch_pid):
            self._kill_branch()  # it would not notice that this end is closed
        for folder in Path(self._scratch.name).glob("worker-*"):
            remove_tree(folder)
        self._scratch.cleanup()

    def worker(self, *, gpu: bool = False) -> WorkerConnection:
        """Start a sandboxed worker.

        Args:
            gpu: give it access to the GPU.

        Raises:
            WorkerStartError: the zygote died, or does not answer.
            SandboxError: a layer could not be applied.
        """
        scratch = Path(self._scratch.name) / f"worker-{os.getpid()}-{next(self._numbers)}"
        scratch.mkdir(mode=0o700)
        # CUDA itself takes gigabytes of main memory.
        limits = replace(self._limits, memory=2 * self._limits.memory) if gpu else self._limits
        policy = {"scratch": str(scratch), "layers": self.layers, "memory": limits.memory, "gpu": gpu}
        try:
            connection = self._fork(policy, scratch, limits) if self._forks else self._spawn(policy)
            self._connections.append(connection)
            try:
                connection.layers = self._read_hello(connection)
            except WorkerStartError:
                connection.close()
                raise
        except WorkerStartError as error:
            self.accidents.append(str(error))
            raise
        return connection

    def branch(self) -> socket.socket:
        """Return a socket for the ``control`` argument of another ``Zygote``, possibly in another process.

        That one forks its workers from this process, and they end when it closes the socket. This process may
        still be importing.

        Raises:
            OSError: this zygote's process is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._control, [b'{"branch": true}'], [theirs.fileno()])
        return ours

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that must run for a worker to start, as far as they are known."""
        own = self._process.pid if self._process else self._branch_pid
        return (*self._parents, *((own,) if own else ()))

    def _fork(self, policy: dict[str, Any], scratch: Path, limits: ResourceLimits) -> WorkerConnection:
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        try:
            pid, descriptor = self._request_fork(policy, [their_requests, their_replies])
        finally:  # only the worker may hold its ends: otherwise its death would not end a read here
            os.close(their_requests)
            os.close(their_replies)
        watchdog = Watchdog(pid, descriptor, scratch, limits, lambda: remove_tree(scratch))
        watchdog.start()
        return WorkerConnection(
            requests=open(our_requests, "wb", buffering=0),
            replies=open(our_replies, "rb", buffering=0),
            kill=Killer(descriptor),
            exit_code=lambda: self._exit_code(watchdog),
            watchdog=watchdog,
        )

    def _request_fork(self, message: dict[str, Any], descriptors: list[int]) -> tuple[int, int]:
        """Ask the zygote to fork, and return the worker's pid and pidfd."""
        answer, handles = self._request(message, descriptors, _START_SECONDS)
        return int(answer), handles[0]

    def _exit_code(self, watchdog: Watchdog) -> int | None:
        if not watchdog.has_ended.wait(_END_SECONDS):
            return None
        answer, _ = self._request({"ended": watchdog.pid}, [], _END_SECONDS)
        return int(answer)

    def _request(
        self, message: dict[str, Any], descriptors: list[int], seconds: float
    ) -> tuple[bytes, list[int]]:
        """Send a message to the zygote, and return its answer and the descriptors with it.

        Raises:
            WorkerStartError: it died, or did not answer in time.
        """
        try:
            with self._control_lock:
                if self._is_lost:
                    raise BrokenPipeError
                self._control.settimeout(seconds)
                if self._process is None and self._branch_pid is None:
                    self._branch_pid = int(self._receive(seconds)[0])
                    self._kill_branch = Killer(os.pidfd_open(self._branch_pid))
                socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
                return self._receive(seconds)
        except Unanswered as error:
            self._is_lost = True
            raise WorkerStartError(f"the worker process did not start: {error}") from error
        except OSError as error:
            self._is_lost = True  # a late answer would be taken for that to the next message
            raise WorkerStartError(self._start_failure()) from error

    def _receive(self, seconds: float) -> tuple[bytes, list[int]]:
        """Return the zygote's next message and the descriptors with it.

        Raises:
            OSError: it has ended, is stopped, or does not answer in time.
        """
        wait_until_readable(self._control.fileno(), lambda: self.pids, seconds, self.tell)
        answer, handles, _, _ = socket.recv_fds(self._control, 32, 1)
        if not answer:
            raise BrokenPipeError
        return answer, handles

    @property
    def is_running(self) -> bool:
        """True if the process that this object started exists and is not stopped."""
        return is_running(self._process)

    def _spawn(self, policy: dict[str, Any]) -> WorkerConnection:
        """Start a worker as a new process, which talks over its standard input and output."""
        options = ["--policy", json.dumps(policy)]
        process = self._start(options, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None

        def kill() -> None:
            process.kill()
            process.wait()

        def exit_code() -> int | None:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_END_SECONDS)
            return None

        return WorkerConnection(
            requests=process.stdin,  # type: ignore[arg-type]
            replies=process.stdout,  # type: ignore[arg-type]
            kill=kill,
            exit_code=exit_code,
        )

    def _read_hello(self, connection: WorkerConnection) -> tuple[str, ...]:
        try:
            return read_hello(connection, self.layers, self.pids, _START_SECONDS, self.tell)
        except Unanswered as error:
            raise WorkerStartError(f"the worker process did not start: {error}") from error
        except OSError as error:
            raise WorkerStartError(self._start_failure()) from error

    def _start(
        self,
        options: list[str],
        *,
        pass_fds: tuple[int, ...] = (),
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*worker_command(self._scratch.name), *options],
            bufsize=0,
            env=worker_environment(),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        assert process.stderr is not None
        threading.Thread(target=self._drain, args=(process.stderr,), daemon=True).start()
        return process

    def _drain(self, errors: BinaryIO) -> None:
        for line in errors:
            self._errors.append(line.decode(errors="replace").rstrip())

    def _start_failure(self) -> str:
        last = next((line for line in reversed(self._errors) if line.strip()), "it printed nothing")
        return f"the worker process did not start ({last}); check that `python -c 'import torch'` works"

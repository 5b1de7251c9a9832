"""Starts workers: a warm process once, and from it a fresh worker in milliseconds for whoever asks."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from grader.closing import Closing
from grader.errors import SandboxError, WorkerStartError
from grader.sandbox.environment import COMPUTE_ENVIRONMENT
from grader.sandbox.watchdog import ResourceLimits, Watchdog, remove_tree
from grader.sandbox.worker.walls import LAYERS

_START = Path(__file__).parent / "worker" / "start.py"
_START_SECONDS = 180.0  # a cold import of torch from a slow disk
_END_SECONDS = 0.2  # which a process that listens has to end
UNIMPORTABLE = ("grader", "reference", "rubrics")  # what a worker can not import, wherever they are installed
_PACKAGES = Path(__file__).parents[2]


@dataclass(slots=True)
class WorkerConnection:
    """The two pipes to one worker, and the means to end it.

    Attributes:
        layers: the walls that the worker says it is behind.
    """

    requests: BinaryIO
    replies: BinaryIO
    kill: Callable[[], None]
    watchdog: Watchdog | None = None
    layers: tuple[str, ...] = ()

    @property
    def limit_exceeded(self) -> str | None:
        """What the worker was ended for, to go after "it", if it went beyond its limits."""
        return self.watchdog.violation if self.watchdog else None

    @property
    def cpu_seconds(self) -> float:
        """Seconds of a core that the worker took, once it is closed; 0 where nobody watched it."""
        if not self.watchdog:
            return 0.0
        self.watchdog.join(5.0)
        return self.watchdog.cpu_seconds

    def close(self) -> None:
        """End the worker and let go of the pipes; safe to call twice."""
        self.kill()
        for pipe in (self.requests, self.replies):
            pipe.close()


class Zygote(Closing):
    """A process that has imported torch and holds nothing else; workers are forked from it.

    Where fork is missing or unsafe after importing torch (Windows, macOS) every worker is a process started
    afresh.
    """

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        limits: ResourceLimits | None = None,
        preload: Sequence[str] = (),
        control: socket.socket | None = None,
    ) -> None:
        """
        Args:
            layers: the walls that every worker is to be behind; all that this system can have, if not given.
            limits: what each worker may use.
            preload: modules that are worth importing once for all workers.
            control: a branch of another zygote, to fork from instead of a process of its own.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        self._errors: deque[str] = deque(maxlen=50)
        self._forks = can_fork()
        self.layers = tuple(layers if layers is not None else LAYERS if self._forks else ())
        self._limits = limits or ResourceLimits()
        self._connections: list[WorkerConnection] = []
        self._control_lock = threading.Lock()  # whoever asks the warm process waits for its answer
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
        """End every worker and remove what they wrote."""
        for connection in self._connections:
            connection.close()
        for connection in self._connections:
            if connection.watchdog:
                connection.watchdog.join(5.0)  # it removes the worker's folder
        if self._forks:
            self._control.close()  # at which it collects its children, and ends
        if self._process:
            wait_or_kill(self._process)
        for folder in Path(self._scratch.name).glob("worker-*"):
            remove_tree(folder)
        self._scratch.cleanup()

    def worker(self, *, gpu: bool = False) -> WorkerConnection:
        """A fresh worker, behind its walls.

        Args:
            gpu: whether it is to reach a GPU.

        Raises:
            WorkerStartError: the warm process died, or does not answer.
            SandboxError: a wall could not be put up.
        """
        scratch = Path(self._scratch.name) / f"worker-{os.getpid()}-{next(self._numbers)}"
        scratch.mkdir(mode=0o700)
        # CUDA alone takes gigabytes of the machine's own memory.
        limits = replace(self._limits, memory=2 * self._limits.memory) if gpu else self._limits
        policy = {"scratch": str(scratch), "layers": self.layers, "memory": limits.memory, "gpu": gpu}
        connection = self._fork(policy, scratch, limits) if self._forks else self._spawn(policy)
        self._connections.append(connection)
        try:
            connection.layers = self._read_hello(connection)
        except WorkerStartError:
            connection.close()
            raise
        return connection

    def branch(self) -> socket.socket:
        """A connection for another zygote, in whatever process: its workers are forked from this one's warm
        process, and end when it hangs up. It need not be warm yet.

        Raises:
            OSError: the warm process is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._control, [b'{"branch": true}'], [theirs.fileno()])
        return ours

    def _fork(self, policy: dict[str, Any], scratch: Path, limits: ResourceLimits) -> WorkerConnection:
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        try:
            pid, descriptor = self._request_fork(policy, [their_requests, their_replies])
        finally:
            os.close(their_requests)
            os.close(their_replies)
        watchdog = Watchdog(pid, descriptor, scratch, limits, lambda: remove_tree(scratch))
        watchdog.start()
        return WorkerConnection(
            requests=open(our_requests, "wb", buffering=0),
            replies=open(our_replies, "rb", buffering=0),
            kill=Killer(descriptor),
            watchdog=watchdog,
        )

    def _request_fork(self, message: dict[str, Any], descriptors: list[int]) -> tuple[int, int]:
        """The number of what the warm process forks, and its descriptor."""
        try:
            with self._control_lock:
                self._control.settimeout(_START_SECONDS)
                socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
                answer, handles, _, _ = socket.recv_fds(self._control, 32, 1)
        except OSError as error:
            raise WorkerStartError(self._start_failure()) from error
        if not answer:
            raise WorkerStartError(self._start_failure())
        return int(answer), handles[0]

    def _spawn(self, policy: dict[str, Any]) -> WorkerConnection:
        options = ["--policy", json.dumps(policy)]
        process = self._start(options, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None

        def kill() -> None:
            process.kill()
            process.wait()

        return WorkerConnection(requests=process.stdin, replies=process.stdout, kill=kill)  # type: ignore[arg-type]

    def _read_hello(self, connection: WorkerConnection) -> tuple[str, ...]:
        """Wait for the worker to say which walls it is behind: all that were asked for, or it is not used."""
        from grader.sandbox.worker.wire import HELLO, WireError, read_frame

        timer = threading.Timer(_START_SECONDS, connection.kill)
        timer.start()
        try:
            kind, hello, _ = read_frame(connection.replies, max_body=0, max_header=1 << 12)
        except WireError as error:
            raise WorkerStartError(self._start_failure()) from error
        finally:
            timer.cancel()
        if kind != HELLO or "failed" in hello:
            what, why = hello.get("failed"), hello.get("why")
            raise SandboxError(f"the wall {what!r} around the worker could not be put up: {why}")
        if (layers := tuple(hello.get("layers", ()))) != self.layers:
            raise SandboxError(f"the worker is behind {layers}, not behind {self.layers}")
        return layers

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
        last = next((line for line in reversed(self._errors) if line.strip()), "it said nothing")
        return f"the worker process did not start ({last}); check that `python -c 'import torch'` works"


class Killer:
    """Kills one process by its descriptor, which no other process can have taken over."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._lock = threading.Lock()  # a deadline's thread may come at the same time as a close

    def __call__(self) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            os.close(self._descriptor)
            self._descriptor = None


def wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that leads its session and was hung up on; while it imports, it does not listen."""
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def can_fork() -> bool:
    """Whether workers are forked, and walled in, on this system."""
    return sys.platform == "linux"


def worker_command(scratch: str) -> list[str]:
    """The command line with which a worker's process starts, without what it is to do."""
    secret = [str(_PACKAGES / name) for name in UNIMPORTABLE]
    return [
        *(sys.executable, "-I", "-S", "-W", "ignore", str(_START), "--scratch", scratch),
        *("--hidden", *UNIMPORTABLE, "--secret", *secret, "--path", *_site_packages()),
    ]


def _site_packages() -> list[str]:
    return [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]


def worker_environment() -> dict[str, str]:
    """Next to nothing: the worker must find no secret here, and no PYTHON variable may steer it."""
    kept = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL")
    deterministic = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return (
        {name: os.environ[name] for name in kept if name in os.environ} | COMPUTE_ENVIRONMENT | deterministic
    )

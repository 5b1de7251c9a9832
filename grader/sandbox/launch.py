"""Starts workers: a warm process once, and from it a fresh worker in milliseconds for whoever asks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from grader.errors import WorkerStartError

_START = Path(__file__).parent / "worker" / "start.py"
_START_SECONDS = 180.0  # a cold import of torch from a slow disk
HIDDEN = ("grader", "reference", "rubrics")  # what a worker can not import, wherever they are installed


@dataclass(slots=True)
class Line:
    """The two pipes to one worker, and the means to end it."""

    requests: BinaryIO
    replies: BinaryIO
    kill: Callable[[], None]

    def close(self) -> None:
        """End the worker and let go of the pipes; safe to call twice."""
        self.kill()
        for pipe in (self.requests, self.replies):
            pipe.close()


class Nursery:
    """A process that has imported torch and holds nothing else; workers are forked from it.

    Where fork is missing or unsafe after importing torch (Windows, macOS) every worker is a process started
    afresh.
    """

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        self._errors: deque[str] = deque(maxlen=50)
        self._forks = sys.platform == "linux"
        self._lines: list[Line] = []
        if self._forks:
            self._control, theirs = socket.socketpair()
            self._process = self._start(["--control", str(theirs.fileno())], pass_fds=(theirs.fileno(),))
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every worker and remove what they wrote."""
        for line in self._lines:
            line.close()
        if self._forks:
            self._control.close()
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._scratch.cleanup()

    def worker(self) -> Line:
        """A fresh worker.

        Raises:
            WorkerStartError: the warm process died, or does not answer.
        """
        line = self._fork() if self._forks else self._spawn()
        self._lines.append(line)
        return line

    def _fork(self) -> Line:
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        try:
            self._control.settimeout(_START_SECONDS)
            socket.send_fds(self._control, [b"f"], [their_requests, their_replies])
            message, descriptors, _, _ = socket.recv_fds(self._control, 32, 1)
        except OSError as error:
            raise WorkerStartError(self._why()) from error
        finally:
            os.close(their_requests)
            os.close(their_replies)
        if not message:
            raise WorkerStartError(self._why())
        return Line(
            requests=open(our_requests, "wb", buffering=0),
            replies=open(our_replies, "rb", buffering=0),
            kill=_Killer(descriptors[0]),
        )

    def _spawn(self) -> Line:
        process = self._start([], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None

        def kill() -> None:
            process.kill()
            process.wait()

        return Line(requests=process.stdin, replies=process.stdout, kill=kill)  # type: ignore[arg-type]

    def _start(
        self,
        options: list[str],
        *,
        pass_fds: tuple[int, ...] = (),
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-I", "-S", "-W", "ignore", str(_START)),
            *("--scratch", self._scratch.name, "--hidden", *HIDDEN, "--path", *_site_packages()),
            *options,
        ]
        process = subprocess.Popen(
            command,
            bufsize=0,
            env=_environment(),
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

    def _why(self) -> str:
        last = next((line for line in reversed(self._errors) if line.strip()), "it said nothing")
        return f"the worker process did not start ({last}); check that `python -c 'import torch'` works"


class _Killer:
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


def _site_packages() -> list[str]:
    return [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]


def _environment() -> dict[str, str]:
    """Next to nothing: the worker must find no secret here, and no PYTHON variable may steer it."""
    kept = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    deterministic = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return {name: os.environ[name] for name in kept if name in os.environ} | threads | deterministic

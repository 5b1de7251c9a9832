"""Command line, environment and termination of worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from grader.sandbox.environment import COMPUTE_ENVIRONMENT
from grader.sandbox.process_state import process_state

UNIMPORTABLE = ("grader", "reference", "rubrics")  # packages that a worker can neither import nor read
_START = Path(__file__).parent / "worker" / "start.py"
_PACKAGES = Path(__file__).parents[2]
_END_SECONDS = 0.2  # enough for a process that is waiting for its next message


def can_fork() -> bool:
    """Return whether this system forks workers from a zygote and has sandbox layers for them."""
    return sys.platform == "linux"


def worker_command(scratch: str) -> list[str]:
    """Return the command line of a worker's process; the caller adds what it should do.

    ``-I -S`` keep the environment, the current folder and ``.pth`` files from changing what it imports.
    """
    secret = [str(_PACKAGES / name) for name in UNIMPORTABLE]
    return [
        *(sys.executable, "-I", "-S", "-W", "ignore", str(_START), "--scratch", scratch),
        *("--hidden", *UNIMPORTABLE, "--secret", *secret, "--path", *_site_packages()),
    ]


def worker_environment() -> dict[str, str]:
    """Return a nearly empty environment: no secrets, and no ``PYTHON*`` variable that steers the worker."""
    kept = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    deterministic = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return inherited | COMPUTE_ENVIRONMENT | deterministic


class Killer:
    """A function that kills one process through its pidfd; may be called repeatedly, from any thread.

    A pid can be reused as soon as the process has been reaped, and then names a stranger. A pidfd refers to
    the same process for as long as it is open.
    """

    def __init__(self, descriptor: int) -> None:
        """
        Args:
            descriptor: pidfd of the process; closed with the first call.
        """
        self._descriptor: int | None = descriptor
        self._lock = threading.Lock()  # a deadline may expire while another thread closes the connection

    def __call__(self) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            with suppress(ProcessLookupError):  # it has ended by itself
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            os.close(self._descriptor)
            self._descriptor = None


def wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    """Wait for a session leader whose control socket was closed, and kill its process group if it lingers.

    It ends when it notices, which it cannot do while it is still importing torch.
    """
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_running(process: subprocess.Popen[bytes] | None) -> bool:
    """Return whether a process has neither ended nor been stopped, as far as the system says."""
    return process is not None and process.poll() is None and not is_stopped(process.pid)


def is_stopped(pid: int | None) -> bool:
    """Return whether a process was stopped by a signal, as far as the system says."""
    state = process_state(pid) if pid else None
    return state is not None and state.is_stopped


def _site_packages() -> list[str]:
    return [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]

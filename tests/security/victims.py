"""Targets for attacks: files, a process, open ports; created for one test and checked afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_SITE = Path(sysconfig.get_paths()["purelib"])
_PLANTED = (_SITE / "planted_by_a_test.py", Path("/tmp/planted-by-a-test"), Path("/dev/shm/planted"))


@dataclass(frozen=True, slots=True)
class Victims:
    """Targets that no attack may change.

    Attributes:
        folder: folder of the files.
        process: a process of the same user.
        values: what an attack receives: paths, process ids, ports.
        before: state of everything at the start.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    values: dict[str, Any]
    before: dict[str, Any]

    def changed(self) -> list[str]:
        """Return the names of everything that has changed or appeared."""
        after = _state(self.folder, self.process)
        return [name for name in self.before if self.before[name] != after[name]]


@contextlib.contextmanager
def victims(folder: Path) -> Iterator[Victims]:
    """Create the targets in ``folder``, and remove what is not in it afterwards."""
    (folder / "secret.txt").write_text("secret")
    (folder / "submission.ipynb").write_text("{}")
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    memory = ctypes.create_string_buffer(b"secret")
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(str(folder / "socket"))
        local.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0grade-{os.getpid()}-{folder.name}")
        abstract.listen()
        values = {
            "secret": str(folder / "secret.txt"),
            "other": str(folder / "submission.ipynb"),
            "folder": str(folder),
            "grader": str(ROOT / "grader"),
            "reference": str(ROOT / "reference"),
            "site": str(_SITE),
            "victim": process.pid,
            "judge": os.getpid(),
            "address": ctypes.addressof(memory),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "socket": str(folder / "socket"),
            "abstract": f"\0grade-{os.getpid()}-{folder.name}",
        }
        try:
            yield Victims(folder, process, values, _state(folder, process))
        finally:
            process.kill()
            process.wait()
            for path in _PLANTED:
                path.unlink(missing_ok=True)


def _state(folder: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    files = sorted(folder.iterdir())
    about = {"process": process.poll(), "names": files, "planted": [path.exists() for path in _PLANTED]}
    for path in files:
        status = path.lstat()
        about[path.name] = (status.st_mode, status.st_mtime_ns, status.st_size, status.st_nlink)
    if process.poll() is None:
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        about["the process's limits"] = limits
        about["the process's priority"] = os.getpriority(os.PRIO_PROCESS, process.pid)
        about["the process's processors"] = os.sched_getaffinity(process.pid)
    return about

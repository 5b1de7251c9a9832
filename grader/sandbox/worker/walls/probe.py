"""Tries, behind the walls, what must not succeed there: what does is a hole, and nothing is graded then.

Each trial returns when it got what it wanted, and raises OSError when a wall was in the way. A layer that is
missing is noticed by at least one of them.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from . import namespaces
from .process import capabilities
from .system import checked, libc, prctl, syscall

_TEBIBYTE = 1 << 40
_KNOWN_VARIABLES = {
    *("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "HOME", "TMPDIR"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GLIBC_TUNABLES"),
    *("CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "TORCHDYNAMO_DISABLE"),
    *("MPLBACKEND", "MPLCONFIGDIR", "TQDM_DISABLE"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the trials reach for.

    Attributes:
        file: a file that lies outside the worker's scratch folder.
        parent: the number of a process of the same user's.
        keep: descriptors that the worker may hold.
        namespaces: those that it is to be out of, if any.
    """

    file: str
    parent: int
    keep: tuple[int, ...]
    namespaces: frozenset[str] = frozenset()


def run_trials(targets: Targets) -> list[str]:
    """The names of the trials that succeeded; none behind sound walls."""
    found = []
    for name, trial in _TRIALS.items():
        try:
            trial(targets)
        except (OSError, ValueError):  # setrlimit's refusal is a ValueError
            continue
        found.append(name)
    return found


def _must(succeeded: bool) -> None:
    if not succeeded:
        raise OSError("a wall was in the way")


def _reads_a_file(targets: Targets) -> None:
    open(targets.file).close()


def _lists_a_folder(targets: Targets) -> None:
    os.listdir(os.path.dirname(targets.file))


def _writes_beside(targets: Targets) -> None:
    open(f"{targets.file}.{os.getpid()}", "x").close()


def _empties_a_file(targets: Targets) -> None:
    os.truncate(targets.file, 0)


def _changes_a_mode(targets: Targets) -> None:
    before = os.stat(targets.file).st_mode
    os.chmod(targets.file, before ^ 0o004)
    _must(os.stat(targets.file).st_mode != before)


def _links_a_file(targets: Targets) -> None:
    os.link(targets.file, "linked")


def _makes_a_symlink(targets: Targets) -> None:
    os.symlink(targets.file, "symlink")


def _reads_another_process(targets: Targets) -> None:
    open(f"/proc/{targets.parent}/environ").close()


def _signals_another_process(targets: Targets) -> None:
    os.kill(targets.parent, 0)


def _limits_another_process(targets: Targets) -> None:
    resource.prlimit(targets.parent, resource.RLIMIT_NOFILE)


def _traces_another_process(targets: Targets) -> None:
    seize = 0x4206  # unlike ATTACH, it does not stop the other one
    checked(libc().ptrace(seize, targets.parent, None, None))


def _starts_a_process(targets: Targets) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _runs_a_program(targets: Targets) -> None:
    # Only to see whether it may: there is no such program, and a wall says so in other words.
    try:
        os.execv("/nonexistent/program", ["program"])
    except FileNotFoundError:
        return


def _opens_a_socket(family: int, kind: int) -> Callable[[Targets], None]:
    return lambda targets: socket.socket(family, kind).close()


def _makes_a_namespace(targets: Targets) -> None:
    checked(libc().unshare(0x10000000))  # a user namespace


def _keeps_memory_in_no_process(targets: Targets) -> None:
    os.close(os.memfd_create("x"))


def _queues_for_the_kernel(targets: Targets) -> None:
    os.close(syscall(425, 1, ctypes.create_string_buffer(120)))  # io_uring


def _outlives_its_parent(targets: Targets) -> None:
    prctl(1, 0)
    prctl(1, signal.SIGKILL)


def _takes_a_tebibyte(targets: Targets) -> None:
    mmap.mmap(-1, _TEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000).close()  # unreserved


def _lifts_a_limit(targets: Targets) -> None:
    unlimited = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))


def _holds_capabilities(targets: Targets) -> None:
    _must(any(capabilities()))


def _inherits_a_descriptor(targets: Targets) -> None:
    for descriptor in set(range(3, 256)) - set(targets.keep):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        return
    _must(False)


def _stays_in_the_session(targets: Targets) -> None:
    _must(os.getsid(0) != os.getpid())


def _shares_a_namespace(targets: Targets) -> None:
    _must(not targets.namespaces.isdisjoint(namespaces.current()))


def _inherits_a_variable(targets: Targets) -> None:
    _must(bool(set(os.environ) - _KNOWN_VARIABLES))


_TRIALS: dict[str, Callable[[Targets], None]] = {
    "read a file": _reads_a_file,
    "list a folder": _lists_a_folder,
    "write outside its folder": _writes_beside,
    "change a file's mode": _changes_a_mode,
    "empty a file": _empties_a_file,
    "link a file": _links_a_file,
    "make a symbolic link": _makes_a_symlink,
    "read another process": _reads_another_process,
    "signal another process": _signals_another_process,
    "see another process's limits": _limits_another_process,
    "trace another process": _traces_another_process,
    "start a process": _starts_a_process,
    "run a program": _runs_a_program,
    "open a TCP socket": _opens_a_socket(socket.AF_INET, socket.SOCK_STREAM),
    "open a UDP socket": _opens_a_socket(socket.AF_INET, socket.SOCK_DGRAM),
    "open a local socket": _opens_a_socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "talk to the kernel by netlink": _opens_a_socket(16, socket.SOCK_RAW),
    "make a namespace": _makes_a_namespace,
    "keep memory in no process": _keeps_memory_in_no_process,
    "use io_uring": _queues_for_the_kernel,
    "outlive its parent": _outlives_its_parent,
    "take a tebibyte": _takes_a_tebibyte,
    "lift a limit": _lifts_a_limit,
    "hold capabilities": _holds_capabilities,
    "hold a foreign descriptor": _inherits_a_descriptor,
    "stay in its parent's session": _stays_in_the_session,
    "share a namespace that it left": _shares_a_namespace,
    "see a foreign variable": _inherits_a_variable,
}

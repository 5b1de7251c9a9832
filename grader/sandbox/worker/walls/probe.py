"""Trials that must fail inside the sandbox; each one that succeeds is a breach.

A trial returns if it got what it wanted, and raises OSError if a layer stopped it. Every layer is the only
one to stop at least one of the trials, so that removing any of them is noticed by what becomes possible.
(The exception is ``capabilities`` for an ordinary user, who has none to drop.)
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
from .system import PR_SET_PDEATHSIG, checked, libc, prctl, syscall

_TEBIBYTE = 1 << 40
_CLONE_NEWUSER = 0x10000000
_NETLINK = 16
_IO_URING_SETUP = 425
_PTRACE_SEIZE = 0x4206
_MAP_NORESERVE = 0x4000
_EXPECTED_VARIABLES = {
    *("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "HOME", "TMPDIR"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GLIBC_TUNABLES"),
    *("CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "TORCHDYNAMO_DISABLE"),
    *("MPLBACKEND", "MPLCONFIGDIR", "TQDM_DISABLE"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets that the trials try to reach.

    Attributes:
        file: a file outside the scratch folder.
        parent: pid of a process of the same user.
        keep: descriptors that the sandboxed process may hold.
        namespaces: namespaces that it must have left, if any.
    """

    file: str
    parent: int
    keep: tuple[int, ...]
    namespaces: frozenset[str] = frozenset()


def run_trials(targets: Targets) -> list[str]:
    """Return the names of the trials that succeeded; none, if the sandbox is sound."""
    succeeded = []
    for name, trial in _TRIALS.items():
        try:
            trial(targets)
        except (OSError, ValueError):  # setrlimit raises ValueError
            continue
        succeeded.append(name)
    return succeeded


def _require(succeeded: bool) -> None:
    if not succeeded:
        raise OSError("stopped by a layer")


def _read_file(targets: Targets) -> None:
    open(targets.file).close()


def _list_folder(targets: Targets) -> None:
    os.listdir(os.path.dirname(targets.file))


def _write_file(targets: Targets) -> None:
    open(f"{targets.file}.{os.getpid()}", "x").close()


def _truncate_file(targets: Targets) -> None:
    os.truncate(targets.file, 0)


def _change_mode(targets: Targets) -> None:
    before = os.stat(targets.file).st_mode
    os.chmod(targets.file, before ^ 0o004)
    _require(os.stat(targets.file).st_mode != before)  # the filter reports success without effect


def _link_file(targets: Targets) -> None:
    os.link(targets.file, "linked")


def _create_symlink(targets: Targets) -> None:
    os.symlink(targets.file, "symlink")


def _read_environment(targets: Targets) -> None:
    open(f"/proc/{targets.parent}/environ").close()


def _signal(targets: Targets) -> None:
    os.kill(targets.parent, 0)  # only checks for permission


def _read_limits(targets: Targets) -> None:
    resource.prlimit(targets.parent, resource.RLIMIT_NOFILE)


def _trace(targets: Targets) -> None:
    # Unlike PTRACE_ATTACH, this does not stop the other process if it succeeds.
    checked(libc().ptrace(_PTRACE_SEIZE, targets.parent, None, None))


def _start_process(targets: Targets) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _run_program(targets: Targets) -> None:
    # A program that does not exist, since success would replace the probe: the filter answers before the
    # kernel looks for the file, so "not found" means that nothing stopped the call.
    try:
        os.execv("/nonexistent/program", ["program"])
    except FileNotFoundError:
        return


def _open_socket(family: int, kind: int) -> Callable[[Targets], None]:
    return lambda targets: socket.socket(family, kind).close()


def _create_namespace(targets: Targets) -> None:
    checked(libc().unshare(_CLONE_NEWUSER))


def _allocate_outside(targets: Targets) -> None:
    os.close(os.memfd_create("x"))


def _set_up_io_uring(targets: Targets) -> None:
    os.close(syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120)))


def _outlive_parent(targets: Targets) -> None:
    prctl(PR_SET_PDEATHSIG, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a probe that gets here must still die with its parent


def _reserve_tebibyte(targets: Targets) -> None:
    # Address space only, without memory behind it: RLIMIT_AS stops it, a lack of memory would not.
    mmap.mmap(-1, _TEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE).close()


def _raise_limit(targets: Targets) -> None:
    unlimited = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))


def _hold_capabilities(targets: Targets) -> None:
    _require(any(capabilities()))


def _inherit_descriptor(targets: Targets) -> None:
    for descriptor in set(range(3, 256)) - set(targets.keep):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        return
    _require(False)


def _stay_in_session(targets: Targets) -> None:
    _require(os.getsid(0) != os.getpid())


def _share_namespace(targets: Targets) -> None:
    _require(not targets.namespaces.isdisjoint(namespaces.current()))


def _inherit_variable(targets: Targets) -> None:
    _require(bool(set(os.environ) - _EXPECTED_VARIABLES))


# The names complete the sentence "code could still ...".
_TRIALS: dict[str, Callable[[Targets], None]] = {
    # landlock
    "read a file": _read_file,
    "list a folder": _list_folder,
    "write outside its folder": _write_file,
    "truncate a file": _truncate_file,
    "link a file into its folder": _link_file,
    "create a symbolic link": _create_symlink,
    "read another process's environment": _read_environment,
    # seccomp
    "change a file's mode": _change_mode,
    "signal another process": _signal,  # also landlock's, from ABI 6 on
    "read another process's limits": _read_limits,
    "trace another process": _trace,
    "start a process": _start_process,
    "run a program": _run_program,
    "open a TCP socket": _open_socket(socket.AF_INET, socket.SOCK_STREAM),
    "open a UDP socket": _open_socket(socket.AF_INET, socket.SOCK_DGRAM),
    "open a Unix socket": _open_socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "open a netlink socket": _open_socket(_NETLINK, socket.SOCK_RAW),
    "create a namespace": _create_namespace,
    "allocate memory outside its process": _allocate_outside,
    "use io_uring": _set_up_io_uring,
    "outlive its parent": _outlive_parent,
    # limits
    "reserve a tebibyte of memory": _reserve_tebibyte,
    "raise a resource limit": _raise_limit,
    # capabilities
    "hold capabilities": _hold_capabilities,
    # descriptors
    "use an inherited file descriptor": _inherit_descriptor,
    "stay in its parent's session": _stay_in_session,
    # namespaces
    "share a namespace with its parent": _share_namespace,
    # the environment that the zygote is started with (see ``grader.sandbox.zygote``)
    "see an inherited environment variable": _inherit_variable,
}

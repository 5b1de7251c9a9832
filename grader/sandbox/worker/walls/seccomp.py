"""Seccomp: filter the system calls of this process. One process, threads only, no network.

The filter is a deny list, because torch and GPU drivers need calls that differ between versions. Calls
newer than the list are refused as if the kernel did not have them. It refuses in three ways, chosen so that
libraries keep working:

* ``EPERM`` is the plain refusal.
* ``ENOSYS`` claims that the kernel lacks the call. Callers then take their fallback for older kernels; glibc
  starts a thread with ``clone``, for example, once ``clone3`` is missing. ``clone3`` itself has to go: its
  flags lie in memory, where a filter cannot read them.
* "Success" without effect, for calls that change the mode or dates of a file. ``shutil.copy`` and
  ``Path.touch`` make them on the side; skipping them does no harm in a scratch folder, and failing would
  break both.

A call from another architecture kills the process, because its numbers mean other calls; see ``bpf``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

from . import bpf, syscalls
from .system import LayerError, set_no_new_privs, syscall

_DENY = bpf.fail_with(errno.EPERM)
_UNKNOWN = bpf.fail_with(errno.ENOSYS)
_PRETEND = bpf.fail_with(0)
_NOT_A_TERMINAL = bpf.fail_with(errno.ENOTTY)

_UNKNOWN_CALLS = {
    *("clone3", "memfd_create", "memfd_secret", "pidfd_open", "pidfd_getfd", "userfaultfd"),
    *("io_setup", "io_submit", "io_uring_setup", "io_uring_enter", "io_uring_register"),
}
_PRETENDED_CALLS = {"chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat"}
# Decided by the rules on arguments below, which come first.
_CALLS_WITH_RULES = {
    *("clone", "kill", "tgkill", "prlimit64", "sched_setaffinity", "prctl", "fcntl", "ioctl"),
    "close_range",
}

_SET_MODE_FILTER, _SYNCHRONISE_THREADS = 1, 1
_CLONE_THREAD, _CLONE_FILES = 0x00010000, 0x00000400
_CLOSE_RANGE_UNSHARE = 2
_CLONE_NEW_NAMESPACES = 0x7E020080  # all CLONE_NEW* flags
_X32_BIT = 0x40000000
_URETPROBE = 335  # x86-64 only

_PRCTL_ALLOWED = (
    *(
        2,
        3,
        16,
        21,
        23,
        30,
        39,
    ),  # queries: PDEATHSIG, DUMPABLE, NAME, SECCOMP, CAPBSET, TIMERSLACK, NO_NEW_PRIVS
    *(15, 29, 41),  # settings of its own: NAME, TIMERSLACK, THP_DISABLE
    0x53564D41,  # SET_VMA: names of memory areas
)
_FCNTL_DENIED = (
    *(8, 10, 15),  # F_SETOWN, F_SETSIG, F_SETOWN_EX: the kernel would signal other processes
    *(1024, 1026),  # F_SETLEASE, F_NOTIFY: leases on files and watches on folders
    1031,  # F_SETPIPE_SZ: the pages of pipes come out of one budget per user
)
_IOCTL_ALLOWED = (
    *(0x5401, 0x802C542A, 0x5413),  # TCGETS, TCGETS2, TIOCGWINSZ: what isatty and terminal size ask
    *(0x541B, 0x5421, 0x5450, 0x5451),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: pipes and descriptors
)
_IOCTL_DENIED_ON_GPU = (
    *(0x5410, 0x5412, 0x541C),  # TIOCSPGRP, TIOCSTI, TIOCLINUX: take over a terminal or type into it
    *(0x8901, 0x8902),  # FIOSETOWN, SIOCSPGRP: who gets a descriptor's signals
)


def restrict(*, gpu: bool) -> None:
    """Install the filter for every thread of this process. This cannot be undone.

    Args:
        gpu: allow the ``ioctl`` requests of a GPU driver, which differ between driver versions.

    Raises:
        LayerError: there is no seccomp, or the system calls of this machine are unknown.
    """
    machine = platform.machine()
    if machine not in syscalls.ARCHITECTURES:
        raise LayerError("seccomp", f"the system calls of {machine} are not known to the grader")
    code = _program(machine, os.getpid(), gpu=gpu).assemble()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    number = syscalls.numbers(machine)["seccomp"]
    try:
        set_no_new_privs()
        # A filter binds one thread, but a GPU driver has started others by now: synchronise them. If one
        # cannot be, the call does nothing and returns its id.
        unbound = syscall(number, _SET_MODE_FILTER, _SYNCHRONISE_THREADS, ctypes.byref(program))
    except OSError as error:
        raise LayerError("seccomp", f"the kernel refused the filter ({error.strerror})") from error
    if unbound:
        raise LayerError("seccomp", f"thread {unbound} has a filter of its own")


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _program(machine: str, own: int, *, gpu: bool) -> bpf.Program:
    """Write the filter: argument rules, then the deny list, then the ceiling for unknown numbers."""
    program, known = bpf.Program(syscalls.ARCHITECTURES[machine]), syscalls.numbers(machine)
    if machine == "x86_64":
        program.rule_from(_X32_BIT, bpf.KILL_PROCESS)  # the x32 ABI: a second set of numbers
        program.rule(_URETPROBE, _DENY)
    _allow_threads_only(program, known)
    _allow_own_process_only(program, known, own)
    _restrict_settings(program, known, gpu=gpu)
    for name, number in known.items():
        if name in _UNKNOWN_CALLS:
            program.rule(number, _UNKNOWN)
        elif name in _PRETENDED_CALLS:
            program.rule(number, _PRETEND)
        elif name not in _CALLS_WITH_RULES:
            program.rule(number, _DENY)
    program.rule_from(syscalls.LAST_REVIEWED + 1, _UNKNOWN)
    return program


def _allow_threads_only(program: bpf.Program, known: dict[str, int]) -> None:
    """Allow ``clone`` for new threads only, so that limits per process bound everything that runs.

    All of them share one table of descriptors: the watchdog looks there for files without a name.
    """
    shared = (_CLONE_THREAD, _CLONE_FILES)
    program.rule_by_bits(known["clone"], 0, bits=shared, none_of=_CLONE_NEW_NAMESPACES, otherwise=_DENY)
    program.rule_by_bits(known["close_range"], 2, bits=(), none_of=_CLOSE_RANGE_UNSHARE, otherwise=_DENY)


def _allow_own_process_only(program: bpf.Program, known: dict[str, int], own: int) -> None:
    """Allow signals, limits and affinity for this process only; a pid of 0 means the caller itself."""
    for name, allowed in {
        "kill": (own,),
        "tgkill": (own,),
        "prlimit64": (0, own),
        "sched_setaffinity": (0, own),
    }.items():
        program.rule_by_value(known[name], 0, allowed, action=bpf.ALLOW, otherwise=_DENY)


def _restrict_settings(program: bpf.Program, known: dict[str, int], *, gpu: bool) -> None:
    """Filter the calls with an option or request number: ``prctl``, ``fcntl`` and ``ioctl``."""
    program.rule_by_value(known["prctl"], 0, _PRCTL_ALLOWED, action=bpf.ALLOW, otherwise=_DENY)
    program.rule_by_value(known["fcntl"], 1, _FCNTL_DENIED, action=_DENY, otherwise=bpf.ALLOW)
    ioctl = known["ioctl"]
    if gpu:
        program.rule_by_value(ioctl, 1, _IOCTL_DENIED_ON_GPU, action=_DENY, otherwise=bpf.ALLOW)
    else:
        program.rule_by_value(ioctl, 1, _IOCTL_ALLOWED, action=bpf.ALLOW, otherwise=_NOT_A_TERMINAL)

"""Seccomp: which system calls are left to this process. One process, threads only, no network, no new kernel.

It is a list of what is refused, since torch and a GPU's driver need calls that differ from one version to the
next; calls that are newer than the list are refused as if the kernel had none of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

from . import bpf, syscalls
from .system import LayerError, set_no_new_privs, syscall

_DENIED = bpf.fail_with(errno.EPERM)
_UNKNOWN = bpf.fail_with(errno.ENOSYS)  # callers then take an older way, as on an older kernel
_DONE = bpf.fail_with(0)  # says that it was done, and does nothing

_ABSENT = {
    *("clone3", "memfd_create", "memfd_secret", "pidfd_open", "pidfd_getfd", "userfaultfd"),
    *("io_setup", "io_submit", "io_uring_setup", "io_uring_enter", "io_uring_register"),
}
# What shutil.copy and Path.touch do besides: harmless to leave out in a scratch folder, refused elsewhere.
_PRETENDED = {"chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat"}

_SET, _ALL_THREADS = 1, 1
_CLONE_THREAD, _NEW_NAMESPACES = 0x00010000, 0x7E020080
_PRCTL = (2, 3, 15, 16, 21, 23, 29, 30, 39, 41, 0x53564D41)  # names, slack, memory labels, and to look
_FCNTL = (8, 10, 15, 1024, 1026, 1031)  # signals to others, leases, and pages of pipes that all share
_TERMINALS = (0x5410, 0x5412, 0x541C, 0x8901, 0x8902)  # typing into somebody's terminal, owners of signals
_IOCTL = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # what isatty and pipes ask


def restrict(*, gpu: bool) -> None:
    """Put the filter up, for every thread of this process. Not to be undone.

    Args:
        gpu: whether a GPU's driver needs calls on its devices.

    Raises:
        LayerError: no seccomp here, or a machine whose calls are not known.
    """
    machine = platform.machine()
    if machine not in syscalls.ARCHITECTURES:
        raise LayerError("seccomp", f"the system calls of {machine} are not known to the grader")
    code = _program(machine, os.getpid(), gpu=gpu).assemble()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    try:
        set_no_new_privs()
        unbound = syscall(syscalls.numbers(machine)["seccomp"], _SET, _ALL_THREADS, ctypes.byref(program))
    except OSError as error:
        raise LayerError("seccomp", f"the kernel refused the filter ({error.strerror})") from error
    if unbound:
        raise LayerError("seccomp", f"thread {unbound} has a filter of its own")


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _program(machine: str, own: int, *, gpu: bool) -> bpf.Program:
    program, known = bpf.Program(syscalls.ARCHITECTURES[machine]), syscalls.numbers(machine)
    if machine == "x86_64":
        program.rule_from(0x40000000, bpf.KILL_PROCESS)  # x32, a second set of numbers
        program.rule(335, _DENIED)  # uretprobe
    _threads_only(program, known)
    _own_process_only(program, known, own)
    _settings(program, known, gpu=gpu)
    decided = {"clone", "kill", "tgkill", "prlimit64", "sched_setaffinity", "prctl", "fcntl", "ioctl"}
    for name, number in known.items():
        if name in _ABSENT:
            program.rule(number, _UNKNOWN)
        elif name in _PRETENDED:
            program.rule(number, _DONE)
        elif name not in decided:
            program.rule(number, _DENIED)
    program.rule_from(syscalls.LAST_REVIEWED + 1, _UNKNOWN)
    return program


def _threads_only(program: bpf.Program, known: dict[str, int]) -> None:
    """No second process, so that limits of a process are limits of everything."""
    program.rule_by_bits(known["clone"], 0, any_of=_CLONE_THREAD, none_of=_NEW_NAMESPACES, otherwise=_DENIED)


def _own_process_only(program: bpf.Program, known: dict[str, int], own: int) -> None:
    for name, allowed in {
        "kill": (own,),
        "tgkill": (own,),
        "prlimit64": (0, own),
        "sched_setaffinity": (0, own),
    }.items():
        program.rule_by_value(known[name], 0, allowed, action=bpf.ALLOW, otherwise=_DENIED)


def _settings(program: bpf.Program, known: dict[str, int], *, gpu: bool) -> None:
    program.rule_by_value(known["prctl"], 0, _PRCTL, action=bpf.ALLOW, otherwise=_DENIED)
    program.rule_by_value(known["fcntl"], 1, _FCNTL, action=_DENIED, otherwise=bpf.ALLOW)
    if gpu:
        program.rule_by_value(known["ioctl"], 1, _TERMINALS, action=_DENIED, otherwise=bpf.ALLOW)
    else:
        program.rule_by_value(
            known["ioctl"], 1, _IOCTL, action=bpf.ALLOW, otherwise=bpf.fail_with(errno.ENOTTY)
        )

"""Run a command as if the kernel had no Landlock, as in some containers: ``old_kernel.py COMMAND...``.

With ``--no-namespaces`` before the command, as if namespaces could not be created, as in most containers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from grader.sandbox.worker.walls import bpf, syscalls
from grader.sandbox.worker.walls.system import prctl, set_no_new_privs

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def main() -> None:
    program = bpf.Program(syscalls.ARCHITECTURES[platform.machine()])
    command = sys.argv[1:]
    if command[0] == "--no-namespaces":
        command = command[1:]
        program.rule(syscalls.numbers(platform.machine())["unshare"], bpf.fail_with(errno.EPERM))
    else:
        for number in (444, 445, 446):  # landlock_create_ruleset, landlock_add_rule, landlock_restrict_self
            program.rule(number, bpf.fail_with(errno.ENOSYS))
    code = program.assemble()
    buffer = ctypes.create_string_buffer(code, len(code))
    set_no_new_privs()
    prctl(
        _PR_SET_SECCOMP,
        _SECCOMP_MODE_FILTER,
        ctypes.byref(_Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))),
    )
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

"""Runs a command as if the kernel had no Landlock, as some containers do: ``old_kernel.py COMMAND…``."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from grader.sandbox.worker.walls import bpf, syscalls
from grader.sandbox.worker.walls.system import no_new_privileges, prctl


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def main() -> None:
    program = bpf.Program(syscalls.ARCHITECTURES[platform.machine()])
    for number in (444, 445, 446):
        program.answer(number, bpf.refuse(errno.ENOSYS))
    code = program.assembled()
    buffer = ctypes.create_string_buffer(code, len(code))
    no_new_privileges()
    prctl(22, 2, ctypes.byref(_Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))))
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()

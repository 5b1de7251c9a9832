"""Assembler for the classic BPF programs that seccomp runs on every system call.

The kernel hands a program one ``struct seccomp_data`` and takes the value that it returns as the action::

    offset 0    number of the system call
    offset 4    architecture of the caller
    offset 8    instruction pointer (not used here)
    offset 16   six arguments, 8 bytes each

An instruction is 8 bytes: an operation, two jump distances (taken when a comparison is true or false, counted
from the next instruction) and a 32-bit constant. There is one accumulator and no loop. Every program written
here has the same layout::

    load architecture      another one -> KILL_PROCESS
    load number            stays in the accumulator from here on
    rule, rule, ...        compare the number; return an action, or fall through to the next rule
    return ALLOW

A rule about an argument overwrites the accumulator, but only behind its test of the number, and then always
returns; so every following rule still finds the number there. The first rule that matches decides.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

# Actions, as SECCOMP_RET_* in <linux/seccomp.h>.
ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000  # all threads end as if by SIGSYS; the call itself does not run
_ERRNO = 0x00050000  # the call does not run and returns the errno in the low 16 bits

# Operations, as in <linux/bpf_common.h>: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_{JEQ,JGE,JSET}|BPF_K,
# BPF_RET|BPF_K.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, constant


def fail_with(errno: int) -> int:
    """Return the action that makes a call fail with ``errno``; with 0 it does nothing and reports success."""
    return _ERRNO | errno


class Program:
    """A filter under construction; the first rule that matches a call decides."""

    def __init__(self, architecture: int) -> None:
        """Start with the check of the architecture, and load the number of the call.

        Numbers mean different calls on different architectures: a process could pick another one (``int
        0x80`` selects the 32-bit table on x86-64) to get past rules written for this one.
        """
        self._code: list[Instruction] = [
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_EQUAL, 1, 0, architecture),
            (_RETURN, 0, 0, KILL_PROCESS),
            (_LOAD, 0, 0, _NUMBER),
        ]

    def rule(self, number: int, action: int) -> None:
        """Take ``action`` on every call with this number."""
        self._code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]

    def rule_from(self, number: int, action: int) -> None:
        """Take ``action`` on every call with this number or a higher one."""
        self._code += [(_AT_LEAST, 0, 1, number), (_RETURN, 0, 0, action)]

    def rule_by_value(
        self, number: int, argument: int, values: Sequence[int], *, action: int, otherwise: int
    ) -> None:
        """Take ``action`` if the low half of ``argument`` is one of ``values``, and ``otherwise`` if not."""
        # Each comparison that holds jumps past the remaining ones and past the first return, to the second.
        last = len(values)
        tests = [(_EQUAL, last - place, 0, value & 0xFFFFFFFF) for place, value in enumerate(values)]
        self._when(number, [_load(argument), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, action)])

    def rule_by_bits(
        self, number: int, argument: int, *, bits: Sequence[int], none_of: int, otherwise: int
    ) -> None:
        """Allow a call whose ``argument`` has each of ``bits`` and none of ``none_of``."""
        # A forbidden bit, or a required one that is missing, jumps to the first return; else to the second.
        last = len(bits) - 1
        required = [(_ANY_BIT, int(place == last), last - place, bit) for place, bit in enumerate(bits)]
        tests = [(_ANY_BIT, len(bits), int(not bits), none_of), *required]
        self._when(number, [_load(argument), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, ALLOW)])

    def assemble(self) -> bytes:
        """Return the finished program, which allows every call that no rule matches."""
        whole = [*self._code, (_RETURN, 0, 0, ALLOW)]
        return b"".join(struct.pack("HBBI", *instruction) for instruction in whole)

    def _when(self, number: int, block: list[Instruction]) -> None:
        """Append a block that runs on this number only; every path through it must return."""
        self._code += [(_EQUAL, 0, len(block), number), *block]


def _load(argument: int) -> Instruction:
    """Load the low half of an argument: its first four bytes, as both architectures are little-endian.

    The arguments tested here are 32-bit integers to the kernel (pid, option, command, flags), which
    ignores the high half. Pointers are of no use to a filter: it cannot read the caller's memory.
    """
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument)

"""Writes the small programs that the kernel runs on every system call (classic BPF, as seccomp takes it).

A program looks at ``struct seccomp_data``: the call's number, the architecture, and six arguments. Each block
written here tests one number and either answers or falls through to the next.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000  # the whole process
_ERROR = 0x00050000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def fail_with(errno: int) -> int:
    """The answer that makes a call fail with ``errno``; with 0 it does nothing and succeeds."""
    return _ERROR | errno


class Program:
    """A filter under construction; the first block whose test holds decides."""

    def __init__(self, architecture: int) -> None:
        """Begin with the test that no call of another architecture comes through, and load the number."""
        self._code: list[Instruction] = [
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_EQUAL, 1, 0, architecture),
            (_RETURN, 0, 0, KILL_PROCESS),
            (_LOAD, 0, 0, _NUMBER),
        ]

    def rule(self, number: int, action: int) -> None:
        """Answer every call of this number."""
        self._code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]

    def rule_from(self, number: int, action: int) -> None:
        """Answer every call of this number or a higher one."""
        self._code += [(_AT_LEAST, 0, 1, number), (_RETURN, 0, 0, action)]

    def rule_by_value(
        self, number: int, argument: int, values: Sequence[int], *, action: int, otherwise: int
    ) -> None:
        """Answer a call by whether the low half of its ``argument`` is one of ``values``."""
        last = len(values)
        tests = [(_EQUAL, last - place, 0, value & 0xFFFFFFFF) for place, value in enumerate(values)]
        self._of(number, [_load(argument), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, action)])

    def rule_by_bits(self, number: int, argument: int, *, any_of: int, none_of: int, otherwise: int) -> None:
        """Allow a call whose ``argument`` has a bit of ``any_of`` and none of ``none_of``."""
        tests = [(_ANY_BIT, 1, 0, none_of), (_ANY_BIT, 1, 0, any_of)]
        self._of(number, [_load(argument), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, ALLOW)])

    def assemble(self) -> bytes:
        """The finished program; what no block answered is allowed."""
        whole = [*self._code, (_RETURN, 0, 0, ALLOW)]
        return b"".join(struct.pack("HBBI", *instruction) for instruction in whole)

    def _of(self, number: int, block: list[Instruction]) -> None:
        self._code += [(_EQUAL, 0, len(block), number), *block]


def _load(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument)  # little-endian: the low half comes first

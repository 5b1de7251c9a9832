"""Random compositions of transformations, which can be repeated exactly and shrunk."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst

from grader.audit.rewriting import families  # noqa: F401  registers the transformations
from grader.audit.rewriting.draft import REGISTER, Draft


@dataclass(frozen=True, slots=True)
class Move:
    """A transformation with the seed of its choices."""

    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}:{self.seed}"

    @classmethod
    def parse(cls, text: str) -> Move:
        """Return the move of a text such as ``walrus:17``."""
        name, _, seed = text.partition(":")
        return cls(name, int(seed))


@dataclass(frozen=True, slots=True)
class Homework:
    """Names and forms of a rubric that transformations need.

    Attributes:
        parts: names of the graded definitions.
        keep: names of attributes and methods that must stay.
        extra_cells: further code that notebooks have.
        looks: statements that look at an argument, by its name.
        by_position: functions that the homework's own cells call by position only.
        calls: other forms of a call with two arguments, by what is called.
    """

    parts: frozenset[str]
    keep: frozenset[str]
    extra_cells: tuple[str, ...]
    looks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by_position: frozenset[str] = frozenset()
    calls: Mapping[str, Sequence[str]] = field(default_factory=dict)


def draw_moves(rng: random.Random, most: int) -> list[Move]:
    """Draw from one to ``most`` transformations."""
    names = sorted(REGISTER)
    return [Move(rng.choice(names), rng.randrange(10**6)) for _ in range(rng.randint(1, most))]


def apply_moves(
    cells: Sequence[str], moves: Sequence[Move], homework: Homework
) -> tuple[tuple[str, ...], list[Move]]:
    """Return the rewritten cells, and the transformations that found something to change."""
    current, applied = list(cells), []
    for move in moves:
        draft = Draft(
            list(current),
            random.Random(move.seed),
            homework.parts,
            homework.keep,
            homework.extra_cells,
            homework.looks,
            homework.by_position,
            homework.calls,
        )
        if _applies(move, draft) and draft.cells != current:
            current = draft.cells
            applied.append(move)
    return tuple(current), applied


def _applies(move: Move, draft: Draft) -> bool:
    """Apply a transformation; one that would make code that Python cannot parse does not apply."""
    try:
        changed = REGISTER[move.name].apply(draft)
        for text in draft.cells:
            if not text.lstrip().startswith(("%", "!")):
                compile(_without_magics(text), "cell", "exec", dont_inherit=True)
    except (cst.ParserSyntaxError, cst.CSTValidationError, SyntaxError, RecursionError):
        return False
    return changed


def _without_magics(text: str) -> str:
    return "\n".join("pass" if line[:1] in ("%", "!") else line for line in text.splitlines())


def shrink(moves: Sequence[Move], fails: Callable[[list[Move]], bool]) -> list[Move]:
    """Return a sublist that still fails, of which no transformation can be left out (delta debugging)."""
    current = list(moves)
    size = max(1, len(current) // 2)
    while current:
        pieces = [current[place : place + size] for place in range(0, len(current), size)]
        for number in range(len(pieces)):
            rest = [move for other, piece in enumerate(pieces) if other != number for move in piece]
            if rest != current and fails(rest):
                current = rest
                break
        else:
            if size == 1:
                return current
            size = max(1, size // 2)
    return current

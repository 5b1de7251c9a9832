"""A notebook that is being rewritten, and the register of transformations."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import libcst as cst


@dataclass(slots=True)
class Draft:
    """Cells of a notebook, changed in place by transformations.

    Attributes:
        cells: source of each code cell.
        rng: source of all choices.
        parts: names of the definitions that are graded.
        keep: names of attributes and methods that must stay.
        extra_cells: code that a notebook of this homework may also have, by the names that it needs.
        looks: statements that look at an argument, by its name.
        by_position: functions that the homework's own cells call by position only.
        calls: other forms of a call with two arguments, by what is called.
    """

    cells: list[str]
    rng: random.Random
    parts: frozenset[str]
    keep: frozenset[str]
    extra_cells: tuple[str, ...] = ()
    looks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by_position: frozenset[str] = frozenset()
    calls: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def modules(self) -> Iterator[tuple[int, cst.Module]]:
        """Yield number and syntax tree of each cell that is plain Python, in random order."""
        numbers = list(range(len(self.cells)))
        self.rng.shuffle(numbers)
        for number in numbers:
            try:
                yield number, parsed(self.cells[number])
            except (cst.ParserSyntaxError, RecursionError):
                continue

    def all_plain(self) -> list[cst.Module] | None:
        """Return the syntax trees of all cells; None if one of them has magics."""
        found = dict(self.modules())
        return [found[number] for number in range(len(self.cells))] if len(found) == len(self.cells) else None

    @property
    def text(self) -> str:
        """The source of all cells."""
        return "\n".join(self.cells)

    def fresh(self, *names: str) -> str:
        """Return one of the names that occurs nowhere yet, or a numbered variation of it."""
        words = set(re.findall(r"\w+", self.text))
        name = self.rng.choice(names)
        return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 999))) if each not in words)

    def add_first(self, source: str) -> None:
        """Insert a cell after the imports: before the first cell that defines something."""
        place = next(
            (n for n, text in enumerate(self.cells) if re.search(r"^\s*(def|class|@)\b", text, re.M)), 0
        )
        first = self.cells[place]
        if first.lstrip().startswith(("%%", "!")) or place > 0:
            self.cells.insert(place, source)
        else:  # the cell has imports above its definitions, on which the source may depend
            self._insert_below_imports(place, source)

    def _insert_below_imports(self, place: int, source: str) -> None:
        module = cst.parse_module(self.cells[place])
        above = 0
        for number, statement in enumerate(module.body):
            if isinstance(statement, cst.SimpleStatementLine) and isinstance(
                statement.body[0], cst.Import | cst.ImportFrom | cst.Expr
            ):
                above = number + 1
            elif not isinstance(statement, cst.SimpleStatementLine):
                break
        body = [*module.body[:above], *cst.parse_module(source + "\n").body, *module.body[above:]]
        self.cells[place] = module.with_changes(body=body).code


@lru_cache(maxsize=4096)
def parsed(source: str) -> cst.Module:
    """Parse a cell; trees cannot be changed, so they can be shared."""
    return cst.parse_module(source)


Transform = Callable[[Draft], bool]


@dataclass(frozen=True, slots=True)
class Transformation:
    """A change of form.

    Attributes:
        apply: changes a draft; returns False where there is nothing to change.
    """

    name: str
    family: str
    apply: Transform = field(compare=False)


REGISTER: dict[str, Transformation] = {}


def transformation(family: str) -> Callable[[Transform], Transform]:
    """Register a function as a transformation of a family, under its name."""

    def register(function: Transform) -> Transform:
        REGISTER[function.__name__] = Transformation(function.__name__, family, function)
        return function

    return register

"""A rubric's own solutions with known grades: correct ones in many styles, and mutants with one mistake each.

They are in the rubric's folder ``audit``: ``base.py`` is the plain correct solution, each file in ``right``
is a variation of it, and ``mutants.toml`` lists mutants of the base as one replacement of text each;
``degenerate.toml`` lists parts that compute nothing in the same form. In the
``.py`` files a line ``# %% part`` begins a cell; a file with ``# base: ...`` above its first cell takes the
parts that it lacks from the base.
"""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode, v4

from grader.errors import UsageError

_MARKER = re.compile(r"^# %%[ \t]+(\w+)[ \t]*$", re.MULTILINE)


class SolutionCell(NamedTuple):
    """A code cell and the part of the solution it belongs to; of several cells of a part, the last counts."""

    part: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A mistake, as a replacement of text in one part of the base, with its expected grade.

    Attributes:
        old, new: the text that occurs once in the part, and its replacement.
        loses: the criteria that must lose points.
        misconception: the id by which the grader must name the mistake; "" for a degenerate part.
    """

    name: str
    misconception: str = ""
    part: str
    old: str
    new: str
    loses: frozenset[str]

    def apply(self, cells: list[SolutionCell]) -> list[SolutionCell]:
        """Return the cells with this mistake.

        Raises:
            ValueError: the old text does not occur exactly once.
        """
        return [SolutionCell(part, self._apply(text) if part == self.part else text) for part, text in cells]

    def _apply(self, source: str) -> str:
        if (times := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {times} times in part {self.part}, not once")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A notebook with a known grade.

    Attributes:
        kind: "right", "mutant", "pair" (two mutants at once) or "degenerate" (a part that computes nothing).
        title: heading of the notebook.
        loses: the criteria that must lose points.
        misconceptions: the ids that the grader must name.
    """

    name: str
    kind: str
    title: str
    cells: tuple[str, ...]
    loses: frozenset[str] = frozenset()
    misconceptions: frozenset[str] = frozenset()

    def notebook(self) -> NotebookNode:
        """Return the solution as a student would submit it."""
        return notebook(list(self.cells), self.title)


class Corpus:
    """The solutions of the rubric in a folder.

    Raises:
        UsageError: the rubric has no solutions, or they cannot be read.
    """

    def __init__(self, rubric_folder: Path) -> None:
        self.folder = rubric_folder / "audit"
        if not (self.folder / "base.py").is_file():
            raise UsageError(
                f"the rubric in {rubric_folder} has no solutions to audit it with: there is no audit/base.py"
            )

    @cached_property
    def base(self) -> list[SolutionCell]:
        """The cells of the plain correct solution."""
        return _read_cells(self.folder / "base.py")

    @property
    def right_names(self) -> list[str]:
        """Names of the correct solutions, including the base."""
        return ["base", *sorted(path.stem for path in (self.folder / "right").glob("*.py"))]

    def right_cells(self, name: str) -> list[SolutionCell]:
        """Return the cells of a correct solution: the base's for the parts it lacks, then its own."""
        own = _read_cells(self._path(name))
        if "# base: " not in self.preamble(name):
            return own
        present = {cell.part for cell in own}
        borrowed = [cell for cell in self.base if cell.part not in present]
        return sorted(
            borrowed + own, key=lambda cell: cell.part != "setup"
        )  # imports first, otherwise in this order

    def own_parts(self, name: str) -> frozenset[str]:
        """Return the parts that a correct solution does not take from the base."""
        return frozenset(cell.part for cell in _read_cells(self._path(name)))

    def preamble(self, name: str) -> str:
        """Return the text above the first cell of a correct solution, which describes it."""
        return _MARKER.split(self._path(name).read_text(encoding="utf-8"))[0]

    @cached_property
    def mutants(self) -> tuple[Mutant, ...]:
        """Every mutant, in the order of the file."""
        return self._listed("mutant", "mutants.toml")

    @cached_property
    def degenerate(self) -> tuple[Mutant, ...]:
        """Every degenerate part; none where a rubric lists none."""
        name = "degenerate.toml"
        return self._listed("degenerate", name) if (self.folder / name).exists() else ()

    def _listed(self, kind: str, name: str) -> tuple[Mutant, ...]:
        path = self.folder / name
        try:
            blocks = tomllib.loads(path.read_text(encoding="utf-8")).get(kind, [])
            return tuple(_mutant(block) for block in blocks)
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read as a list of mutants ({error})") from error

    def solutions(self) -> list[Solution]:
        """Return every correct solution, every mutant of the base, and every degenerate part in it."""
        right = [
            Solution(name=name, kind="right", title=self._title, cells=_sources(self.right_cells(name)))
            for name in self.right_names
        ]
        degenerate = [replace(self._with(each), kind="degenerate") for each in self.degenerate]
        return right + [self._with(mutant) for mutant in self.mutants] + degenerate

    def pairs(self, count: int, seed: int, without: Set[str] = frozenset()) -> list[Solution]:
        """Return random pairs of mutants that lose different criteria, none of them in ``without``."""
        allowed = [mutant for mutant in self.mutants if not mutant.loses & without]
        possible = [pair for pair in itertools.combinations(allowed, 2) if not pair[0].loses & pair[1].loses]
        random.Random(seed).shuffle(possible)
        fitting = (pair for pair in possible if _fits(self.base, *pair))
        return [self._with(*pair) for pair in itertools.islice(fitting, count)]

    def _with(self, *mutants: Mutant) -> Solution:
        cells = self.base
        for mutant in mutants:
            cells = mutant.apply(cells)
        return Solution(
            name=" + ".join(mutant.name for mutant in mutants),
            kind="mutant" if len(mutants) == 1 else "pair",
            title=self._title,
            cells=_sources(cells),
            loses=frozenset[str]().union(*(mutant.loses for mutant in mutants)),
            misconceptions=frozenset(mutant.misconception for mutant in mutants if mutant.misconception),
        )

    @cached_property
    def _title(self) -> str:
        rules = tomllib.loads((self.folder.parent / "rubric.toml").read_text(encoding="utf-8"))
        return str(rules["title"])

    def _path(self, name: str) -> Path:
        return self.folder / "base.py" if name == "base" else self.folder / "right" / f"{name}.py"


def notebook(cells: list[str], title: str = "Homework") -> NotebookNode:
    """Build a notebook with these code cells under a heading, none of them executed yet."""
    heading = v4.new_markdown_cell(f"# {title}")
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    body = [heading, *(v4.new_code_cell(source) for source in cells)]
    for number, cell in enumerate(body):
        cell["id"] = f"cell-{number}"
    made: NotebookNode = v4.new_notebook(cells=body, metadata=kernel)
    return made


def _mutant(block: Mapping[str, Any]) -> Mutant:
    return Mutant(**{**block, "loses": frozenset(block["loses"])})


def _fits(cells: list[SolutionCell], first: Mutant, second: Mutant) -> bool:
    """Return whether two mutants can be combined: both apply, in either order, with the same result."""
    try:
        return first.apply(second.apply(cells)) == second.apply(first.apply(cells))
    except ValueError:
        return False


def _read_cells(path: Path) -> list[SolutionCell]:
    _, *pieces = _MARKER.split(path.read_text(encoding="utf-8"))
    return [
        SolutionCell(part, source.strip()) for part, source in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _sources(cells: list[SolutionCell]) -> tuple[str, ...]:
    return tuple(source for _, source in cells)

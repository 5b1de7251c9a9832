"""A rubric's own solutions with a known grade: right ones in many styles, and right ones with one slip each.

They stand in the rubric's folder ``audit``: ``base.py`` is the plain right solution, each file in ``right``
departs from it in some respect, and ``mutants.toml`` lists slips as one change of text each. In the ``.py``
files a line ``# %% part`` begins a cell, and ``# base: …`` in the head of one borrows the parts that it
leaves out.
"""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode, v4

from grader.errors import UsageError

_MARKER = re.compile(r"^# %%[ \t]+(\w+)[ \t]*$", re.MULTILINE)


class SolutionCell(NamedTuple):
    """A code cell and the part it plays; several cells may play the same part, and the last one counts."""

    part: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A slip: a text of one part of the base, what stands there instead, and what that ought to cost.

    Attributes:
        loses: the criteria that lose points.
        misconception: by which id the grader ought to name it.
    """

    name: str
    misconception: str
    part: str
    old: str
    new: str
    loses: frozenset[str]

    def slip(self, cells: list[SolutionCell]) -> list[SolutionCell]:
        """The cells with this slip in them.

        Raises:
            ValueError: there is not exactly one place for it.
        """
        return [SolutionCell(part, self._slip(text) if part == self.part else text) for part, text in cells]

    def _slip(self, source: str) -> str:
        if (times := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {times} times in part {self.part}, not once")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A notebook with a known grade.

    Attributes:
        kind: "right", "mutant" or "pair" (two slips at once).
        loses: the criteria that ought to lose points.
        misconceptions: the ids that ought to be named.
    """

    name: str
    kind: str
    cells: tuple[str, ...]
    loses: frozenset[str] = frozenset()
    misconceptions: frozenset[str] = frozenset()

    def notebook(self) -> NotebookNode:
        """The solution as handed in."""
        return notebook(list(self.cells))


class Corpus:
    """The solutions of one rubric.

    Raises:
        UsageError: the rubric's folder has none, or they cannot be read.
    """

    def __init__(self, rubric_folder: Path) -> None:
        self.folder = rubric_folder / "audit"
        if not (self.folder / "base.py").is_file():
            raise UsageError(
                f"the rubric in {rubric_folder} has no solutions to be tried on: no audit/base.py"
            )

    @cached_property
    def base(self) -> list[SolutionCell]:
        """The cells of the plain right solution."""
        return _read_cells(self.folder / "base.py")

    @property
    def right_names(self) -> list[str]:
        """The right solutions by name, the base among them."""
        return ["base", *sorted(path.stem for path in (self.folder / "right").glob("*.py"))]

    def right_cells(self, name: str) -> list[SolutionCell]:
        """The cells of a right solution: the base's for the parts it leaves out, then its own."""
        own = _read_cells(self._path(name))
        if "# base: " not in self.preamble(name):
            return own
        present = {cell.part for cell in own}
        borrowed = [cell for cell in self.base if cell.part not in present]
        return sorted(borrowed + own, key=lambda cell: cell.part != "setup")  # imports first, else as is

    def own_parts(self, name: str) -> frozenset[str]:
        """The parts that a right solution does not borrow from the base."""
        return frozenset(cell.part for cell in _read_cells(self._path(name)))

    def preamble(self, name: str) -> str:
        """What precedes the first cell of a right solution: what it is about."""
        return _MARKER.split(self._path(name).read_text(encoding="utf-8"))[0]

    @cached_property
    def mutants(self) -> tuple[Mutant, ...]:
        """Every slip, in the order of the file."""
        path = self.folder / "mutants.toml"
        try:
            blocks = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
            return tuple(_mutant(block) for block in blocks)
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read as a list of mutants ({error})") from error

    def solutions(self) -> list[Solution]:
        """Every right solution and every mutant of the base."""
        right = [
            Solution(name=name, kind="right", cells=_sources(self.right_cells(name)))
            for name in self.right_names
        ]
        return right + [self._with(mutant) for mutant in self.mutants]

    def pairs(self, count: int, seed: int, without: Set[str] = frozenset()) -> list[Solution]:
        """So many solutions with two slips that cost different criteria, none of ``without``, at random."""
        asked = [mutant for mutant in self.mutants if not mutant.loses & without]
        possible = [pair for pair in itertools.combinations(asked, 2) if not pair[0].loses & pair[1].loses]
        random.Random(seed).shuffle(possible)
        fitting = (pair for pair in possible if _fits(self.base, *pair))
        return [self._with(*pair) for pair in itertools.islice(fitting, count)]

    def _with(self, *mutants: Mutant) -> Solution:
        cells = self.base
        for mutant in mutants:
            cells = mutant.slip(cells)
        return Solution(
            name=" + ".join(mutant.name for mutant in mutants),
            kind="mutant" if len(mutants) == 1 else "pair",
            cells=_sources(cells),
            loses=frozenset[str]().union(*(mutant.loses for mutant in mutants)),
            misconceptions=frozenset(mutant.misconception for mutant in mutants),
        )

    def _path(self, name: str) -> Path:
        return self.folder / "base.py" if name == "base" else self.folder / "right" / f"{name}.py"


def notebook(cells: list[str]) -> NotebookNode:
    """A notebook with these code cells under a title, none of them executed yet."""
    title = v4.new_markdown_cell("# Homework 3: a diffusion model for MNIST")
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    body = [title, *(v4.new_code_cell(source) for source in cells)]
    for number, cell in enumerate(body):
        cell["id"] = f"cell-{number}"
    made: NotebookNode = v4.new_notebook(cells=body, metadata=kernel)
    return made


def _mutant(block: Mapping[str, Any]) -> Mutant:
    return Mutant(**{**block, "loses": frozenset(block["loses"])})


def _fits(cells: list[SolutionCell], first: Mutant, second: Mutant) -> bool:
    """Whether both slips have their place, whichever comes first, and neither undoes the other."""
    try:
        return first.slip(second.slip(cells)) == second.slip(first.slip(cells))
    except ValueError:
        return False


def _read_cells(path: Path) -> list[SolutionCell]:
    _, *pieces = _MARKER.split(path.read_text(encoding="utf-8"))
    return [
        SolutionCell(part, source.strip()) for part, source in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _sources(cells: list[SolutionCell]) -> tuple[str, ...]:
    return tuple(source for _, source in cells)

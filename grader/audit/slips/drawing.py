"""Draw slips: one random edit each, in a random part of a random correct solution."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from grader.audit.corpus import Corpus, SolutionCell
from grader.audit.mutation.edit import Edit, Proposal, apply
from grader.audit.mutation.operators import proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A correct solution with one edit.

    Attributes:
        solution: its name in the corpus.
        cells: the solution's cells before the edit.
        number: index of the edited cell.
        definition: the required definition in that cell.
    """

    solution: str
    cells: tuple[SolutionCell, ...]
    number: int
    definition: str
    edit: Edit

    @property
    def part(self) -> str:
        """The part of the solution that was edited."""
        return self.cells[self.number].part

    @property
    def id(self) -> str:
        """A short name that is the same for the same edit of the same solution."""
        digest = hashlib.sha256(f"{self.solution}\0{self.number}\0{self.edit.source}".encode())
        return digest.hexdigest()[:10]

    def before(self) -> list[str]:
        """Return the sources of the correct solution."""
        return [cell.source for cell in self.cells]

    def after(self) -> list[str]:
        """Return the sources with the slip."""
        sources = self.before()
        sources[self.number] = self.edit.source
        return sources


class Drawer:
    """Draws slips without end, the same ones for the same seed.

    Args:
        wanted: names of the definitions that students submit; only cells with exactly one of them are edited.
        parts: the parts to edit; empty for all.
    """

    def __init__(
        self,
        corpus: Corpus,
        wanted: Sequence[str],
        names: Sequence[str],
        seed: int,
        parts: Sequence[str] = (),
    ) -> None:
        self._corpus, self._wanted, self._names = corpus, frozenset(wanted), list(names)
        self._random = random.Random(seed)
        self._parts = frozenset(parts)
        self._known: dict[str, tuple[cst.Module, dict[str, list[Proposal]]]] = {}

    def __iter__(self) -> Iterator[Slip]:
        seen: set[str] = set()
        while True:
            slip = self._draw()
            if slip is not None and slip.id not in seen:
                seen.add(slip.id)
                yield slip

    def _draw(self) -> Slip | None:
        name = self._random.choice(self._names)
        cells = tuple(self._corpus.right_cells(name))
        own = self._corpus.own_parts(name)
        possible = [
            (number, definition)
            for number, cell in enumerate(cells)
            if cell.part in own and (not self._parts or cell.part in self._parts)
            for definition in [self._definition(cell.source)]
            if definition
        ]
        if not possible:
            return None
        number, definition = self._random.choice(possible)
        module, by_operator = self._proposals(cells[number].source)
        operator = self._random.choice(sorted(by_operator))
        edit = apply(module, self._random.choice(by_operator[operator]))
        if edit is None:
            return None
        return Slip(solution=name, cells=cells, number=number, definition=definition, edit=edit)

    def _definition(self, source: str) -> str | None:
        """Return the required definition in a cell, if it has exactly one and needs no magic."""
        try:
            module, _ = self._proposals(source)
        except cst.ParserSyntaxError:
            return None
        names = {each.name.value for each in module.body if isinstance(each, cst.ClassDef | cst.FunctionDef)}
        found = names & self._wanted
        return found.pop() if len(found) == 1 else None

    def _proposals(self, source: str) -> tuple[cst.Module, dict[str, list[Proposal]]]:
        if source not in self._known:
            module = cst.parse_module(source)
            by_operator: dict[str, list[Proposal]] = {}
            for proposal in proposals(module):
                by_operator.setdefault(proposal.operator, []).append(proposal)
            self._known[source] = module, by_operator
        return self._known[source]

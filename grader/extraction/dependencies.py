"""Follows names from a wanted definition to everything that it needs, and says what of that is not run."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from grader.extraction.free_variables import KNOWN
from grader.extraction.side_effects import is_cheap, makes_folder
from grader.extraction.statements import DEFINITIONS, Statement, is_definition
from grader.text import place


@dataclass(frozen=True, slots=True)
class Dropped:
    """A statement that binds a needed name but is not run, and why."""

    name: str
    cell: int | str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.name} is set in {place(self.cell, self.line)}, but that was not run: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """What some names need: statements to run, those that bind one but are not run, and all the names."""

    kept: AbstractSet[Statement]
    dropped: tuple[Dropped, ...]
    needed: AbstractSet[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyGraph:
    """How a notebook's statements hang together.

    Attributes:
        about: statements by each name that they bind or patch.
        roots: the wanted definitions, as the notebook calls them.
        never: names that are not called at top level.
        passed_over: definitions of a wanted name that are something else.
    """

    found: Sequence[Statement]
    about: Mapping[str, Sequence[Statement]]
    roots: Sequence[str]
    never: Sequence[str]
    passed_over: AbstractSet[Statement]
    defined: Mapping[str, Statement]

    @classmethod
    def between(
        cls,
        found: Sequence[Statement],
        *,
        roots: Sequence[str],
        never: Sequence[str],
        passed_over: AbstractSet[Statement],
    ) -> Self:
        """Those between the statements that were found."""
        about: dict[str, list[Statement]] = {}
        for statement in found:
            for name in (*statement.binds, *statement.patches):
                about.setdefault(name, []).append(statement)
        return cls(
            found=found,
            about=about,
            roots=roots,
            never=never,
            passed_over=passed_over,
            defined=_last_definitions(found),
        )

    def closure(self, start: Sequence[str]) -> Closure:
        """Follow names from ``start`` to everything they read, patches included."""
        always = {s for s in self.found if "*" in s.binds or makes_folder(s.node, never=self.never)}
        kept = set(always)
        dropped: dict[tuple[str, Statement], Dropped] = {}
        needed = {*start, *(name for statement in always for name in statement.reads - KNOWN)}
        queue = deque(sorted(needed))
        while queue:
            name = queue.popleft()
            for statement in self.about.get(name, ()):
                if why := self._why_not(statement, name):
                    dropped[name, statement] = Dropped(name, statement.cell, statement.first, why)
                    continue
                kept.add(statement)
                for read in sorted(statement.reads - needed - KNOWN):
                    needed.add(read)
                    queue.append(read)
        still = {statement for _, statement in dropped} - kept
        left = tuple(drop for (_, statement), drop in dropped.items() if statement in still)
        return Closure(kept=kept, dropped=left, needed=needed)

    def changed_by(self, kept: Iterable[Statement]) -> list[str]:
        """Names whose objects statements change: patches, and definitions that the notebook's own decorators
        may put anywhere. They are to be run for every part, by whatever name that knows the object.
        """
        names: set[str] = set()
        for statement in kept:
            decorators = getattr(statement.node, "decorator_list", [])
            called = {part.id for one in decorators for part in ast.walk(one) if isinstance(part, ast.Name)}
            if any(isinstance(self.defined[name].node, DEFINITIONS) for name in called & set(self.defined)):
                names |= statement.binds
            names |= statement.patches
        return sorted(names)

    def _why_not(self, statement: Statement, name: str) -> str | None:
        """Why a statement that binds or patches a needed name is not run; None where it is."""
        if statement in self.passed_over:
            return f"it is another {name}, not the one that is asked for"
        if is_definition(statement.node):
            return None
        is_defined = name in self.roots and isinstance(self.defined[name].node, DEFINITIONS)
        if is_defined and name in statement.binds and name not in statement.reads:
            return f"it gives the name of the definition {name} to something else"
        if not is_cheap(statement.node, never=self.never):
            return "it trains, loads, plots or loops at top level, which is not run"
        return None


def _last_definitions(found: Iterable[Statement]) -> dict[str, Statement]:
    """The statement that a name is last defined in: a def or class where there is one, else an assignment."""
    last: dict[str, Statement] = {}
    for statement in found:
        for name in statement.binds:
            defines = isinstance(statement.node, DEFINITIONS)
            earlier = last.get(name)
            if earlier is None or defines or not isinstance(earlier.node, DEFINITIONS):
                last[name] = statement
    return last

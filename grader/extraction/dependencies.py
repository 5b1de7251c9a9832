"""Follow names from a definition to every statement it depends on, and report those that are not run."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from grader.extraction.constructions import is_construction
from grader.extraction.dynamic_names import named_anywhere, named_in_texts
from grader.extraction.free_variables import PREDEFINED
from grader.extraction.redefinitions import never_seen
from grader.extraction.registries import registries
from grader.extraction.side_effects import is_cheap, makes_folder, reads_written_file
from grader.extraction.statements import DEFINITION_NODES, Statement, is_definition
from grader.text import place


@dataclass(frozen=True, slots=True)
class Dropped:
    """A statement that binds or patches a needed name but is not run, and why."""

    name: str
    cell: int | str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.name} is set in {place(self.cell, self.line)}, but that was not run: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Everything that some names depend on.

    Attributes:
        kept: statements to run.
        dropped: statements that bind or patch a needed name but are not run.
        needed: all names that were followed.
    """

    kept: AbstractSet[Statement]
    dropped: tuple[Dropped, ...]
    needed: AbstractSet[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyGraph:
    """Dependencies between a notebook's statements.

    Attributes:
        statements: all of them, in the notebook's order.
        by_name: statements by each name that they bind or patch.
        roots: names of the wanted definitions, as the notebook calls them.
        forbidden: functions that must not be called at top level.
        rejected: statements that define a wanted name as something else.
        matched: statements that define what is wanted.
        never_seen: statements below the last use of what is wanted that set names again.
        last_definition: the statement that counts as the definition of each name.
        written: files that cells of the notebook write, by path.
        named_anywhere: definitions that a text names, which code may look up by it.
        always_kept: star imports and new folders: any name, or any write to a file, may depend on them.
    """

    statements: Sequence[Statement]
    by_name: Mapping[str, Sequence[Statement]]
    roots: Sequence[str]
    forbidden: Sequence[str]
    rejected: AbstractSet[Statement]
    matched: AbstractSet[Statement]
    never_seen: AbstractSet[Statement]
    last_definition: Mapping[str, Statement]
    written: AbstractSet[str]
    named_anywhere: AbstractSet[str]
    always_kept: AbstractSet[Statement]

    @classmethod
    def of(
        cls,
        statements: Sequence[Statement],
        *,
        roots: Sequence[str],
        forbidden: Sequence[str],
        rejected: AbstractSet[Statement],
        matched: AbstractSet[Statement],
        written: Mapping[str, str],
    ) -> Self:
        """Build the graph of these statements."""
        by_name: dict[str, list[Statement]] = {}
        last = _last_definitions(statements)
        data = [text for path, text in written.items() if not path.endswith(".py")]
        definitions = {name for name, each in last.items() if isinstance(each.node, DEFINITION_NODES)}
        for statement in statements:
            changed = {*statement.binds, *statement.patches, *registries(statement, last)}
            for name in sorted(changed):
                by_name.setdefault(name, []).append(statement)
        return cls(
            statements=statements,
            by_name=by_name,
            roots=roots,
            forbidden=forbidden,
            rejected=rejected,
            matched=matched,
            never_seen=never_seen(statements, roots),
            last_definition=last,
            written=written.keys(),
            named_anywhere=named_anywhere(statements, data, definitions.difference(roots)),
            always_kept={
                each for each in statements if "*" in each.binds or makes_folder(each.node, forbidden)
            },
        )

    def closure(self, start: Sequence[str]) -> Closure:
        """Return everything that the names ``start`` depend on, patches included."""
        kept = set(self.always_kept)
        dropped: dict[tuple[str, Statement], Dropped] = {}
        needed = {*start, *(name for statement in self.always_kept for name in statement.reads - PREDEFINED)}
        queue = deque(sorted(needed))
        while queue:
            name = queue.popleft()
            for statement in self.by_name.get(name, ()):
                if reason := self._reason_to_drop(statement, name):
                    dropped[name, statement] = Dropped(name, statement.cell, statement.first_line, reason)
                    continue
                kept.add(statement)
                named = named_in_texts(statement, self.last_definition, self.named_anywhere)
                for read in sorted((statement.reads | named) - needed - PREDEFINED):
                    needed.add(read)
                    queue.append(read)
        # A statement that binds several names may be dropped for one of them and kept for another.
        not_kept = {statement for _, statement in dropped} - kept
        remaining = tuple(drop for (_, statement), drop in dropped.items() if statement in not_kept)
        return Closure(kept=kept, dropped=remaining, needed=needed)

    def mutated_by(self, kept: Iterable[Statement]) -> list[str]:
        """Return the names whose objects these statements may change.

        That covers patches, and definitions with a decorator of the notebook's own, which may register them
        anywhere. Such statements must run for every definition, since each may reach the object by any name.
        """
        names: set[str] = set()
        for statement in kept:
            decorators = getattr(statement.node, "decorator_list", [])
            called = {part.id for one in decorators for part in ast.walk(one) if isinstance(part, ast.Name)}
            own = called & set(self.last_definition)
            if any(isinstance(self.last_definition[name].node, DEFINITION_NODES) for name in own):
                names |= statement.binds
            names |= statement.patches
        return sorted(names)

    def _reason_to_drop(self, statement: Statement, name: str) -> str | None:
        """Return why a statement that binds or patches a needed name is not run; None if it is run."""
        if statement in self.rejected:
            return f"it is a different {name}, not the one this homework asks for"
        if statement in self.never_seen and name in statement.binds:
            return "what is graded was run for the last time before that"
        if is_definition(statement.node):
            return None
        # ``train, val = split(data)`` must not replace ``def train``; ``train = compile(train)`` may.
        defined = self.last_definition[name].node
        is_defined = (
            name in self.roots and isinstance(defined, DEFINITION_NODES) and statement not in self.matched
        )
        value = getattr(statement.node, "value", None)
        if is_defined and isinstance(defined, ast.ClassDef) and value and is_construction(value, name):
            return f"it replaces your class {name} by an instance of it"
        if is_defined and name in statement.binds and name not in statement.reads:
            return f"it uses the name of your definition {name} for something else"
        node = statement.node
        if not is_cheap(node, self.forbidden) and not reads_written_file(node, self.forbidden, self.written):
            return "top-level code that trains, loads, plots or loops is skipped"
        return None


def _last_definitions(statements: Iterable[Statement]) -> dict[str, Statement]:
    """Return the statement that defines each name: the last def or class, or else the last assignment."""
    last: dict[str, Statement] = {}
    for statement in statements:
        for name in statement.binds:
            defines = isinstance(statement.node, DEFINITION_NODES)
            earlier = last.get(name)
            if earlier is None or defines or not isinstance(earlier.node, DEFINITION_NODES):
                last[name] = statement
    return last

"""Lifts the definitions that the rubric asks for out of a notebook, with all that they need and nothing else.

The unit is the statement. A statement is kept when a wanted name needs what it binds and running it is cheap:
definitions, imports, constants, later patches such as ``UNet.forward = …``. Training, downloads and plots at
top level stay behind. Everything here works on syntax trees; no student code runs in this process.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grader.cells import Problem, Statement, statements
from grader.effects import is_cheap, makes_folder
from grader.notebook import Submission

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Part:
    """A definition that the rubric asks for, and where the notebook has it."""

    name: str
    cell: int
    line: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A statement that binds a needed name but is not run, and why."""

    name: str
    cell: int
    line: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSource:
    """What the worker loads, and what there is to say about how it was found."""

    statements: tuple[Statement, ...]
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    problems: tuple[Problem, ...]
    near_misses: dict[str, str]

    def summary(self) -> dict[str, Any]:
        """As the result's ``extraction`` field shows it."""
        return {
            "parts": [{"name": part.name, "cell": part.cell, "line": part.line} for part in self.parts],
            "missing": list(self.missing),
            "statements": len(self.statements),
            "dropped": [
                {"name": drop.name, "cell": drop.cell, "line": drop.line, "why": drop.why}
                for drop in self.dropped
            ],
            "problems": [str(problem) for problem in self.problems],
        }


def extract(submission: Submission, wanted: Sequence[str]) -> StudentSource:
    """The statements that ``wanted`` names need, in the notebook's order.

    A name that is defined more than once keeps every definition in order, so that the last one counts and a
    class may derive from its own earlier version.
    """
    found, problems = statements(submission.cells)
    defined = _last_definitions(found)
    kept, dropped = _closure(found, wanted, defined)
    parts = tuple(Part(name, defined[name].cell, defined[name].line) for name in wanted if name in defined)
    missing = tuple(name for name in wanted if name not in defined)
    return StudentSource(
        statements=tuple(statement for statement in found if statement in kept),
        parts=parts,
        missing=missing,
        dropped=tuple(dropped),
        problems=tuple(problems),
        near_misses=_near_misses(missing, [name for name in defined if name not in wanted]),
    )


def _last_definitions(found: Iterable[Statement]) -> dict[str, Statement]:
    """The statement that a name is last defined in: a def or class where there is one, else an assignment."""
    last: dict[str, Statement] = {}
    for statement in found:
        for name in statement.binds:
            defines = isinstance(statement.node, _DEFINITIONS)
            earlier = last.get(name)
            if earlier is None or defines or not isinstance(earlier.node, _DEFINITIONS):
                last[name] = statement
    return last


def _closure(
    found: Sequence[Statement], wanted: Sequence[str], defined: dict[str, Statement]
) -> tuple[set[Statement], list[Dropped]]:
    """Follow names from the wanted definitions to everything they read, patches included."""
    about: dict[str, list[Statement]] = {}
    for statement in found:
        for name in (*statement.binds, *statement.patches):
            about.setdefault(name, []).append(statement)
    always = {s for s in found if "*" in s.binds or makes_folder(s.node, never=wanted)}
    kept = set(always)
    dropped: dict[tuple[str, Statement], Dropped] = {}
    needed = {*wanted, *(name for statement in always for name in statement.reads - _BUILTINS)}
    queue, seen = deque(sorted(needed)), needed
    while queue:
        name = queue.popleft()
        for statement in about.get(name, ()):
            why = _why_not(statement, name, wanted, defined)
            if why:
                dropped[name, statement] = Dropped(name, statement.cell, statement.line, why)
                continue
            kept.add(statement)
            for read in sorted(statement.reads - seen - _BUILTINS):
                seen.add(read)
                queue.append(read)
    still = {statement for _, statement in dropped} - kept
    return kept, [drop for (_, statement), drop in dropped.items() if statement in still]


def _why_not(
    statement: Statement, name: str, wanted: Sequence[str], defined: dict[str, Statement]
) -> str | None:
    """Why a statement that binds or patches a needed name is not run; None where it is."""
    node = statement.node
    if isinstance(node, (*_DEFINITIONS, ast.Import, ast.ImportFrom)):
        return None
    overrides = name in wanted and isinstance(defined[name].node, _DEFINITIONS) and name in statement.binds
    if overrides and name not in statement.reads:
        return f"it gives the name of the definition {name} to something else"
    if not is_cheap(node, never=wanted):
        return "it trains, loads, plots or loops at top level, which is not run"
    return None


def _near_misses(missing: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    lowered = {name.lower(): name for name in names}
    close = {name: difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.75) for name in missing}
    return {name: lowered[matches[0]] for name, matches in close.items() if matches}

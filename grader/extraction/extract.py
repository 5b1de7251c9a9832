"""Lifts the definitions that the rubric asks for out of a notebook, with all that they need and nothing else.

The unit is the statement. A statement is kept when a wanted name needs what it binds and running it is cheap:
definitions, imports, constants, later patches such as ``UNet.forward = …``. Training, downloads and plots at
top level stay behind. Everything here works on syntax trees; no student code runs in this process.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grader.extraction import introspection
from grader.extraction.dependencies import DependencyGraph, Dropped
from grader.extraction.free_variables import DEVICES, KNOWN, FreeVariable, variables_read
from grader.extraction.local_modules import LocalModule, imported_candidates, local_modules, with_star_names
from grader.extraction.matching import Candidate, DefinitionPattern, Match, candidates_in, choose, method_of
from grader.extraction.statements import Statement, statements
from grader.notebook.parsing import parse
from grader.notebook.submission import Submission
from grader.notebook.syntax import Problem, newer_python, parse_cell
from grader.text import place

_DEVICE = "import torch\n{0} = torch.device('cuda' if torch.cuda.is_available() else 'cpu')"


@dataclass(frozen=True, slots=True)
class Part:
    """A definition that the rubric asks for, and where the notebook has it.

    Attributes:
        found: the name that the notebook has it by, dotted where it is in a class or module.
        how: how that was found, where it was not by the name asked for.
    """

    name: str
    cell: int | str
    line: int
    found: str = ""
    how: str | None = None

    def __str__(self) -> str:
        also = f" is your {self.found} ({self.how})" if self.how else ""
        return f"{self.name}{also}, {place(self.cell, self.line)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSource:
    """What the worker loads, and what there is to say about how it was found.

    Attributes:
        needs: the places among ``statements`` of what each wanted name needs.
        modules: local modules, by the name they are imported by.
        names: what the notebook calls the wanted names, where it is not that; methods as "Class.method".
        hints: for missing names, a sentence that may help.
        outside: the notebook's variables that wanted functions read.
        unset: sentences on names that no kept statement sets, for whoever trips over one.
        weights: the file of trained weights beside the notebook that it names.
        reading_notes: notes on how the file itself was read.
    """

    statements: tuple[Statement, ...]
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    problems: tuple[Problem, ...]
    needs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, LocalModule] = field(default_factory=dict)
    outside: tuple[FreeVariable, ...] = ()
    unset: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    weights: Path | None = None
    reading_notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """As the result's ``extraction`` field shows it."""
        return {
            "parts": [
                {"name": part.name, "cell": part.cell, "line": part.line}
                | ({"found": part.found, "how": part.how} if part.how else {})
                for part in self.parts
            ],
            "missing": list(self.missing),
            "statements": len(self.statements),
            "modules": sorted(self.modules),
            "dropped": [asdict(one) for one in self.dropped],
            "outside": [asdict(one) for one in self.outside],
            "problems": [str(problem) for problem in self.problems],
        }

    def notes(self) -> list[str]:
        """Return every note on the file and on what was found in it, a sentence each."""
        notes = [*self.reading_notes]
        notes += [f"Part of your notebook could not be read: {problem}." for problem in self.problems]
        notes += [
            f"Your {part.found} was judged as {part.name}: {part.how}, {place(part.cell, part.line)}."
            for part in self.parts
            if part.how
        ]
        notes += [f"{drop}." for drop in self.dropped]
        notes += self.variable_notes()
        in_modules = (statement for module in self.modules.values() for statement in module.statements)
        return notes + introspection.notes([*self.statements, *in_modules])

    def variable_notes(self) -> list[str]:
        """Return the notes on variables that the grader supplied, and on free variables."""
        notes = [f"{name} is set nowhere that was run; the grader gave it." for name in self.given]
        for function in dict.fromkeys(one.function for one in self.outside):
            some = ", ".join(str(one) for one in self.outside if one.function == function)
            notes.append(f"Besides its arguments {function} uses variables of the notebook: {some}.")
        return notes


def extract(
    submission: Submission,
    wanted: Sequence[str],
    shapes: Mapping[str, DefinitionPattern] | None = None,
    mapped: Mapping[str, str] | None = None,
) -> StudentSource:
    """The statements that ``wanted`` names need, in the notebook's order.

    A name that is defined more than once keeps every definition in order, so that the last one counts and a
    class may derive from its own earlier version; definitions after the last of the right shape stay behind.

    Args:
        submission: what was handed in.
        wanted: the names that the rubric asks for.
        shapes: what they look like under other names.
        mapped: the notebook's own names for some of them, as a person gave them.
    """
    shapes, mapped = shapes or {}, mapped or {}
    cells = [parse_cell(cell) for cell in submission.cells]
    found, problems = statements(cells)
    modules, more = local_modules(Path(submission.path), cells)
    found = [with_star_names(statement, modules) for statement in found]
    candidates = [*imported_candidates(found, modules), *candidates_in(found)]
    choices: dict[str, Match] = {}
    for name in wanted:
        taken = {*wanted, *(c.candidate.target for c in choices.values() if c.candidate)}
        choices[name] = choose(name, shapes.get(name), found, candidates, mapped.get(name), taken)
    passed_over = {statement for choice in choices.values() for statement in choice.passed_over}
    targets = {name: c.candidate.target if c.candidate else name for name, c in choices.items()}
    roots = [target.partition(".")[0] for target in targets.values()]
    never = [*wanted, *(target.rpartition(".")[2] for target in targets.values())]
    ties = DependencyGraph.between(found, roots=roots, never=never, passed_over=passed_over)
    whole = ties.closure(roots)
    about, kept = ties.about, whole.kept
    given = sorted(DEVICES & whole.needed - {name for statement in kept for name in statement.binds})
    devices = tuple(map(_device, given))
    run = (*devices, *(statement for statement in found if statement in kept))
    chosen = {name: c for name, c in choices.items() if c.candidate}
    return StudentSource(
        statements=run,
        needs={
            name: _places(run, {*devices, *ties.closure([root, *ties.changed_by(kept)]).kept})
            for name, root in zip(targets, roots, strict=True)
        },
        parts=tuple(_part(name, choice) for name, choice in chosen.items()),
        missing=tuple(name for name in wanted if name not in chosen),
        dropped=tuple(drop for drop in whole.dropped if drop.name not in given),
        problems=(*problems, *more),
        hints={
            name: c.hint or _from_elsewhere(name, about) for name, c in choices.items() if not c.candidate
        },
        names=_names(chosen, shapes, candidates),
        modules=modules,
        outside=tuple(
            one
            for name, c in chosen.items()
            if c.candidate
            for one in variables_read(name, c.candidate, about)
        ),
        unset=_unset(whole.needed - set(given) - set(roots), kept, whole.dropped, found),
        given=tuple(given),
        weights=submission.weights,
        reading_notes=_reading_notes(submission, has_problems=bool(problems or more)),
    )


def _reading_notes(submission: Submission, *, has_problems: bool) -> tuple[str, ...]:
    """Return the notes on the file; a newer Python matters only if some code could not be parsed."""
    newer = newer_python(submission.python) if has_problems else None
    return (newer, *submission.notes) if newer else submission.notes


def _places(run: Sequence[Statement], wanted: Container[Statement]) -> tuple[int, ...]:
    return tuple(number for number, statement in enumerate(run) if statement in wanted)


def _device(name: str) -> Statement:
    """A statement of the grader's that sets the device in use."""
    source = _DEVICE.format(name)
    return Statement(source, "the grader", 1, parse(source).body[-1], 0, binds=frozenset({name}))


def _part(name: str, choice: Match) -> Part:
    candidate = choice.candidate
    assert candidate is not None
    return Part(name, candidate.statement.cell, candidate.line, candidate.target, choice.how)


def _names(
    chosen: Mapping[str, Match], shapes: Mapping[str, DefinitionPattern], candidates: Sequence[Candidate]
) -> dict[str, str]:
    names = {}
    for name, choice in chosen.items():
        candidate = choice.candidate
        assert candidate is not None
        if candidate.target != name:
            owner, _, own = candidate.target.rpartition(".")
            names[name] = f"{owner}().{own}" if candidate.is_method else candidate.target
        shape = shapes.get(name, DefinitionPattern())
        if isinstance(candidate.node, ast.ClassDef) and shape.methods:
            method = method_of(candidate.node, shape, candidates)
            if method and method != shape.methods[0]:
                names[f"{name}.{shape.methods[0]}"] = method
    return names


def _from_elsewhere(name: str, about: Mapping[str, Sequence[Statement]]) -> str:
    """A hint where the name is imported from a file that was not handed in."""
    for statement in about.get(name, ()):
        if isinstance(statement.node, ast.ImportFrom):
            where = place(statement.cell, statement.first)
            return f"It is imported from {statement.node.module} in {where}: hand that file in as well."
    return ""


def _unset(
    needed: AbstractSet[str],
    kept: AbstractSet[Statement],
    dropped: Sequence[Dropped],
    found: Sequence[Statement],
) -> dict[str, str]:
    """Sentences for names that are needed and that nothing kept sets."""
    known = {name for statement in kept for name in statement.binds} | KNOWN
    why = {drop.name: str(drop) for drop in dropped}
    anywhere = {name for statement in found for name in statement.binds}
    return {
        name: why.get(name, f"nothing in the notebook sets {name}")
        for name in needed - known
        if name in why or name not in anywhere
    }

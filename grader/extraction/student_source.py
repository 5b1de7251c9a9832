"""The result of extraction: what a worker loads, and how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grader.extraction import introspection
from grader.extraction.dependencies import Dropped
from grader.extraction.free_variables import FreeVariable
from grader.extraction.local_modules import LocalModule
from grader.extraction.statements import Statement
from grader.notebook.syntax import Problem
from grader.text import place


@dataclass(frozen=True, slots=True)
class Definition:
    """A wanted class or function, and where the notebook defines it.

    Attributes:
        name: its name in the rubric.
        cell, line: where it starts.
        found: its name in the notebook, dotted if it is inside a class or module.
        how: how it was recognised if it has another name than the rubric's.
    """

    name: str
    cell: int | str
    line: int
    found: str = ""
    how: str | None = None

    def __str__(self) -> str:
        own = f" is your {self.found} ({self.how})" if self.how else ""
        return f"{self.name}{own}, {place(self.cell, self.line)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSource:
    """The statements that a worker loads, and what was found and skipped.

    Attributes:
        statements: statements to run, in the notebook's order.
        definitions: the wanted definitions that were found.
        missing: the wanted names that were not.
        dropped: statements that bind a needed name but are not run.
        problems: code that could not be parsed.
        needs: for each wanted name, the indices in ``statements`` of everything it depends on.
        hints: sentences on missing names.
        names: the notebook's own names for wanted ones, where they differ; methods as "Class.method".
        modules: local modules by the name they are imported by.
        files: texts that cells write to files, by path.
        free_variables: notebook variables that the wanted functions read.
        undefined: explanations for needed names that no kept statement defines.
        supplied: device variables that the grader defines because nothing else does.
        checkpoint: file of trained weights beside the notebook that it names.
        reading_notes: notes on how the file itself was read.
    """

    statements: tuple[Statement, ...]
    definitions: tuple[Definition, ...]
    missing: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    problems: tuple[Problem, ...]
    needs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, LocalModule] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    free_variables: tuple[FreeVariable, ...] = ()
    undefined: Mapping[str, str] = field(default_factory=dict)
    supplied: tuple[str, ...] = ()
    checkpoint: Path | None = None
    reading_notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the ``extraction`` field of the JSON result."""
        return {
            "parts": [
                {"name": each.name, "cell": each.cell, "line": each.line}
                | ({"found": each.found, "how": each.how} if each.how else {})
                for each in self.definitions
            ],
            "missing": list(self.missing),
            "statements": len(self.statements),
            "modules": sorted(self.modules),
            "dropped": [asdict(drop) for drop in self.dropped],
            "outside": [asdict(variable) for variable in self.free_variables],
            "problems": [str(problem) for problem in self.problems],
        }

    def notes(self) -> list[str]:
        """Return every note on the file and on what was found in it, a sentence each."""
        notes = [*self.reading_notes]
        notes += [f"Part of your notebook could not be read: {problem}." for problem in self.problems]
        notes += [
            f"Your {each.found} was graded as {each.name}: {each.how}, {place(each.cell, each.line)}."
            for each in self.definitions
            if each.how
        ]
        notes += [f"{drop}." for drop in self.dropped]
        notes += self.variable_notes()
        in_modules = (statement for module in self.modules.values() for statement in module.statements)
        return notes + introspection.notes([*self.statements, *in_modules])

    def variable_notes(self) -> list[str]:
        """Return the notes on variables that the grader supplied, and on free variables."""
        notes = [
            f"{name} is never defined in the code that ran, so the grader supplied it."
            for name in self.supplied
        ]
        for function in dict.fromkeys(variable.function for variable in self.free_variables):
            read = ", ".join(str(each) for each in self.free_variables if each.function == function)
            notes.append(f"{function} also reads these notebook variables: {read}.")
        return notes

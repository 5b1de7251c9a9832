"""Choose the notebook to grade where one attempt holds several: the one with the student's own work."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.classroom.handins.submitted import Kind, SubmittedFile
from grader.errors import NotebookError
from grader.extraction.extract import extract
from grader.extraction.handout import NO_HANDOUT, Handout, syntax_keys
from grader.extraction.local_modules import local_modules
from grader.extraction.patterns import DefinitionPattern
from grader.extraction.statements import DEFINITION_NODES, Statement, statements
from grader.notebook.submission import read_notebook
from grader.notebook.syntax import parse_cell

_UNREADABLE = (NotebookError, RuntimeError, MemoryError, ValueError, SyntaxError)
_OLD = re.compile(r"(?<![a-z])(old|backup|bak|copy|kopie|alt|draft|orig|original)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The parts of the homework in a notebook.

    Attributes:
        own: wanted definitions that differ from the handout's.
        found: wanted definitions.
        modules: paths of the local modules that it uses, relative to its folder.
        checkpoint: the file of trained weights that it uses.
    """

    own: int = 0
    found: int = 0
    modules: frozenset[str] = frozenset()
    checkpoint: Path | None = None

    @property
    def is_handout(self) -> bool:
        """True if everything found equals the handout."""
        return self.found > 0 and self.own == 0


class Selector:
    """Compares notebooks by what they hold of a homework.

    Attributes:
        wanted: names of the definitions that the rubric wants.
    """

    def __init__(
        self,
        wanted: Sequence[str],
        handout: Handout = NO_HANDOUT,
        patterns: Mapping[str, DefinitionPattern] | None = None,
        mapped: Mapping[str, str] | None = None,
    ) -> None:
        self.wanted = wanted
        self._handout, self._patterns, self._mapped = handout, patterns, mapped
        self._seen: dict[str, Work] = {}

    @property
    def has_handout(self) -> bool:
        """True if notebooks are compared with a handout."""
        return self._handout != NO_HANDOUT

    def work(self, file: SubmittedFile) -> Work:
        """Return what a notebook or script holds; nothing if it cannot be read."""
        if file.name not in self._seen:
            self._seen[file.name] = self._work(file)
        return self._seen[file.name]

    def modules(self, file: SubmittedFile) -> frozenset[Path]:
        """Return the files of the local modules that a notebook or script imports."""
        folder = (file.path or Path()).parent
        return frozenset(folder / module for module in self.work(file).modules)

    def choose(self, files: Sequence[SubmittedFile], uploads: Mapping[str, int]) -> SubmittedFile:
        """Return the file to grade.

        What has own work comes first, then notebooks before scripts, the most own work, the most
        definitions, the last upload, what is not called old, and the last date. Scripts are only looked at
        where no notebook has own work: most are modules.
        """
        if len(files) == 1:
            return files[0]
        notebooks = [file for file in files if file.kind is Kind.NOTEBOOK]
        if any(self.work(file).own for file in notebooks):
            files = notebooks
        modules = {path for file in files for path in self.modules(file)}
        files = [each for each in files if each.kind is Kind.NOTEBOOK or each.path not in modules] or files
        if self._patterns and not any(self.work(file).own for file in files):
            self._seen |= {file.name: self._work_under_other_names(file) for file in files}

        def rank(file: SubmittedFile) -> tuple[bool, bool, int, int, int, bool, float]:
            work, upload = self.work(file), uploads.get(file.name, 0)
            is_notebook, is_old = file.kind is Kind.NOTEBOOK, _OLD.search(file.own_name) is not None
            return work.own > 0, is_notebook, work.own, work.found, upload, not is_old, file.modified

        return max(reversed(files), key=rank)

    def _work(self, file: SubmittedFile) -> Work:
        try:
            submission = read_notebook(file.path or Path(), file.own_name)
            cells = [parse_cell(cell) for cell in submission.cells]
            found, _ = statements(cells)
            modules, _ = local_modules(Path(submission.path), cells)
        except _UNREADABLE:
            return Work()  # its report gives the reason if it is graded
        inside = [statement for module in modules.values() for statement in module.statements]
        own, wanted = self._count([*found, *inside], self.wanted)
        files = (module.cell.number for module in modules.values())
        return Work(
            own=own,
            found=wanted,
            modules=frozenset(number for number in files if isinstance(number, str)),
            checkpoint=submission.checkpoint,
        )

    def _work_under_other_names(self, file: SubmittedFile) -> Work:
        """Return what a notebook holds if structure, too, tells definitions, which is slow."""
        work = self.work(file)
        try:
            submission = read_notebook(file.path or Path(), file.own_name)
            source = extract(submission, self.wanted, self._patterns, self._mapped)
        except _UNREADABLE:
            return work
        names = [each.found.partition(".")[0] or each.name for each in source.definitions]
        inside = [statement for module in source.modules.values() for statement in module.statements]
        own, found = self._count([*source.statements, *inside], names)
        return replace(work, own=own, found=found)

    def _count(self, found: Sequence[Statement], wanted: Iterable[str]) -> tuple[int, int]:
        """Return how many wanted definitions differ from the handout's, and how many exist."""
        by_name: dict[str, list[Statement]] = defaultdict(list)
        for statement in found:
            for name in statement.binds | statement.patches:
                by_name[name].append(statement)
        keys: dict[int, bool] = {}
        own = exist = 0
        for name in wanted:
            parts = _definitions(name, by_name)
            for part in parts:
                if id(part) not in keys:
                    keys[id(part)] = not syntax_keys([part]) <= self._handout.statements
            exist += bool(by_name[name])
            own += any(keys[id(part)] for part in parts)
        return own, exist


def _definitions(wanted: str, by_name: Mapping[str, Sequence[Statement]]) -> list[Statement]:
    """Return the statements that define a name, and the functions and classes that they use in turn."""
    kept: dict[int, Statement] = {}
    names, seen = [wanted], {wanted}
    while names:
        name = names.pop()
        for statement in by_name.get(name, ()):
            is_definition = isinstance(statement.node, DEFINITION_NODES) or name in statement.patches
            is_import = isinstance(statement.node, ast.Import | ast.ImportFrom)
            if not is_definition and (is_import or name != wanted):
                continue
            kept[id(statement)] = statement
            names += statement.reads - seen
            seen |= statement.reads
    return list(kept.values())

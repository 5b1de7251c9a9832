"""Choose the notebook to grade where one attempt holds several: the one with the student's own work."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.classroom.submitted import Kind, SubmittedFile
from grader.errors import NotebookError
from grader.extraction.extract import extract
from grader.extraction.handout import NO_HANDOUT, Handout, syntax_keys
from grader.extraction.matching import DefinitionPattern
from grader.extraction.statements import DEFINITION_NODES, Statement
from grader.extraction.student_source import StudentSource
from grader.notebook.submission import Submission, read_notebook

_OLD = re.compile(r"(?<![a-z])(old|backup|bak|copy|kopie|alt|draft|orig|original)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a notebook holds of the homework.

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
        """Whether all that was found equals the handout."""
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
        """Whether notebooks are compared with a handout."""
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
        notebooks = [file for file in files if file.kind is Kind.NOTEBOOK]
        if len(files) == 1:
            return files[0]
        if notebooks and any(self.work(file).own for file in notebooks):
            files = notebooks
        modules = {path for file in files for path in self.modules(file)}
        files = [each for each in files if each.kind is Kind.NOTEBOOK or each.path not in modules] or files

        def rank(file: SubmittedFile) -> tuple[bool, bool, int, int, int, bool, float]:
            work, upload = self.work(file), uploads.get(file.name, 0)
            is_notebook, is_old = file.kind is Kind.NOTEBOOK, _OLD.search(file.own_name) is not None
            return work.own > 0, is_notebook, work.own, work.found, upload, not is_old, file.modified

        return max(reversed(files), key=rank)

    def _work(self, file: SubmittedFile) -> Work:
        if file.path is None:
            return Work()
        try:
            source = self._extract(read_notebook(file.path, file.path.stem))
        except (NotebookError, RuntimeError, MemoryError, ValueError, SyntaxError):
            return Work()  # its report gives the reason if it is graded
        needed = {name: _definitions(source, name) for name in self.wanted}
        return Work(
            own=sum(bool(parts - self._handout.statements) for parts in needed.values()),
            found=sum(map(bool, needed.values())),
            modules=frozenset(
                module.cell.number
                for module in source.modules.values()
                if isinstance(module.cell.number, str)
            ),
            checkpoint=source.checkpoint,
        )

    def _extract(self, submission: Submission) -> StudentSource:
        return extract(submission, self.wanted, self._patterns, self._mapped)


def _definitions(source: StudentSource, wanted: str) -> frozenset[str]:
    """Return the definitions that a wanted name consists of, with its helpers, as normalized syntax."""
    found = {each.name: each.found or each.name for each in source.definitions}
    root = found.get(wanted, wanted).partition(".")[0]
    needed = [source.statements[index] for index in source.needs.get(wanted, ())]
    inside = [statement for module in source.modules.values() for statement in module.statements]
    if not any(root in statement.binds for statement in needed):
        return frozenset()
    imported = inside if any(_is_import(each) and root in each.binds for each in needed) else []
    return syntax_keys(each for each in (*needed, *imported) if _is_definition(each, root))


def _is_definition(statement: Statement, root: str) -> bool:
    if _is_import(statement):
        return False
    is_definition = isinstance(statement.node, DEFINITION_NODES)
    return is_definition or bool(statement.patches) or root in statement.binds


def _is_import(statement: Statement) -> bool:
    return isinstance(statement.node, ast.Import | ast.ImportFrom)

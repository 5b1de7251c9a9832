"""Local modules: Python files that a notebook imports from its folder, runs with %run or writes itself.

Their source is taken along as text. The worker receives it as modules and never reads the folder itself.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from grader.errors import NotebookError
from grader.extraction.candidates import Candidate, candidates_in
from grader.extraction.module_sources import module_sources
from grader.extraction.side_effects import is_cheap
from grader.extraction.statements import Statement, is_definition, statements
from grader.files import read_handed_in
from grader.notebook.checkpoints import SUFFIXES
from grader.notebook.formats import Cell
from grader.notebook.submission import file_digest, read_notebook
from grader.notebook.syntax import ParsedCell, Problem, parse_cell


@dataclass(frozen=True, slots=True)
class LocalModule:
    """The source of a local module, and those of its statements that are run."""

    cell: Cell
    statements: tuple[Statement, ...]


Modules = Mapping[str, LocalModule]  # by the name that they are imported by


def local_modules(path: Path, cells: Sequence[ParsedCell]) -> tuple[dict[str, LocalModule], list[Problem]]:
    """Return the local modules that ``cells`` of the notebook at ``path`` need, and the problems in them.

    Statements that do work at the top level of a module are left out, as they are in the notebook.
    """
    modules: dict[str, LocalModule] = {}
    problems: list[Problem] = []
    for name, source in module_sources(path, cells).items():
        found, unreadable = statements(source.parts, source.package)
        run = tuple(s for s in found if is_definition(s.node) or is_cheap(s.node, forbidden=()))
        modules[name] = LocalModule(source.cell, run)
        problems += unreadable
    return modules, problems


def content_digest(path: Path) -> str:
    """Return a digest of everything that grading reads for the notebook at ``path``.

    That is the notebook itself, its local modules and the checkpoint that it names.
    """
    digest = file_digest(path)
    modules, checkpoint = _companions(path)
    parts = [f"{name}\0{cell.number}\0{cell.source}" for name, cell in sorted(modules.items())]
    if checkpoint:
        parts.append(file_digest(checkpoint))
    if not parts:
        return digest
    return hashlib.sha256("\0".join([digest, *parts]).encode("utf-8", "replace")).hexdigest()


def companion_files(path: Path) -> dict[str, bytes]:
    """Return the files beside the notebook at ``path`` that grading reads, by their path from its folder.

    Raises:
        OSError: a file cannot be read.
    """
    modules, checkpoint = _companions(path)
    names = {str(cell.number) for cell in modules.values()} | ({checkpoint.name} if checkpoint else set())
    files = {name: path.parent / name for name in sorted(names)}
    # A folder of modules is a package even without the file __init__.py.
    return {name: read_handed_in(file) if file.is_file() else b"" for name, file in files.items()}


def _companions(path: Path) -> tuple[dict[str, Cell], Path | None]:
    """Return the local modules that lie beside the notebook at ``path``, and the checkpoint that it names."""
    if not _has_companions(path.parent):
        return {}, None
    try:
        submission = read_notebook(path, path.stem)
        sources = module_sources(path, [parse_cell(cell) for cell in submission.cells])
    except (NotebookError, RuntimeError, MemoryError):  # its report gives the reason
        return {}, None
    files = {name: source.cell for name, source in sources.items() if isinstance(source.cell.number, str)}
    return files, submission.checkpoint


def with_star_names(statement: Statement, modules: Modules) -> Statement:
    """Return a statement with the names that it binds by a star import from a local module."""
    node = statement.node
    if not isinstance(node, ast.ImportFrom) or "*" not in statement.binds:
        return statement
    if not node.module or node.module not in modules:
        return statement
    exported = {name for s in modules[node.module].statements for name in s.binds if not name.startswith("_")}
    return replace(statement, binds=frozenset(exported - {"*"}))


def imported_candidates(found: Sequence[Statement], modules: Modules) -> list[Candidate]:
    """Return the definitions in local modules, by the dotted name that the notebook calls each by."""
    candidates = []
    for statement in found:
        node = statement.node
        if isinstance(node, ast.ImportFrom) and node.module and node.module in modules:
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            for each in candidates_in(_with_imported(node.module, modules)):
                first, _, rest = each.qualname.partition(".")
                if first in names or "*" in names:
                    qualname = ".".join(filter(None, [names.get(first, first), rest]))
                    candidates.append(replace(each, qualname=qualname))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                inside = modules[alias.name].statements if alias.name in modules else ()
                for each in candidates_in(inside):
                    qualname = f"{alias.asname or alias.name}.{each.qualname}"
                    candidates.append(replace(each, qualname=qualname))
    return candidates


def _with_imported(module: str, modules: Modules, seen: frozenset[str] = frozenset()) -> list[Statement]:
    """Return a module's statements, and those of the local modules that it imports names from."""
    own = modules[module].statements
    inside = list(own)
    for statement in own:
        node = statement.node
        if isinstance(node, ast.ImportFrom) and node.module:
            # A relative import may name a module of the same package, or of the one above.
            names = (node.module, f"{module}.{node.module}", f"{module.rpartition('.')[0]}.{node.module}")
            other = next((name for name in names if name in modules), None)
            if other and other not in seen | {module}:
                inside += _with_imported(other, modules, seen | {module})
    return inside


@cache
def _has_companions(folder: Path) -> bool:
    """Return whether a folder holds any file that a notebook in it could import or load."""
    return any(path.suffix in (".py", *SUFFIXES) for path in folder.rglob("*.*"))

"""Local modules: Python files that a notebook imports from its folder, runs with %run or writes itself.

Their source is taken along as text. The worker receives it as modules and never reads the folder itself.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from grader.errors import NotebookError
from grader.extraction.matching import Candidate, candidates_in
from grader.extraction.side_effects import is_cheap
from grader.extraction.statements import Statement, is_definition, statements
from grader.notebook.checkpoints import SUFFIXES
from grader.notebook.formats import Cell, code_of
from grader.notebook.parsing import parse
from grader.notebook.submission import file_digest, read_notebook
from grader.notebook.syntax import Problem, run_scripts

MAX_MODULES, MAX_BYTES = 50, 1 << 20
_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+import\s+([\w, ()]+)|import\s+([\w., ]+))", re.MULTILINE)
_WRITTEN = re.compile(r"\A\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?([\w./-]+)\.py[\"']?[ \t]*\n")
# Names that Python resolves to an installed package, whatever files lie beside the notebook.
_INSTALLED = sys.stdlib_module_names | {"torch", "torchvision", "numpy", "matplotlib", "PIL", "tqdm"}


@dataclass(frozen=True, slots=True)
class LocalModule:
    """The source of a local module, and those of its statements that are run."""

    cell: Cell
    statements: tuple[Statement, ...]


Modules = Mapping[str, LocalModule]  # by the name that they are imported by


def local_modules(path: Path, cells: Sequence[Cell]) -> tuple[dict[str, LocalModule], list[Problem]]:
    """Return the local modules that ``cells`` of the notebook at ``path`` need, and the problems in them.

    Statements that do work at the top level of a module are left out, as they are in the notebook.
    """
    modules: dict[str, LocalModule] = {}
    problems: list[Problem] = []
    for name, cell in _sources(path, cells).items():
        package = name if _is_package(cell) else name.rpartition(".")[0]
        found, unreadable = statements([cell], package)
        run = tuple(s for s in found if is_definition(s.node) or is_cheap(s.node, never=()))
        modules[name] = LocalModule(cell, run)
        problems += unreadable
    return modules, problems


def content_digest(path: Path) -> str:
    """Return a digest of everything that grading reads for the notebook at ``path``.

    That is the notebook itself, its local modules and the checkpoint that it names.
    """
    digest = file_digest(path)
    if not _has_companions(path.parent):
        return digest
    try:
        submission = read_notebook(path, path.stem)
        sources = _sources(path, submission.cells)
    except (NotebookError, RuntimeError, MemoryError):  # its report gives the reason
        return digest
    files = {name: cell for name, cell in sources.items() if isinstance(cell.number, str)}
    parts = [f"{name}\0{cell.number}\0{cell.source}" for name, cell in sorted(files.items())]
    if submission.weights:
        parts.append(file_digest(submission.weights))
    if not parts:
        return digest
    return hashlib.sha256("\0".join([digest, *parts]).encode("utf-8", "replace")).hexdigest()


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
                first, _, rest = each.target.partition(".")
                if first in names or "*" in names:
                    target = ".".join(filter(None, [names.get(first, first), rest]))
                    candidates.append(replace(each, target=target))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                inside = modules[alias.name].statements if alias.name in modules else ()
                for each in candidates_in(inside):
                    target = f"{alias.asname or alias.name}.{each.target}"
                    candidates.append(replace(each, target=target))
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


def _sources(path: Path, cells: Sequence[Cell]) -> dict[str, Cell]:
    """Return the source of each local module, from a %%writefile cell or from a file beside ``path``.

    Modules import one another, so newly found ones are searched in turn, within ``MAX_MODULES`` and
    ``MAX_BYTES``.
    """
    written = {
        match[1].removeprefix("./").replace("/", "."): Cell(cell.number, "\n" + cell.source[match.end() :])
        for cell in cells
        if (match := _WRITTEN.match(cell.source))
    }
    found: dict[str, Cell] = {}
    room = MAX_BYTES
    wanted = [name for cell in cells for name in _imported(cell.source, package="")]
    while wanted and len(found) < MAX_MODULES:
        name = wanted.pop(0)
        for module in _with_parents(name):
            if module in found or module.partition(".")[0] in _INSTALLED:
                continue
            cell = written.get(module) or _file(path.parent, module)
            if cell is not None and len(cell.source) <= room:
                found[module] = cell
                room -= len(cell.source)
                package = module if _is_package(cell) else module.rpartition(".")[0]
                wanted += _imported(cell.source, package)
    return found


def _is_package(cell: Cell) -> bool:
    """Return whether a module is a package: an ``__init__.py``, or a folder without one."""
    return str(cell.number).endswith("__init__.py")


def _imported(source: str, package: str) -> Iterator[str]:
    """Yield the dotted names of all modules that a source may import.

    In ``from a import b`` the name b may be a module, too, so ``a.b`` counts.
    """
    yield from run_scripts(source)
    tree = _tree(source)
    if tree is None:  # magics or a syntax error: take the lines that look like imports
        lines = [match[0].strip().rstrip("(, ") for match in _IMPORT.finditer(source)]
        trees = [tree for line in lines if (tree := _tree(line)) is not None]
    else:
        trees = [tree]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [_above(package, node.level), node.module]))
            yield from filter(None, [base])
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")


def _above(package: str, level: int) -> str:
    """Return the package that a relative import with ``level`` dots starts from."""
    parts = package.split(".") if package and level else []
    return ".".join(parts[: len(parts) - level + 1])


def _tree(source: str) -> ast.Module | None:
    try:
        return parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _with_parents(name: str) -> Iterable[str]:
    """Return ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _file(folder: Path, module: str) -> Cell | None:
    """Return the module's file below ``folder``.

    None if there is none, if it is too large, or if a link leads out of the folder.
    """
    below = Path(*module.split("."))
    for relative in (below.with_suffix(".py"), below / "__init__.py"):
        path = folder / relative
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
            if inside and path.is_file() and path.stat().st_size <= MAX_BYTES:
                text = code_of(path.read_bytes(), ".py").cells[0]
                return Cell(relative.as_posix(), text)
        except NotebookError:
            return Cell(relative.as_posix(), "")  # an empty __init__.py
        except OSError:
            continue
    if (folder / below).is_dir() and any((folder / below).glob("*.py")):
        return Cell((below / "__init__.py").as_posix(), "")
    return None


@cache
def _has_companions(folder: Path) -> bool:
    """Return whether a folder holds any file that a notebook in it could import or load."""
    return any(path.suffix in (".py", *SUFFIXES) for path in folder.rglob("*.*"))

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
from grader.extraction.candidates import Candidate, candidates_in
from grader.extraction.side_effects import is_cheap
from grader.extraction.statements import Statement, is_definition, statements
from grader.files import read_handed_in
from grader.notebook.checkpoints import SUFFIXES
from grader.notebook.formats import Cell, read_code
from grader.notebook.parsing import parse
from grader.notebook.submission import file_digest, read_notebook
from grader.notebook.syntax import ParsedCell, Problem, parse_cell, run_scripts

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


def local_modules(path: Path, cells: Sequence[ParsedCell]) -> tuple[dict[str, LocalModule], list[Problem]]:
    """Return the local modules that ``cells`` of the notebook at ``path`` need, and the problems in them.

    Statements that do work at the top level of a module are left out, as they are in the notebook.
    """
    modules: dict[str, LocalModule] = {}
    problems: list[Problem] = []
    for name, parsed in _sources(path, cells).items():
        found, unreadable = statements([parsed], _package(name, parsed.cell))
        run = tuple(s for s in found if is_definition(s.node) or is_cheap(s.node, forbidden=()))
        modules[name] = LocalModule(parsed.cell, run)
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
        sources = _sources(path, [parse_cell(cell) for cell in submission.cells])
    except (NotebookError, RuntimeError, MemoryError):  # its report gives the reason
        return {}, None
    files = {name: parsed.cell for name, parsed in sources.items() if isinstance(parsed.cell.number, str)}
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


def _sources(path: Path, cells: Sequence[ParsedCell]) -> dict[str, ParsedCell]:
    """Return the source of each local module, from a %%writefile cell or from a file beside ``path``.

    Modules import one another, so newly found ones are searched in turn, within ``MAX_MODULES`` and
    ``MAX_BYTES``.
    """
    written = {
        match[1].removeprefix("./").replace("/", "."): Cell(cell.number, "\n" + cell.source[match.end() :])
        for cell in (parsed.cell for parsed in cells)
        if (match := _WRITTEN.match(cell.source))
    }
    found: dict[str, ParsedCell] = {}
    room = MAX_BYTES
    wanted = [name for parsed in cells for name in _imported(parsed, package="")]
    while wanted and len(found) < MAX_MODULES:
        name = wanted.pop(0)
        for module in _with_parents(name):
            if module in found or module.partition(".")[0] in _INSTALLED:
                continue
            cell = written.get(module) or _file(path.parent, module)
            if cell is not None and len(cell.source) <= room:
                found[module] = parse_cell(cell)
                room -= len(cell.source)
                wanted += _imported(found[module], _package(module, cell))
    return found


def _package(module: str, cell: Cell) -> str:
    """Return the package that relative imports in a module start from: the module itself or its parent."""
    return module if str(cell.number).endswith("__init__.py") else module.rpartition(".")[0]


def _imported(parsed: ParsedCell, package: str) -> Iterator[str]:
    """Yield the dotted names of all modules that a cell or a file may import.

    In ``from a import b`` the name b may be a module, too, so ``a.b`` counts.
    """
    yield from run_scripts(parsed.cell.source)
    for node in _nodes(parsed):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [_above(package, node.level), node.module]))
            yield from filter(None, [base])
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")


def _nodes(parsed: ParsedCell) -> Iterator[ast.AST]:
    """Yield the nodes of a cell; with magics or a syntax error, those of the lines that look like imports."""
    if parsed.tree is not None:
        yield from ast.walk(parsed.tree)
        return
    for match in _IMPORT.finditer(parsed.cell.source):
        try:
            tree = parse(match[0].strip().rstrip("(, "))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        yield from ast.walk(tree)


def _above(package: str, level: int) -> str:
    """Return the package that a relative import with ``level`` dots starts from."""
    parts = package.split(".") if package and level else []
    return ".".join(parts[: len(parts) - level + 1])


def _with_parents(name: str) -> Iterable[str]:
    """Return ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _file(folder: Path, module: str) -> Cell | None:
    """Return the module's file below ``folder``.

    None if there is none, if it is too large, or if a link leads out of the folder.
    """
    below = Path(*module.split("."))
    if not below.name:  # "%run ../model.py", say, names no module
        return None
    for relative in (below.with_suffix(".py"), below / "__init__.py"):
        path = folder / relative
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
            if inside and path.is_file() and path.stat().st_size <= MAX_BYTES:
                text = read_code(read_handed_in(path), ".py").cells[0]
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

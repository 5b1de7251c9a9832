"""Finds the Python modules that a notebook imports from its own folder, or writes itself with %%writefile.

They are taken along as text; the worker gets them as modules and reads nothing from the folder.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.errors import NotebookError
from grader.notebook.formats import Cell, code_of
from grader.notebook.parsing import parse

MAX_MODULES, MAX_BYTES = 50, 1 << 20
_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+import\s+([\w, ()]+)|import\s+([\w., ]+))", re.MULTILINE)
_WRITTEN = re.compile(r"\A\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?([\w./-]+)\.py[\"']?[ \t]*\n")
_RUN = re.compile(r"^\s*%run\s+(?:-\w\s+)*[\"']?([\w./-]+?)(?:\.py)?[\"']?(?:\s|$)", re.MULTILINE)


def modules_beside(path: Path, cells: Sequence[Cell]) -> dict[str, Cell]:
    """The modules that ``cells`` need and that stand beside ``path``, or in a cell that writes them.

    Modules of Python itself and torch are never taken from there.
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
            if module in found or module.partition(".")[0] in _ELSEWHERE:
                continue
            cell = written.get(module) or _file(path.parent, module)
            if cell is not None and len(cell.source) <= room:
                found[module] = cell
                room -= len(cell.source)
                package = module if is_package(cell) else module.rpartition(".")[0]
                wanted += _imported(cell.source, package)
    return found


_ELSEWHERE = sys.stdlib_module_names | {"torch", "torchvision", "numpy", "matplotlib", "PIL", "tqdm"}


def is_package(cell: Cell) -> bool:
    """Whether a module is the ``__init__.py`` of a package, or a folder without one."""
    return str(cell.number).endswith("__init__.py")


def run_scripts(source: str) -> list[str]:
    """The names of the scripts that a cell runs with ``%run``."""
    return [name.removeprefix("./").replace("/", ".") for name in _RUN.findall(source)]


def _imported(source: str, package: str) -> Iterator[str]:
    """The dotted names of all modules that a cell imports; what it imports from one may be one too."""
    yield from run_scripts(source)
    tree = _tree(source)
    if tree is None:  # magics, or a syntax error: the lines that look like imports
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
    parts = package.split(".") if package and level else []
    return ".".join(parts[: len(parts) - level + 1])


def _tree(source: str) -> ast.Module | None:
    try:
        return parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _with_parents(name: str) -> Iterable[str]:
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _file(folder: Path, module: str) -> Cell | None:
    """The module's file below ``folder``; none where it is too large, elsewhere by a link, or no text."""
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

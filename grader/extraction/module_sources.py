"""Find the source of local modules: in files beside a notebook, and in cells that write files."""

from __future__ import annotations

import ast
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import NotebookError
from grader.extraction.candidates import last_name
from grader.files import read_handed_in
from grader.notebook.formats import Cell, read_code
from grader.notebook.parsing import parse
from grader.notebook.syntax import ParsedCell, parse_cell, run_scripts

MAX_MODULES, MAX_BYTES = 50, 1 << 20
MAX_TEXT = 1 << 18  # characters of all files that cells write: at six bytes each, they fit into a frame
_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+import\s+([\w, ()]+)|import\s+([\w., ]+))", re.MULTILINE)
_WRITES = re.compile(r"\A\s*%%(?:writefile|file)\s+(-a\s+|--append\s+)?[\"']?([^\s\"']+)[\"']?[ \t]*\n")
_ENTERS = re.compile(r"^\s*%cd\s+[\"']?([^\s\"']+)", re.MULTILINE)
_ADDS = frozenset({"append", "insert", "extend"})
# Names that Python resolves to an installed package, whatever files lie beside the notebook.
_INSTALLED = sys.stdlib_module_names | {"torch", "torchvision", "numpy", "matplotlib", "PIL", "tqdm"}


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """The source of a local module.

    Attributes:
        cell: its file, or the first cell that writes it.
        parts: the parsed file or cells.
        package: the package that relative imports in it start from.
    """

    cell: Cell
    parts: tuple[ParsedCell, ...]
    package: str


WrittenFiles = Mapping[str, tuple[Cell, ...]]  # the cells that write each file, by its path


def written_files(cells: Iterable[Cell]) -> dict[str, tuple[Cell, ...]]:
    """Return the files that ``%%writefile`` cells write, by their normalised paths.

    Each cell's source is the text alone, below as many empty lines as stand above it in the cell.
    """
    written: dict[str, tuple[Cell, ...]] = {}
    for cell in cells:
        if match := _WRITES.match(cell.source):
            text = "\n" * match[0].count("\n") + cell.source[match.end() :]
            path = posixpath.normpath(match[2])
            earlier = written.get(path, ()) if match[1] else ()
            written[path] = (*earlier, Cell(cell.number, text))
    return written


def file_texts(cells: Iterable[Cell]) -> dict[str, str]:
    """Return the texts of the files that cells write, by path, within ``MAX_MODULES`` and ``MAX_TEXT``."""
    texts: dict[str, str] = {}
    room = MAX_TEXT
    for path, parts in written_files(cells).items():
        text = "".join(f"{part.source.lstrip(chr(10))}\n" for part in parts)
        if len(texts) < MAX_MODULES and len(text) <= room:
            texts[path] = text
            room -= len(text)
    return texts


def script_source(path: Path, file: str, cells: Sequence[ParsedCell]) -> tuple[ParsedCell, ...]:
    """Return the parsed source of the Python file that the notebook at ``path`` opens as ``file``.

    It is empty if no cell writes the file and none lies beside the notebook.
    """
    name, suffix = posixpath.splitext(posixpath.normpath(file))
    if suffix != ".py":
        return ()
    written = written_files(parsed.cell for parsed in cells)
    folders = ["", *_search_path(cells)]
    source = _written(name, name, folders, written) or _beside(name, name, folders, path.parent)
    return source.parts if source else ()


def module_sources(path: Path, cells: Sequence[ParsedCell]) -> dict[str, ModuleSource]:
    """Return the source of each local module that ``cells`` of the notebook at ``path`` need, by its name.

    Modules import one another, so newly found ones are searched in turn, within ``MAX_MODULES`` and
    ``MAX_BYTES``.
    """
    written = written_files(parsed.cell for parsed in cells)
    folders = ["", *_search_path(cells)]
    found: dict[str, ModuleSource] = {}
    room = MAX_BYTES
    run = [parsed for parsed in cells if not _WRITES.match(parsed.cell.source)]
    wanted = [name for parsed in run for name in _imported(parsed, package="")]
    while wanted and len(found) < MAX_MODULES:
        name = wanted.pop(0)
        for module in _with_parents(name):
            if module in found or module.partition(".")[0] in _INSTALLED:
                continue
            below = module.replace(".", "/")
            source = _written(module, below, folders, written) or _beside(module, below, folders, path.parent)
            if source is not None and (size := sum(len(each.cell.source) for each in source.parts)) <= room:
                found[module] = source
                room -= size
                wanted += [each for part in source.parts for each in _imported(part, source.package)]
    return found


def _written(module: str, below: str, folders: Sequence[str], written: WrittenFiles) -> ModuleSource | None:
    """Return the source of a module that the notebook writes; any folder will do if only one has such a file.

    A folder with modules is a package even without the file ``__init__.py``.
    """
    for folder in folders:
        at = posixpath.join(folder, below)
        for file in (f"{at}.py", f"{at}/__init__.py"):
            if file in written:
                return _source(module, written[file], is_package=file.endswith("__init__.py"))
        inside = [
            cells[0] for file, cells in written.items() if file.startswith(f"{at}/") and file.endswith(".py")
        ]
        if inside:
            return _source(module, (Cell(inside[0].number, ""),), is_package=True)
    elsewhere = [file for file in written if file.endswith(f"/{below}.py")]
    return _source(module, written[elsewhere[0]], is_package=False) if len(elsewhere) == 1 else None


def _beside(module: str, below: str, folders: Sequence[str], beside: Path) -> ModuleSource | None:
    """Return the source of a module whose file lies beside the notebook, or in one of ``folders`` there."""
    for folder in folders:
        if not os.path.isabs(folder) and (cell := _file(beside, Path(folder, below))) is not None:
            return _source(module, (cell,), is_package=str(cell.number).endswith("__init__.py"))
    return None


def _source(module: str, cells: Sequence[Cell], *, is_package: bool) -> ModuleSource:
    package = module if is_package else module.rpartition(".")[0]
    return ModuleSource(cells[0], tuple(map(parse_cell, cells)), package)


def _search_path(cells: Iterable[ParsedCell]) -> list[str]:
    """Return the folders that the notebook enters or adds to ``sys.path``, where it names them literally."""
    folders = []
    for parsed in cells:
        folders += _ENTERS.findall(parsed.cell.source)
        for node in (part for block in parsed.blocks for part in ast.walk(block.tree)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="path"), attr=attr), args=args):
                    folders += _texts(args) if attr in _ADDS else []  # sys.path.append("src")
                case ast.AugAssign(target=ast.Attribute(attr="path"), value=value):
                    folders += _texts([value])
                case ast.Call(func=func, args=args) if last_name(func) == "chdir":
                    folders += _texts(args)
    return [posixpath.normpath(folder) for folder in folders]


def _texts(nodes: Iterable[ast.AST]) -> list[str]:
    parts = (part for node in nodes for part in ast.walk(node))
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


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


def _file(folder: Path, below: Path) -> Cell | None:
    """Return the file of the module that ``below`` leads to from ``folder``.

    None if there is none, if it is too large, or if a link leads out of the folder.
    """
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

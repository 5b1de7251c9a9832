"""Parse code cells as a notebook server does: with magics, and around syntax errors."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from grader.notebook.formats import Cell
from grader.notebook.parsing import parse
from grader.text import place

# Cell magics that run the cell as Python in the notebook's namespace, of IPython, profilers and loggers.
_BODY_IS_CODE = frozenset(
    {"time", "timeit", "capture", "prun", "debug", "memit", "wandb", "notify", "pyinstrument", "snakeviz"}
    | {"memray_flamegraph", "viztracer", "chime"}
)
# IPython reads the whole cell again for every magic: characters read for one cell, about a second's worth.
MAX_MAGICS, MAX_MAGIC_READING = 50, 2_000_000
_MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?|[\w\s,]*=\s*[%!]")
_RUN_INSIDE = re.compile(r"^\s*%run\s+(?:-\w\s+)*-i\s+(?:-\w\s+)*[\"']?([\w./-]+\.py)[\"']?\s*$")
_RUN = re.compile(r"^\s*%run\s+(?:-\w\s+)*[\"']?([\w./-]+?)(?:\.py)?[\"']?(?:\s|$)", re.MULTILINE)
_CONTINUES = re.compile(r"(else|elif|except|finally|case)\b")
_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# Syntax that an older Python cannot parse, and the first version that can.
_NEWER_SYNTAX = (
    ((3, 12), re.compile(r"^\s*type\s+\w+.*=|^\s*(async\s+)?(def|class)\s+\w+\[")),
    ((3, 12), re.compile(r"""f(?P<q>["'])[^{]*\{[^}]*(?P=q)""")),
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*,|\bt[\"'].*\{")),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Code that could not be parsed, and where it is."""

    cell: int | str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{place(self.cell, self.line)}: {self.message}"


@dataclass(frozen=True, slots=True, eq=False)
class CodeBlock:
    """A syntax tree, the rows of text it was parsed from, and the line in the cell of each row."""

    tree: ast.Module
    rows: list[str]
    lines: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class ParsedCell:
    """A code cell and its syntax trees.

    Attributes:
        tree: the cell exactly as written; None if it has magics or a syntax error.
        blocks: the code in it: one block, or where it has a syntax error, every block that parses.
        problems: the code that is in no block.
    """

    cell: Cell
    tree: ast.Module | None
    blocks: tuple[CodeBlock, ...]
    problems: tuple[Problem, ...] = ()


def parse_cell(cell: Cell) -> ParsedCell:
    """Parse a cell: as plain Python if that works, else without its magics, else block by block."""
    text = cell.source
    try:
        tree = _tree(text)
    except SyntaxError:
        pass
    else:
        whole = CodeBlock(tree, text.split("\n"), list(range(1, text.count("\n") + 2)))
        return ParsedCell(cell, tree, tuple(_unwrapped(whole)))
    text, lines = _without_magics(text)
    rows = text.split("\n")
    try:
        return ParsedCell(cell, None, (CodeBlock(_tree(text), rows, lines),))
    except SyntaxError as error:
        number = min(max(error.lineno or 1, 1), len(rows))
        line = lines[number - 1] if number <= len(lines) else 1
        problem = Problem(cell.number, line, _explanation(error, rows, number))
        return ParsedCell(cell, None, tuple(_valid_blocks(rows, lines)), (problem,))


def run_scripts(source: str) -> list[str]:
    """Return the dotted names of the scripts that a cell runs with ``%run``."""
    return [name.removeprefix("./").replace("/", ".") for name in _RUN.findall(source)]


def newer_python(version: str | None) -> str | None:
    """Return a note if a notebook was last run with a newer Python ("3.13.1") than this one."""
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    if numbers and (int(numbers[1]), int(numbers[2])) > sys.version_info[:2]:
        return f"The notebook was last run with Python {version}, but the grader runs Python {_HERE}."
    return None


def _tree(text: str) -> ast.Module:
    """Return the syntax tree; raise SyntaxError for everything that Python cannot parse."""
    try:
        return parse(text)
    except (RecursionError, MemoryError, ValueError) as error:
        raise SyntaxError(f"Python cannot parse this ({type(error).__name__})") from error


def _explanation(error: SyntaxError, rows: list[str], number: int) -> str:
    row = rows[number - 1]
    if any(re.match(r"<{7}|={7}|>{7}", near) for near in rows[max(0, number - 3) : number + 2]):
        return "there is an unresolved merge conflict here; the code around it was skipped"
    for version, newer in _NEWER_SYNTAX:
        if sys.version_info < version and newer.search(row):
            needed = ".".join(map(str, version))
            return f"this needs Python {needed}, but the grader runs {_HERE}; the code around it was skipped"
    return f"SyntaxError: {error.msg}; the code around it was skipped"


def _unwrapped(block: CodeBlock) -> Iterable[CodeBlock]:
    """Yield a block, and the bodies of cell magics that nbconvert has put into strings, in their order."""
    plain: list[ast.stmt] = []
    for node in block.tree.body:
        if (body := _body_of_magic(node)) is None:
            plain.append(node)
            continue
        if plain:
            yield CodeBlock(ast.Module(plain, []), block.rows, block.lines)
            plain = []
        yield CodeBlock(_tree(body), body.split("\n"), [node.lineno] * (body.count("\n") + 1))
    if plain or not block.tree.body:
        yield CodeBlock(ast.Module(plain, []), block.rows, block.lines)


def _body_of_magic(node: ast.stmt) -> str | None:
    """Return the code in ``get_ipython().run_cell_magic("time", "", code)``; None for anything else."""
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_cell_magic"),
                args=[ast.Constant(value=str(magic)), _, ast.Constant(value=str(body))],
            )
        ) if magic in _BODY_IS_CODE:
            try:
                _tree(body)
            except SyntaxError:
                return None
            return body
    return None


def cell_magic(source: str) -> str | None:
    """Return the magic that keeps a cell from being run as Python in the notebook; None if there is none."""
    match = re.match(r"\s*%%(\w+)", source)
    return match[1] if match and match[1] not in _BODY_IS_CODE else None


def _without_magics(text: str) -> tuple[str, list[int]]:
    """Return the cell as the plain Python that IPython runs, and the line in the cell of each row."""
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[start].startswith("%%"):
        if lines[start][2:].split(" ")[0].strip() not in _BODY_IS_CODE:
            return "", []  # the cell is shell, HTML or a file to write
        start += 1
    body = lines[start:]
    plain = _transformed(body)
    return "\n".join(plain), _aligned(body, plain, start)


def _transformed(body: list[str]) -> list[str]:
    """Return the rows as IPython transforms them, with ``%run`` as a star import or an ``exec``.

    Beyond ``MAX_MAGICS`` and ``MAX_MAGIC_READING`` magics become ``pass`` instead.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    rows = [_star_import(row) if row.lstrip().startswith("%run") else row for row in body]
    magics = sum(_MAGIC.match(row[:200]) is not None for row in rows)
    if magics <= MAX_MAGICS and (magics + 1) * sum(map(len, rows)) <= MAX_MAGIC_READING:
        manager = TransformerManager()  # type: ignore[no-untyped-call]
        try:
            return str(manager.transform_cell("\n".join(rows))).rstrip("\n").split("\n")
        except (RuntimeError, SyntaxError, ValueError, RecursionError):
            pass
    return [re.sub(r"^(\s*)[%!?].*", r"\1pass", row) for row in rows]


def _star_import(row: str) -> str:
    """Return ``from model import *`` for ``%run model.py``, which has the same effect.

    With ``-i`` the script runs in the notebook's namespace, as by ``exec``.
    """
    if inside := _RUN_INSIDE.match(row):
        return f"exec(open({inside[1]!r}).read())"
    names = run_scripts(row)
    return f"from {names[0]} import *" if names and names[0].replace(".", "").isidentifier() else row


def _aligned(before: list[str], after: list[str], start: int) -> list[int]:
    """Return the line in the cell of every row of ``after``.

    IPython drops leading blank lines and joins continued ones, so each row is looked up among the next rows
    of ``before``; one that IPython rewrote is taken for the row that is next in turn.
    """
    leading = next((number for number, line in enumerate(before) if line.strip()), 0)
    numbers, position = [], leading
    for line in after:
        ahead = before[position : position + 20]
        if "get_ipython()" not in line and line in ahead:
            position += ahead.index(line)
        numbers.append(start + min(position, len(before) - 1) + 1)
        position += 1
    return numbers


def _valid_blocks(rows: list[str], lines: list[int]) -> Iterable[CodeBlock]:
    """Yield the blocks of a broken cell that parse, cut where a row begins at the left margin."""
    margins = [n for n, row in enumerate(rows) if row and not row[0].isspace() and row[0] not in ")]}#@"]
    margins = [n for n in margins if not _CONTINUES.match(rows[n])]
    starts = [_with_decorators(rows, n) for n in margins]  # none in a cell that is only a fragment
    for start, end in itertools.pairwise([*starts, len(rows)]):
        try:
            tree = _tree("\n".join(rows[start:end]))
        except SyntaxError:
            continue
        yield CodeBlock(tree, rows[start:end], lines[start:end])


def _with_decorators(rows: list[str], start: int) -> int:
    while start > 0 and rows[start - 1].startswith("@"):
        start -= 1
    return start

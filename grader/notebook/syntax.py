"""Parses code cells as a notebook server would: with magics, and around what is broken."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from grader.notebook.formats import Cell
from grader.notebook.parsing import parse
from grader.text import place

_BODY_IS_CODE = ("time", "timeit", "capture", "prun")
_MAGIC, MOST_MAGICS = ("%", "!", "?"), 50
_RUN = re.compile(r"^\s*%run\s+(?:-\w\s+)*[\"']?([\w./-]+?)(?:\.py)?[\"']?(?:\s|$)", re.MULTILINE)
_CONTINUES = re.compile(r"(else|elif|except|finally|case)\b")
_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# What a line looks like that an older Python cannot parse, and the first version that can.
_NEWER = (
    ((3, 12), re.compile(r"^\s*type\s+\w+.*=|^\s*(async\s+)?(def|class)\s+\w+\[")),
    ((3, 12), re.compile(r"""f(?P<q>["'])[^{]*\{[^}]*(?P=q)""")),
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*,|\bt[\"'].*\{")),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Code that could not be read, and where."""

    cell: int | str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{place(self.cell, self.line)}: {self.message}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A syntax tree, the rows of text it was parsed from, and the original number of each of them."""

    tree: ast.Module
    rows: list[str]
    lines: list[int]


def parse_cell(cell: Cell, problems: list[Problem]) -> list[Parsed]:
    """The cell's syntax trees: one, or where it has a syntax error, one for each stretch that parses."""
    text = cell.source
    try:
        return [_unwrapped(Parsed(_tree(text), text.split("\n"), _numbers(text)))]
    except SyntaxError:
        pass
    text, lines = _without_magics(text)
    try:
        return [Parsed(_tree(text), text.split("\n"), lines)]
    except SyntaxError as error:
        rows = text.split("\n")
        number = min(max(error.lineno or 1, 1), len(rows))
        line = lines[number - 1] if number <= len(lines) else 1
        problems.append(Problem(cell.number, line, _why(error, rows, number)))
        return list(_salvage(text, lines))


def run_scripts(source: str) -> list[str]:
    """Return the dotted names of the scripts that a cell runs with ``%run``."""
    return [name.removeprefix("./").replace("/", ".") for name in _RUN.findall(source)]


def newer_python(version: str | None) -> str | None:
    """A sentence where a notebook was run with a newer Python than the grader's; versions as "3.13.1"."""
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    if numbers and (int(numbers[1]), int(numbers[2])) > sys.version_info[:2]:
        return f"The notebook was last run with Python {version}, and the grader runs {_HERE}."
    return None


def _tree(text: str) -> ast.Module:
    """Raises SyntaxError for everything that Python cannot parse, however it fails at it."""
    try:
        return parse(text)
    except (RecursionError, MemoryError, ValueError) as error:
        raise SyntaxError(f"Python cannot parse this ({type(error).__name__})") from error


def _why(error: SyntaxError, rows: list[str], number: int) -> str:
    row = rows[number - 1]
    if any(re.match(r"<{7}|={7}|>{7}", near) for near in rows[max(0, number - 3) : number + 2]):
        return "a merge conflict is not resolved here; what it spoils was left out"
    for version, newer in _NEWER:
        if sys.version_info < version and newer.search(row):
            needed = ".".join(map(str, version))
            return f"this needs Python {needed}, and the grader runs {_HERE}; what it spoils was left out"
    return f"SyntaxError: {error.msg}; what it spoils was left out"


def _numbers(text: str) -> list[int]:
    return list(range(1, text.count("\n") + 2))


def _unwrapped(parsed: Parsed) -> Parsed:
    """The body of a ``%%time`` that an export to a script has put into a string."""
    match parsed.tree.body:
        case [
            ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(attr="run_cell_magic"),
                    args=[ast.Constant(value=str(magic)), _, ast.Constant(value=str(body))],
                ),
                lineno=line,
            )
        ] if magic in _BODY_IS_CODE:
            return Parsed(_tree(body), body.split("\n"), [line] * (body.count("\n") + 1))
    return parsed


def _without_magics(text: str) -> tuple[str, list[int]]:
    """The cell as plain Python, as IPython itself would have it, and the original number of each line."""
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[start].startswith("%%"):
        if lines[start][2:].split(" ")[0].strip() not in _BODY_IS_CODE:
            return "", []  # the cell is shell, HTML or a file to write
        start += 1
    body = lines[start:]
    plain = _as_ipython_has_it(body)
    return "\n".join(plain), _aligned(body, plain, start)


def _as_ipython_has_it(body: list[str]) -> list[str]:
    from IPython.core.inputtransformer2 import TransformerManager

    rows = [_imported(row) if row.lstrip().startswith("%run") else row for row in body]
    manager = TransformerManager()  # type: ignore[no-untyped-call]
    try:
        if sum(row.lstrip()[:1] in _MAGIC for row in rows) > MOST_MAGICS:
            raise RuntimeError("IPython reads the whole cell again for each of them")
        return str(manager.transform_cell("\n".join(rows))).rstrip("\n").split("\n")
    except (RuntimeError, SyntaxError, ValueError, RecursionError):  # some hundred magics in one cell
        return [re.sub(r"^(\s*)[%!?].*", r"\1pass", row) for row in rows]


def _imported(row: str) -> str:
    """``%run model.py`` as the star import that it amounts to."""
    names = run_scripts(row)
    return f"from {names[0]} import *" if names and names[0].replace(".", "").isidentifier() else row


def _aligned(before: list[str], after: list[str], start: int) -> list[int]:
    """The original number of every line: IPython drops leading blank lines and joins continued ones."""
    leading = next((number for number, line in enumerate(before) if line.strip()), 0)
    numbers, position = [], leading
    for line in after:
        ahead = before[position : position + 20]
        if "get_ipython()" not in line and line in ahead:
            position += ahead.index(line)
        numbers.append(start + min(position, len(before) - 1) + 1)
        position += 1
    return numbers


def _salvage(text: str, lines: list[int]) -> Iterable[Parsed]:
    """What parses of a broken cell, cut where a line starts at the margin."""
    rows = text.split("\n")
    margins = [n for n, row in enumerate(rows) if row and not row[0].isspace() and row[0] not in ")]}#@"]
    margins = [n for n in margins if not _CONTINUES.match(rows[n])]
    starts = [_with_decorators(rows, n) for n in margins]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        chunk = "\n".join(rows[start:end])
        try:
            yield Parsed(_tree(chunk), rows[start:end], lines[start:end])
        except SyntaxError:
            continue


def _with_decorators(rows: list[str], start: int) -> int:
    while start > 0 and rows[start - 1].startswith("@"):
        start -= 1
    return start

"""Cuts code cells into top-level statements that know where they stand and which names they bind and read."""

from __future__ import annotations

import ast
import functools
import symtable
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

from grader.notebook import Cell

_BODY_IS_CODE = ("time", "timeit", "capture", "prun")
_Parsed = tuple[
    ast.Module, str, list[int]
]  # tree, the text it was parsed from, original line of each of its lines


@dataclass(frozen=True, slots=True)
class Problem:
    """Code that could not be read, and where."""

    cell: int
    line: int
    message: str

    def __str__(self) -> str:
        return f"cell {self.cell}, line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One top-level statement of a notebook."""

    source: str
    cell: int
    line: int  # in its cell, from 1
    node: ast.stmt
    flags: int  # of the compiler: the __future__ features that hold here
    binds: frozenset[str] = field(default=frozenset())
    patches: frozenset[str] = field(default=frozenset())  # names whose objects it changes
    reads: frozenset[str] = field(default=frozenset())


def statements(cells: Iterable[Cell]) -> tuple[list[Statement], list[Problem]]:
    """Every statement of the notebook that can be parsed, in order, and the problems with the rest."""
    found: list[Statement] = []
    problems: list[Problem] = []
    flags = 0
    for cell in cells:
        for tree, text, lines in _parse_cell(cell, problems):
            for node in tree.body:
                flags |= _future_flags(node)
                found.append(_statement(cell.number, node, text, lines, flags))
    return found, problems


def _parse_cell(cell: Cell, problems: list[Problem]) -> list[_Parsed]:
    """The cell's syntax trees: one, or where it has a syntax error, one for each stretch that parses."""
    text = cell.source
    try:
        return [(_tree(text), text, _numbers(text))]
    except SyntaxError:
        pass
    text, lines = _without_magics(text)
    try:
        return [(_tree(text), text, lines)]
    except SyntaxError as error:
        line = lines[min(max(error.lineno or 1, 1), len(lines)) - 1] if lines else 1
        problems.append(Problem(cell.number, line, f"SyntaxError: {error.msg}; what it spoils was left out"))
        return list(_salvage(text, lines))


def _tree(text: str) -> ast.Module:
    """Raises SyntaxError for everything that Python cannot parse, however it fails at it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes such as "\\d" are the student's own affair
            return ast.parse(text)
    except (RecursionError, MemoryError, ValueError) as error:
        raise SyntaxError(f"Python cannot parse this ({type(error).__name__})") from error


def _numbers(text: str) -> list[int]:
    return list(range(1, text.count("\n") + 2))


def _without_magics(text: str) -> tuple[str, list[int]]:
    """The cell as plain Python, as IPython itself would have it, and the original number of each line."""
    from IPython.core.inputtransformer2 import TransformerManager

    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[start].startswith("%%"):
        if lines[start][2:].split(" ")[0].strip() not in _BODY_IS_CODE:
            return "", []  # the cell is shell, HTML or a file to write
        start += 1
    body = lines[start:]
    manager = TransformerManager()  # type: ignore[no-untyped-call]
    plain = manager.transform_cell("\n".join(body)).rstrip("\n").split("\n")
    return "\n".join(plain), _aligned(body, plain, start)


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


def _salvage(text: str, lines: list[int]) -> Iterable[_Parsed]:
    """What parses of a broken cell, cut where a line starts at the margin."""
    rows = text.split("\n")
    margins = [n for n, row in enumerate(rows) if row and not row[0].isspace() and row[0] not in ")]}#@"]
    starts = [_with_decorators(rows, n) for n in margins]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        chunk = "\n".join(rows[start:end])
        try:
            yield _tree(chunk), chunk, lines[start:end]
        except SyntaxError:
            continue


def _with_decorators(rows: list[str], start: int) -> int:
    while start > 0 and rows[start - 1].startswith("@"):
        start -= 1
    return start


def _future_flags(node: ast.stmt) -> int:
    import __future__

    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in node.names]
    return sum(feature.compiler_flag for feature in features if feature is not None)


def _statement(cell: int, node: ast.stmt, text: str, lines: list[int], flags: int) -> Statement:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    source = _source(node, text, first)
    line = lines[first - 1] if first <= len(lines) else first
    names = _Names(source, node)
    return Statement(
        source=source,
        cell=cell,
        line=line,
        node=node,
        flags=flags,
        binds=names.binds,
        patches=names.patches,
        reads=names.reads,
    )


def _source(node: ast.stmt, text: str, first: int) -> str:
    """The statement's own lines; where it shares a line with another one, rewritten without its neighbour."""
    rows = _rows(text)
    last = node.end_lineno or first
    before = rows[node.lineno - 1].encode()[: node.col_offset].strip()
    after = rows[last - 1].encode()[node.end_col_offset :].strip()
    if before or (after and not after.startswith(b"#")):
        return ast.unparse(node)
    return "\n".join(rows[first - 1 : last])


@functools.lru_cache(maxsize=1)
def _rows(text: str) -> list[str]:
    return text.split("\n")  # once for a cell, not for each of its statements, of which there may be 100,000


class _Names:
    """The names that a statement binds, patches and reads, by Python's own scoping rules."""

    def __init__(self, source: str, node: ast.stmt) -> None:
        try:
            table = symtable.symtable(source, "<statement>", "exec")
        except (SyntaxError, RecursionError, ValueError):
            table = symtable.symtable("", "<statement>", "exec")
        top = table.get_symbols()
        self.binds = frozenset(
            s.get_name() for s in top if s.is_assigned() or s.is_imported() or s.is_namespace()
        )
        self.reads = frozenset(s.get_name() for s in top if s.is_referenced()) | _globals_inside(table)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            self.binds |= {"*"}
        self.patches = frozenset(_patched(node))
        self.reads |= self.patches


def _globals_inside(table: symtable.SymbolTable) -> frozenset[str]:
    names: set[str] = set()
    for child in table.get_children():
        names.update(s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced())
        names |= _globals_inside(child)
    return frozenset(names)


def _patched(node: ast.stmt) -> Iterable[str]:
    """Names whose objects the statement changes, as ``UNet.forward = …`` or ``setattr(UNet, …)`` do."""
    targets: list[ast.expr] = []
    match node:
        case ast.Assign(targets=assigned):
            targets = list(assigned)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr"), args=[first, *_])):
            if isinstance(first, ast.Name):
                yield first.id
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update" | "append"))):
            yield name
    for changed in targets:
        if (root := _root(changed)) is not changed and isinstance(root, ast.Name):
            yield root.id


def _root(target: ast.expr) -> ast.expr:
    """What an attribute or item is finally one of: ``a`` in ``a.b[0].c``."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return target

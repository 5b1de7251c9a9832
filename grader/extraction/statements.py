"""Cuts code cells into top-level statements that know where they stand and which names they bind and read."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grader.notebook.syntax import CodeBlock, ParsedCell, Problem

# Methods that set an object up, called for their effect at top level.
SETTERS = frozenset(
    {"update", "append", "extend", "insert", "add", "setdefault"}
    | {"add_argument", "set_defaults", "add_module", "register_buffer"}
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MAX_STATEMENTS = 50_000  # in one notebook; each takes a tenth of a millisecond
_GUARD = "if True:\n"  # what stands before a statement that was indented


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One top-level statement of a notebook."""

    source: str
    cell: int | str
    line: int  # in its cell, from 1, of the first line of ``source``
    node: ast.stmt
    flags: int  # of the compiler: the __future__ features that hold here
    binds: frozenset[str] = field(default=frozenset())
    patches: frozenset[str] = field(default=frozenset())  # names whose objects it changes
    reads: frozenset[str] = field(default=frozenset())

    @property
    def first(self) -> int:
        """The line that it begins at in its cell, decorators included."""
        return self.line + self.source.startswith(_GUARD)

    def line_of(self, node: ast.AST) -> int:
        """The line in its cell of a part of this statement."""
        decorators = getattr(self.node, "decorator_list", [])
        top = min([self.node.lineno, *(decorator.lineno for decorator in decorators)])
        line: int = getattr(node, "lineno", top)
        return self.first + (line - int(top))


def statements(
    cells: Iterable[ParsedCell], package: str | None = None
) -> tuple[list[Statement], list[Problem]]:
    """Every statement of the cells that can be parsed, in order, and the problems with the rest.

    What stands behind ``if __name__ == "__main__":`` counts as standing at top level, as it does when a
    notebook runs. ``package`` is the one that relative imports are relative to; none in a notebook.
    """
    found: list[Statement] = []
    problems: list[Problem] = []
    flags = 0
    for parsed in cells:
        number = parsed.cell.number
        problems += parsed.problems
        for block in parsed.blocks:
            for node, indented in _unguarded(block.tree.body):
                if len(found) == MAX_STATEMENTS:
                    why = f"more than {MAX_STATEMENTS:,} statements are not read; the rest was left out"
                    return found, [*problems, Problem(number, node.lineno, why)]
                flags |= _future_flags(node)
                found.append(_statement(number, node, block, flags, indented, package))
    return found, problems


def _unguarded(body: Iterable[ast.stmt], indented: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    for node in body:
        if isinstance(node, ast.If) and is_main_guard(node.test):
            yield from _unguarded(node.body, indented=True)
        else:
            yield node, indented


def is_definition(node: ast.stmt) -> bool:
    """Return whether a statement does nothing but define or import."""
    return isinstance(node, (*DEFINITIONS, ast.Import, ast.ImportFrom))


def is_main_guard(test: ast.expr) -> bool:
    """Whether a condition asks if this is the main program."""
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(test))


def _future_flags(node: ast.stmt) -> int:
    import __future__

    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in node.names]
    return sum(feature.compiler_flag for feature in features if feature is not None)


def _statement(
    cell: int | str, node: ast.stmt, block: CodeBlock, flags: int, indented: bool, package: str | None
) -> Statement:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    source = _source(node, block.rows, first, package)
    line = block.lines[first - 1] if first <= len(block.lines) else first
    if indented and source[:1].isspace():
        source, line = _GUARD + source, line - 1
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


def _source(node: ast.stmt, rows: list[str], first: int, package: str | None) -> str:
    """The statement's own lines; where it shares a line with another one, rewritten without its neighbour.

    Relative imports outside a package are made absolute: the modules beside a notebook have no parent.
    """
    last = node.end_lineno or first
    if isinstance(node, ast.ImportFrom) and node.level and not package:
        if node.module is None:
            return "; ".join(_import(alias) for alias in node.names)
        return ast.unparse(ast.ImportFrom(module=node.module, names=node.names, level=0))
    before = rows[node.lineno - 1].encode()[: node.col_offset].strip()
    after = rows[last - 1].encode()[node.end_col_offset :].strip()
    if before or (after and not after.startswith(b"#")):
        try:
            return ast.unparse(node)
        except RecursionError:
            pass
    return "\n".join(rows[first - 1 : last])


def _import(alias: ast.alias) -> str:
    return f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")


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
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr))):
            if attr in SETTERS:
                yield name
    for changed in targets:
        if (root := _root(changed)) is not changed and isinstance(root, ast.Name):
            yield root.id


def _root(target: ast.expr) -> ast.expr:
    """What an attribute or item is finally one of: ``a`` in ``a.b[0].c``."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return target

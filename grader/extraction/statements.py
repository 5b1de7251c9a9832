"""Split code cells into top-level statements, with their position and the names they bind, patch and read."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grader.notebook.syntax import CodeBlock, ParsedCell, Problem

# Methods that set up the object they are called on.
SETTERS = frozenset(
    {"update", "append", "extend", "insert", "add", "setdefault"}
    | {"add_argument", "set_defaults", "add_module", "register_buffer"}
)
DEFINITION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MAX_STATEMENTS = 25_000  # in one notebook; each takes about 0.2 ms, and again for the class page
BLOCKS = (ast.If, ast.Try, ast.With, ast.For)
# Put before an indented statement from the body of a main guard, so that it can be compiled by itself.
_GUARD = "if True:\n"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A top-level statement.

    Attributes:
        source: its text, which can be compiled by itself.
        cell: number of its code cell, or the file of its local module.
        line: line in the cell, from 1, at which ``source`` starts.
        node: its syntax tree, with line numbers of the block that was parsed.
        flags: compiler flags of the ``__future__`` features that are in force here.
        binds: names that it defines, imports or assigns.
        patches: names whose objects it changes, such as Model in ``Model.forward = forward``.
        reads: global names that it uses, also inside functions and classes, patched ones included.
    """

    source: str
    cell: int | str
    line: int
    node: ast.stmt
    flags: int
    binds: frozenset[str] = field(default=frozenset())
    patches: frozenset[str] = field(default=frozenset())
    reads: frozenset[str] = field(default=frozenset())

    @property
    def first_line(self) -> int:
        """The line in its cell where the statement starts, decorators included."""
        return self.line + self.source.startswith(_GUARD)

    def line_of(self, node: ast.AST) -> int:
        """Return the line in the cell of a node inside this statement."""
        top = _top_line(self.node)
        line: int = getattr(node, "lineno", top)
        return self.first_line + (line - top)


def statements(
    cells: Iterable[ParsedCell], package: str | None = None
) -> tuple[list[Statement], list[Problem]]:
    """Return every statement that can be parsed, in order, and the problems in the rest.

    The body of ``if __name__ == "__main__":`` counts as top level, since it runs in a notebook, and so does
    that of a ``try``, ``with``, ``if`` or ``for`` that both defines something and works with it.

    Args:
        cells: cells of the notebook, or the one cell of a local module.
        package: the package that relative imports start from; None in a notebook.
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
                    message = f"there are more than {MAX_STATEMENTS:,} statements; the rest was skipped"
                    return found, [*problems, Problem(number, node.lineno, message)]
                flags |= _future_flags(node)  # they hold for all cells below
                found.append(_statement(number, node, block, flags, indented, package))
    return found, problems


def is_definition(node: ast.stmt) -> bool:
    """Return whether a statement does nothing but define or import."""
    return isinstance(node, (*DEFINITION_NODES, ast.Import, ast.ImportFrom))


def _unguarded(body: Iterable[ast.stmt], indented: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    for node in body:
        if isinstance(node, BLOCKS) and (_is_main_guard(node) or _defines_and_works(node)):
            yield from _unguarded(node.body, indented=True)
        else:
            yield node, indented


def _is_main_guard(node: ast.stmt) -> bool:
    names = ast.walk(node.test) if isinstance(node, ast.If) else ()
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in names)


def _defines_and_works(node: ast.If | ast.Try | ast.With | ast.For) -> bool:
    """Return whether a block both defines something and uses it, so that it cannot be run as a whole.

    One with an alternative, such as another definition where an import fails, has to be.
    """
    defines = any(isinstance(part, DEFINITION_NODES) for part in node.body)
    works = any(not is_definition(part) and _calls(part) for part in node.body)
    branches = (branch for name in ("handlers", "orelse", "finalbody") for branch in getattr(node, name, []))
    sets = (*DEFINITION_NODES, ast.Import, ast.ImportFrom, ast.Assign)
    has_alternative = any(isinstance(part, sets) for branch in branches for part in ast.walk(branch))
    return defines and works and not has_alternative


def _calls(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(node))


def _future_flags(node: ast.stmt) -> int:
    import __future__

    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in node.names]
    return sum(feature.compiler_flag for feature in features if feature is not None)


def _statement(
    cell: int | str, node: ast.stmt, block: CodeBlock, flags: int, indented: bool, package: str | None
) -> Statement:
    first = _top_line(node)
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


def _top_line(node: ast.stmt) -> int:
    """Return the line where a statement starts: that of its first decorator, if it has any."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(int(decorator.lineno) for decorator in decorators)])


def _source(node: ast.stmt, rows: list[str], first: int, package: str | None) -> str:
    """Return the rows of a statement; if it shares a row with another one, generate its source instead.

    Relative imports outside a package are made absolute, because local modules have no parent package.
    """
    last = node.end_lineno or first
    if isinstance(node, ast.ImportFrom) and node.level and not package:
        if node.module is None:
            return "; ".join(_import(alias) for alias in node.names)
        return ast.unparse(ast.ImportFrom(module=node.module, names=node.names, level=0))
    before = rows[node.lineno - 1].encode()[: node.col_offset].strip()  # col_offset counts UTF-8 bytes
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
    """The names that a statement binds, patches and reads, by Python's own scoping rules.

    ``symtable`` runs the compiler's scope analysis, so closures, comprehensions, ``global`` and default
    arguments are resolved exactly as they are at run time.
    """

    def __init__(self, source: str, node: ast.stmt) -> None:
        try:
            table = symtable.symtable(source, "<statement>", "exec")
        except (SyntaxError, RecursionError, ValueError):
            table = symtable.symtable("", "<statement>", "exec")
        top = table.get_symbols()
        self.binds = frozenset(
            s.get_name() for s in top if s.is_assigned() or s.is_imported() or s.is_namespace()
        )
        self.reads = frozenset(s.get_name() for s in top if s.is_referenced()) | _inner_globals(table)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            self.binds |= {"*"}
        self.patches = frozenset(_patched(node))
        self.reads |= self.patches


def _inner_globals(table: symtable.SymbolTable) -> frozenset[str]:
    """Return the global names that functions and classes inside the statement refer to."""
    names: set[str] = set()
    for child in table.get_children():
        names.update(s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced())
        names |= _inner_globals(child)
    return frozenset(names)


def _patched(node: ast.stmt) -> Iterable[str]:
    """Yield the names whose objects a statement changes: ``Model.forward = f``, setattr, a decorator."""
    targets: list[ast.expr] = []
    match node:
        case ast.Assign(targets=assigned):
            targets = list(assigned)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            given = [each for one in decorators if isinstance(one, ast.Call) for each in one.args]
            if decorators and isinstance(node, ast.FunctionDef):
                given += _class_of_self(node)
            yield from (
                each.id for each in given if isinstance(each, ast.Name)
            )  # such as @add_to_class(Model)
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr"), args=[first, *_])):
            if isinstance(first, ast.Name):
                yield first.id
        case ast.Expr(value=ast.Call(func=ast.Name(id="next"), args=[ast.Name(id=name)])):
            yield name  # a generator that is run to its first yield
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr))):
            if attr in SETTERS or attr == "send":
                yield name
    for changed in targets:
        if (own := owner(changed)) is not changed and isinstance(own, ast.Name):
            yield own.id


def _class_of_self(node: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield the classes that a method outside of a class is meant for: ``@patch def f(self: Model)``."""
    for each in (*node.args.posonlyargs, *node.args.args)[:1]:
        if each.arg == "self" and each.annotation is not None:
            yield from (part for part in ast.walk(each.annotation) if isinstance(part, ast.expr))


def owner(target: ast.expr) -> ast.expr:
    """Return the object that an attribute or item belongs to: ``a`` for ``a.b[0].c``."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return target

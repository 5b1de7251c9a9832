"""Definitions in a notebook, as candidates for those that a rubric wants."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.extraction.statements import BLOCKS, Statement

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)
# Calls that return a function or class that does the same work as their argument.
_WRAPPERS = frozenset({"partial", "compile", "script", "jit", "no_grad", "inference_mode", "wraps"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition in the notebook or in a local module.

    Attributes:
        qualname: the dotted name that reaches it from the notebook.
        statement: the top-level statement that contains it.
        node: its own syntax; of a callable object, that of its class's ``__call__``; of another name for
            a definition, that of the definition.
        renames: True for another name, as in ``train = Trainer.fit``.
    """

    qualname: str
    statement: Statement
    node: ast.stmt
    renames: bool = False

    @property
    def name(self) -> str:
        """The last part of the dotted name."""
        return self.qualname.rpartition(".")[2]

    @property
    def in_class(self) -> bool:
        """True inside a class."""
        return isinstance(self.statement.node, ast.ClassDef) and self.node is not self.statement.node

    @property
    def is_method(self) -> bool:
        """True if it is called on an instance of its class."""
        decorators = getattr(self.node, "decorator_list", [])
        return self.in_class and not any(last_name(each) == "staticmethod" for each in decorators)

    @property
    def line(self) -> int:
        """The line in its cell where it starts."""
        at_top = self.node is self.statement.node or isinstance(self.statement.node, _ASSIGNMENTS)
        return self.statement.first_line if at_top else self.statement.line_of(self.node)


def candidates_in(found: Sequence[Statement], prefix: str = "") -> Iterator[Candidate]:
    """Yield every definition in the statements, in order, including methods."""
    named = _by_dotted_name(found)
    makers = {name: made for name, node in named.items() if (made := _made_definition(node))}
    calls = _call_methods(found)
    for statement in found:
        node = statement.node
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield Candidate(prefix + node.name, statement, node)
        for name, method in _callable_objects(node, calls):
            yield Candidate(prefix + name, statement, method)
        for name, meant in _assigned(node, named, makers):
            yield Candidate(prefix + name, statement, meant or node, renames=meant is not None)
        if isinstance(node, BLOCKS):
            for part in ast.walk(node):
                if isinstance(part, (*FUNCTIONS, ast.ClassDef)) and part.name in statement.binds:
                    yield Candidate(prefix + part.name, statement, part)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, FUNCTIONS):
                    yield Candidate(f"{prefix}{node.name}.{part.name}", statement, part)


def _by_dotted_name(found: Sequence[Statement]) -> dict[str, ast.stmt]:
    """Return the functions and classes at top level, and those inside classes, by dotted name."""
    named: dict[str, ast.stmt] = {}
    for node in (statement.node for statement in found):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            named[node.name] = node
        if isinstance(node, ast.ClassDef):
            inside = [part for part in node.body if isinstance(part, (*FUNCTIONS, ast.ClassDef))]
            named |= {f"{node.name}.{part.name}": part for part in inside}
    return named


def _assigned(
    node: ast.stmt, named: Mapping[str, ast.stmt], makers: Mapping[str, ast.stmt]
) -> Iterator[tuple[str, ast.stmt | None]]:
    """Yield the names that functions or classes get by assignment, as in ``train = partial(fit, ...)``.

    With each comes the definition that is meant, if it is in the notebook under another name.
    """
    for name, value in _names_and_values(node):
        match value:
            case ast.Lambda():
                yield name, None
            case ast.Name() | ast.Attribute():
                yield name, _other(name, _dotted(value), named)
            case ast.Call(func=func, args=args):
                inner = func.func if isinstance(func, ast.Call) else func
                if last_name(inner) in makers:
                    yield name, _other(name, last_name(inner), makers)
                elif last_name(inner) in _WRAPPERS:
                    yield name, _other(name, _dotted(args[0]), named) if args else None


def _names_and_values(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that a statement assigns, and its value: a and 1, b and 2 for ``a, b = 1, 2``."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            if len(names) == len(values):
                pairs = zip(names, values, strict=True)
                yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            yield name, value


def _other(name: str, meant: str, named: Mapping[str, ast.stmt]) -> ast.stmt | None:
    """Return a definition, unless it has the same name, as in ``f = partial(f)``."""
    return named.get(meant) if meant != name else None


def _dotted(node: ast.expr) -> str:
    """Return the dotted name of ``a.b``, and of ``A(...).b`` as ``A.b``; "" for any other expression."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Call(func=owner), attr=name) | ast.Attribute(value=owner, attr=name):
            return f"{_dotted(owner)}.{name}"
    return ""


def _call_methods(found: Sequence[Statement]) -> dict[str, ast.stmt]:
    """Return the ``__call__`` method, own or inherited, of each class whose instances work as functions.

    Modules are left out: they are networks.
    """
    classes = {
        part.name: part
        for statement in found
        if isinstance(statement.node, (ast.ClassDef, *BLOCKS))
        for part in (statement.node, *getattr(statement.node, "body", ()))
        if isinstance(part, ast.ClassDef)
    }
    methods: dict[str, ast.stmt] = {}
    for name in classes:
        waiting, seen = [name], set[str]()
        while waiting:
            if (current := waiting.pop()) in seen or current not in classes:
                continue
            seen.add(current)
            own = [part for part in classes[current].body if isinstance(part, FUNCTIONS)]
            if (method := next((part for part in own if part.name == "__call__"), None)) is not None:
                methods.setdefault(name, method)
            waiting += map(last_name, classes[current].bases)
        if any("Module" in last_name(base) for each in seen for base in classes[each].bases):
            methods.pop(name, None)
    return methods


def _callable_objects(node: ast.stmt, calls: Mapping[str, ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the name of an object that works as a function, as in ``train = Trainer()``, with its method."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func))
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=func))
        ) if name != last_name(func) and last_name(func) in calls:
            yield name, calls[last_name(func)]


def _made_definition(node: ast.stmt) -> ast.stmt | None:
    """Return the function or class that a function defines inside and returns; None if there is none."""
    if not isinstance(node, FUNCTIONS):
        return None
    parts = list(ast.walk(node))
    inside = {
        part.name: part for part in parts if isinstance(part, (*FUNCTIONS, ast.ClassDef)) and part is not node
    }
    returned = [last_name(part.value) for part in parts if isinstance(part, ast.Return) and part.value]
    return next((inside[name] for name in returned if name in inside), None)


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name; "" for any other expression."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""

"""Definitions in a notebook, as candidates for those that a rubric wants."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
        node: its own syntax; of a callable object, that of its class's ``__call__``.
    """

    qualname: str
    statement: Statement
    node: ast.stmt

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
    nodes = (statement.node for statement in found)
    makers = {node.name for node in nodes if isinstance(node, FUNCTIONS) and _makes_definitions(node)}
    calls = _call_methods(found)
    for statement in found:
        node = statement.node
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield Candidate(prefix + node.name, statement, node)
        for name, method in _callable_objects(node, calls):
            yield Candidate(prefix + name, statement, method)
        for name in _assigned(node, makers):
            yield Candidate(prefix + name, statement, node)
        if isinstance(node, BLOCKS):
            for part in ast.walk(node):
                if isinstance(part, (*FUNCTIONS, ast.ClassDef)) and part.name in statement.binds:
                    yield Candidate(prefix + part.name, statement, part)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, FUNCTIONS):
                    yield Candidate(f"{prefix}{node.name}.{part.name}", statement, part)


def _assigned(node: ast.stmt, makers: AbstractSet[str]) -> Iterator[str]:
    """Yield the name that a function or class gets by assignment, as in ``train = partial(fit, ...)``."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() | ast.Name() | ast.Attribute()):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)):
            inner = func.func if isinstance(func, ast.Call) else func
            if last_name(inner) in _WRAPPERS | makers:
                yield name


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


def _makes_definitions(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function makes functions or classes: it returns one that is defined inside."""
    parts = list(ast.walk(node))
    inside = {
        part.name for part in parts if isinstance(part, (*FUNCTIONS, ast.ClassDef)) and part is not node
    }
    returned = {last_name(part.value) for part in parts if isinstance(part, ast.Return) and part.value}
    return not inside.isdisjoint(returned)


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name; "" for any other expression."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""

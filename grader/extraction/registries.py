"""Find the objects that a definition registers itself with, by a decorator or by a class it derives from.

``@register("conv") class Conv`` may be used as ``LAYERS["conv"]`` alone, so no name leads from there to Conv.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from grader.extraction.statements import DEFINITION_NODES, SETTERS, Statement, owner


def registries(statement: Statement, last_definition: Mapping[str, Statement]) -> set[str]:
    """Return the names of the notebook's objects that a statement with a definition registers it with.

    Args:
        statement: a statement of the notebook.
        last_definition: the statement that defines each name.
    """
    node = statement.node
    if not isinstance(node, DEFINITION_NODES):
        return set()
    found: set[str] = set()
    for decorator in node.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        own = owner(function)
        if isinstance(own, ast.Name) and own.id in last_definition:
            defined = last_definition[own.id]
            if own is function:
                found |= _changed_globals(defined)
            elif not isinstance(defined.node, ast.Import | ast.ImportFrom):
                found.add(own.id)  # such as @LAYERS.register("conv"), or @embed.register of singledispatch
    if isinstance(node, ast.ClassDef):
        told = [each for each in node.bases if _is_told_of_subclasses(each, last_definition)]
        told += [each.value for each in node.keywords if each.arg == "metaclass"]
        for base in told:
            if isinstance(base, ast.Name) and base.id in last_definition:
                found |= {base.id, *_changed_globals(last_definition[base.id])}
    return found - statement.binds


def _changed_globals(defined: Statement) -> set[str]:
    """Return the global names whose objects a function or class changes when it is called."""
    if not isinstance(defined.node, DEFINITION_NODES):
        return set()
    changed = {each.id for each in _changed(ast.walk(defined.node)) if isinstance(each, ast.Name)}
    return changed & defined.reads


def _changed(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the objects that get an item, an attribute or an element: ``a`` for ``a[0] = 1``."""
    for node in nodes:
        match node:
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                yield owner(node)
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in SETTERS:
                yield owner(value)


def _is_told_of_subclasses(base: ast.expr, last_definition: Mapping[str, Statement]) -> bool:
    """Return whether a base class is one of the notebook's own with ``__init_subclass__``."""
    if not isinstance(base, ast.Name) or base.id not in last_definition:
        return False
    body = getattr(last_definition[base.id].node, "body", [])
    return any(getattr(part, "name", "") == "__init_subclass__" for part in body)

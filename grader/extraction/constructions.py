"""The notebook's own construction of a class, as a function that the worker can call."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from grader.extraction.candidates import FUNCTIONS, Candidate
from grader.extraction.patterns import DefinitionPattern
from grader.extraction.statements import Statement
from grader.extraction.usage import Usage
from grader.notebook.parsing import parse

_CALLED_AS = "{name} as in the notebook"
_SMALL = 4
_FUNCTION = "def {own}(**given):\n    return {cls}(**{{**dict({arguments}), **given}})"


def construction_name(name: str) -> str:
    """Return the key under which ``StudentSource.names`` has the function that builds ``name``."""
    return _CALLED_AS.format(name=name)


def construction(candidate: Candidate, pattern: DefinitionPattern, usage: Usage) -> Statement | None:
    """Return a function that builds a class with the notebook's own arguments; those given replace them.

    None if the handout's arguments are enough, or if the notebook nowhere builds it in a way that can be
    repeated: its arguments have to be plain, and their names known.
    """
    node = candidate.node
    if not isinstance(node, ast.ClassDef) or not pattern.built_with:
        return None
    constructor = next((p for p in node.body if isinstance(p, FUNCTIONS) and p.name == "__init__"), None)
    if constructor is None:
        return None
    own = [each.arg for each in (*constructor.args.posonlyargs, *constructor.args.args)][1:]
    if set(pattern.built_with) <= {*own, *(each.arg for each in constructor.args.kwonlyargs)}:
        return None
    for call in reversed(usage.calls.get(candidate.name, ())):
        if len(call.args) == len(pattern.built_with) and all(_may_mean(pattern, each) for each in call.args):
            return None  # the handout's arguments, in its order
        if (arguments := _by_keyword(call, own)) is not None:
            return _function(candidate, arguments)
    return None


def _may_mean(pattern: DefinitionPattern, value: ast.expr) -> bool:
    """Return whether an argument may be one of the handout's, by its size or a word in its name."""
    match value:
        case ast.Constant(value=int(number)):
            return number <= _SMALL
        case ast.Name(id=name) | ast.Attribute(attr=name):
            words = {word for each in pattern.built_with for word in each.split("_") if len(word) > 3}
            parts = [part for part in name.lower().split("_") if len(part) > 1]
            return any(word in part or word.startswith(part) for word in words for part in parts)
    return False


def _by_keyword(call: ast.Call, names: Sequence[str]) -> dict[str, ast.expr] | None:
    """Return the arguments of a call by the constructor's names; None if they cannot be told."""
    if len(call.args) > len(names) or any(isinstance(each, ast.Starred) for each in call.args):
        return None
    arguments = dict(zip(names, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            return None
        arguments[keyword.arg] = keyword.value
    plain = (
        ast.Constant | ast.Name | ast.Attribute | ast.Tuple | ast.List | ast.UnaryOp | ast.BinOp | ast.Load
    )
    parts = (part for value in arguments.values() for part in ast.walk(value))
    operators = ast.operator | ast.unaryop | ast.expr_context
    return arguments if all(isinstance(part, plain | operators) for part in parts) else None


def _function(candidate: Candidate, arguments: dict[str, ast.expr]) -> Statement:
    own = f"_build_{candidate.name}"
    listed = ", ".join(f"{name}={ast.unparse(value)}" for name, value in arguments.items())
    source = _FUNCTION.format(own=own, cls=candidate.qualname, arguments=listed)
    reads = {
        part.id for value in arguments.values() for part in ast.walk(value) if isinstance(part, ast.Name)
    }
    return Statement(
        source,
        "the grader",
        1,
        parse(source).body[-1],
        0,
        binds=frozenset({own}),
        reads=frozenset({*reads, candidate.qualname.partition(".")[0]}),
    )


def is_construction(call: ast.expr, name: str) -> bool:
    """Return whether an expression is an instance of the class ``name``, such as ``Model(1).to(device)``."""
    match call:
        case ast.Call(func=ast.Name(id=called)):
            return called == name
        case ast.Call(func=ast.Attribute(value=inner)):
            return is_construction(inner, name)
    return False

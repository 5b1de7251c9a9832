"""Descriptions of required definitions, and whether a notebook's definition fits one."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from grader.extraction.candidates import FUNCTIONS, Candidate, last_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionPattern:
    """Description of a required definition, independent of its name.

    Attributes:
        kind: "class" or "function".
        arguments: minimum number of arguments; for a class, of its main method.
        methods: names that the main method of a class may have; the first is the handout's. For a function,
            those of a class that may take its place.
        aliases: other names that the definition may have.
        marks: names of which it must use at least one, itself or in a helper.
        without: names that it must not use.
        inline: names of which top-level code that does the same work uses at least one.
        bases: names of which one must occur in a base class, to be recognised without a usual name.
        work: names of which it must use at least one besides, to be recognised without a usual name.
        built_with: arguments that the handout's own cells give the constructor of a class.
    """

    kind: str = "function"
    arguments: int = 0
    methods: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    built_with: tuple[str, ...] = ()


def patterns_from(table: Mapping[str, Mapping[str, Any]]) -> dict[str, DefinitionPattern]:
    """Return the patterns in a rubric's ``[shapes]`` table.

    Raises:
        TypeError: a pattern has an unknown field.
    """
    return {name: DefinitionPattern(**_as_tuples(row)) for name, row in table.items()}


def _as_tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def fits(candidate: Candidate, pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> bool:
    """Return whether a definition fits the pattern."""
    node = candidate.node
    match pattern.kind:
        case "class":
            right = isinstance(node, ast.ClassDef) and main_method(node, pattern, candidates) is not None
        case "function" if isinstance(node, ast.ClassDef):
            right = main_method(node, replace(pattern, arguments=1), candidates) is not None
        case "function":
            right = isinstance(node, FUNCTIONS) and accepts(node, pattern.arguments)
        case _:
            return True
    right = right and names_in(node).isdisjoint(pattern.without)
    return right and uses_any(node, pattern.marks, candidates)


def main_method(
    node: ast.ClassDef, pattern: DefinitionPattern, candidates: Sequence[Candidate]
) -> str | None:
    """Return the name of the class's main method, its own or inherited; None if none fits the pattern."""
    methods = {part.name: part for part in node.body if isinstance(part, FUNCTIONS)}
    own = next((name for name in pattern.methods if name in methods), None)
    if own:
        return own if accepts(methods[own], pattern.arguments + 1) else None  # one more for self
    for base in node.bases:
        for each in candidates:
            parent = each.node
            if isinstance(parent, ast.ClassDef) and parent is not node and each.name == last_name(base):
                # Leaving the parent out ends the search when classes name each other as bases.
                return main_method(parent, pattern, [other for other in candidates if other is not each])
    return None


def only_method(node: ast.ClassDef, pattern: DefinitionPattern) -> str | None:
    """Return the only public method that takes enough arguments and that no other method of the class calls.

    It does the work of the main method under another name. None if there are more, or if only methods with
    the usual names count, as Python itself calls them.
    """
    if not pattern.methods or pattern.bases:
        return None
    methods = {part.name: part for part in node.body if isinstance(part, FUNCTIONS)}
    public = {
        name: node
        for name, node in methods.items()
        if not name.startswith("_") and accepts(node, pattern.arguments + 1)
    }
    called = {used for name, node in methods.items() for used in names_in(node) if used != name}
    whole = [name for name in public if name not in called]
    return whole[0] if len(whole) == 1 else None


def uses_any(node: ast.stmt, names: Sequence[str], candidates: Sequence[Candidate]) -> bool:
    """Return whether a definition uses one of the names, itself or in a helper; True if there are none."""
    return not names or not _names_used(node, candidates).isdisjoint(names)


def _names_used(node: ast.stmt, candidates: Sequence[Candidate]) -> set[str]:
    """Return the names in a definition, and in its helpers and base classes up to three levels deep."""
    names, helpers = set(names_in(node)), [node]
    for _ in range(3):
        helpers = [
            each.node
            for each in candidates
            # Every class has an __init__: that of another class is no helper.
            if each.name in names and not each.name.startswith("__") and each.node not in helpers
        ]
        names = names.union(*map(names_in, helpers))
    return names


def has_base(candidate: Candidate, pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> bool:
    """Return whether a class is derived, also by way of its bases, from one of the pattern's bases."""
    names = [last_name(base) for base in _bases(candidate, candidates)]
    return not pattern.bases or any(wanted in name for wanted in pattern.bases for name in names)


def _bases(candidate: Candidate, candidates: Sequence[Candidate]) -> list[ast.expr]:
    """Return the base classes of a class, and those of its bases in the notebook."""
    by_name: dict[str, list[ast.stmt]] = {}
    for each in candidates:
        by_name.setdefault(each.name, []).append(each.node)
    bases: list[ast.expr] = []
    waiting = [candidate.node]
    for node in waiting:
        if isinstance(node, ast.ClassDef):
            bases += node.bases
            for base in node.bases:  # popped, since classes may name themselves and each other
                waiting += by_name.pop(last_name(base), [])
    return bases


def accepts(node: ast.stmt, count: int) -> bool:
    """Return whether a function takes at least ``count`` arguments."""
    assert isinstance(node, FUNCTIONS)
    args = node.args
    return bool(args.vararg or args.kwarg) or len([*args.posonlyargs, *args.args, *args.kwonlyargs]) >= count


@lru_cache(maxsize=4096)
def names_in(node: ast.AST) -> frozenset[str]:
    """Return the names of variables and attributes in a syntax tree."""
    names = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return names | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def normalized(name: str) -> str:
    """Return a name without underscores and case, so that ``my_model`` equals ``MyModel``."""
    return name.replace("_", "").lower()

"""Match the names that a rubric wants to a notebook's definitions: by name, similar name or structure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from grader.extraction.candidates import FUNCTIONS, Candidate, last_name
from grader.extraction.statements import Statement
from grader.text import place

_MAX_BASES = 8  # levels of base classes to follow; a class may name itself as its base


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionPattern:
    """Description of a required definition, independent of its name.

    Attributes:
        kind: "class" or "function".
        arguments: minimum number of arguments; for a class, of its main method.
        methods: names that the main method of a class may have; the first is the handout's.
        aliases: other names that the definition may have.
        marks: names of which it must use at least one, itself or in a helper.
        without: names that it must not use.
        inline: names of which top-level code that does the same work uses at least one.
    """

    kind: str = "function"
    arguments: int = 0
    methods: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The candidate that counts as a wanted definition.

    Attributes:
        candidate: None if nothing was found, or more than one that is equally likely.
        how: how it was recognised; None if it has the wanted name itself.
        hint: a sentence for the student if nothing was found.
        rejected: later definitions of the same name that do not fit the pattern.
    """

    candidate: Candidate | None = None
    how: str | None = None
    hint: str = ""
    rejected: tuple[Statement, ...] = ()


def match_definition(
    name: str,
    pattern: DefinitionPattern | None,
    found: Sequence[Statement],
    candidates: Sequence[Candidate],
    mapped: str | None,
    taken: Container[str] = (),
) -> Match:
    """Find the definition that is meant by ``name``.

    In this order: the name that ``--map`` gives; the name itself, with the last definition that fits the
    pattern; an alias or a similar name that fits; and the only definition with the structure of the pattern.

    Args:
        name: the name in the rubric.
        pattern: what it looks like; None if only the name counts.
        found: all statements, for a hint at top-level code that does the same work.
        candidates: all definitions.
        mapped: the notebook's own name, from ``--map``.
        taken: dotted names that must not be matched by structure alone.
    """
    pattern = pattern or DefinitionPattern(kind="")
    if mapped:
        named = [each for each in candidates if each.qualname == mapped]
        if named:
            return Match(named[-1], how=None if mapped == name else "chosen with --map")
        return Match(hint=f"There is no {mapped} either, which --map gives as its name.")
    same_name = [each for each in candidates if each.qualname == name]
    fitting = [each for each in same_name if fits(each, pattern, candidates)]
    fitting = fitting or [each for each in same_name if fits(each, replace(pattern, marks=()), candidates)]
    similar = _similar(name, pattern, candidates)
    # A definition that does not fit itself still counts if it calls one that does, as a wrapper would.
    wraps = same_name and any(each.qualname in same_name[-1].statement.reads for each in similar)
    if fitting or (same_name and (wraps or not similar)):
        matched = (fitting or same_name)[-1]
        later = (each.statement for each in same_name[same_name.index(matched) + 1 :])
        rejected = (each for each in later if name not in each.reads)  # one that reads the name wraps it
        return Match(matched, rejected=tuple(rejected))
    if similar:
        return Match(similar[-1], how=_how(pattern, similar[-1]))
    free = [each for each in candidates if each.qualname not in taken]
    if pattern.kind and (alike := _by_structure(pattern, free)):
        names = list(dict.fromkeys(each.qualname for each in alike))
        if len(names) == 1:
            return Match(alike[-1], how="recognised by its structure")
        listed = ", ".join(names[:-1]) + f" or {names[-1]}"
        return Match(hint=f"It could be {listed}: choose one with --map {name}={names[-1]}.")
    return Match(hint=_function_hint(pattern, candidates) or _top_level_hint(pattern, found))


def fits(candidate: Candidate, pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> bool:
    """Return whether a definition fits the pattern."""
    node = candidate.node
    match pattern.kind:
        case "class":
            right = isinstance(node, ast.ClassDef) and main_method(node, pattern, candidates) is not None
        case "function":
            right = isinstance(node, FUNCTIONS) and _accepts(node, pattern.arguments)
        case _:
            return True
    right = right and _names_in(node).isdisjoint(pattern.without)
    return right and (not pattern.marks or not _names_used(node, candidates).isdisjoint(pattern.marks))


def _names_used(node: ast.stmt, candidates: Sequence[Candidate]) -> set[str]:
    """Return the names in a definition, and in its helpers and base classes up to three levels deep."""
    names, helpers = set(_names_in(node)), [node]
    for _ in range(3):
        helpers = [each.node for each in candidates if each.name in names and each.node not in helpers]
        names = names.union(*map(_names_in, helpers))
    return names


def main_method(
    node: ast.ClassDef, pattern: DefinitionPattern, candidates: Sequence[Candidate]
) -> str | None:
    """Return the name of the class's main method, its own or inherited; None if none fits the pattern."""
    methods = {part.name: part for part in node.body if isinstance(part, FUNCTIONS)}
    own = next((name for name in pattern.methods if name in methods), None)
    if own:
        return own if _accepts(methods[own], pattern.arguments + 1) else None  # one more for self
    for base in node.bases:
        for each in candidates:
            parent = each.node
            if isinstance(parent, ast.ClassDef) and parent is not node and each.name == last_name(base):
                # Leaving the parent out ends the search when classes name each other as bases.
                return main_method(parent, pattern, [other for other in candidates if other is not each])
    return None


def _similar(name: str, pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the fitting definitions with the best alias or a similar name; methods only if nothing else."""
    ranks = {_normalized(alias): rank for rank, alias in enumerate((name, *pattern.aliases))}
    fitting = [each for each in candidates if each.qualname != name and fits(each, pattern, candidates)]
    aliased = [each for each in fitting if _normalized(each.name) in ranks]
    own_names = [_normalized(each.name) for each in fitting]
    close = difflib.get_close_matches(_normalized(name), own_names, n=1, cutoff=0.8)
    similar = aliased or [each for each in fitting if close and _normalized(each.name) == close[0]]
    outside = [each for each in similar if not each.in_class]
    if pattern.kind == "" or not similar:
        return outside
    best = min(ranks.get(_normalized(each.name), len(ranks)) for each in outside or similar)
    return [each for each in outside or similar if ranks.get(_normalized(each.name), len(ranks)) == best]


def _by_structure(pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the top-level definitions that fit the pattern and that no other one of them uses."""
    fitting = [each for each in candidates if fits(each, pattern, candidates) and not each.in_class]
    if pattern.kind == "function":  # a function that does the whole work has a loop
        fitting = [
            each for each in fitting if any(isinstance(p, ast.For | ast.While) for p in ast.walk(each.node))
        ]
    if pattern.kind == "class" and "forward" in pattern.methods:
        fitting = [
            each for each in fitting if any("Module" in last_name(base) for base in _bases(each, candidates))
        ]
    used = {name for each in fitting for name in _names_in(each.node) if name != each.name}
    return [each for each in fitting if each.name not in used]  # a block inside the network is not it


def _bases(candidate: Candidate, candidates: Sequence[Candidate], depth: int = 0) -> list[ast.expr]:
    """Return the base classes of a class, and those of its bases in the notebook."""
    node = candidate.node
    if not isinstance(node, ast.ClassDef) or depth > _MAX_BASES:
        return []
    parents = [each for each in candidates for base in node.bases if each.name == last_name(base)]
    return [*node.bases, *(base for each in parents for base in _bases(each, candidates, depth + 1))]


def _function_hint(pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> str:
    """Return a hint if the main method of a missing class exists as a function."""
    for each in candidates if pattern.kind == "class" else ():
        if isinstance(each.node, FUNCTIONS) and not each.in_class and each.name in pattern.methods:
            where = place(each.statement.cell, each.line)
            return f"There is a function {each.name} in {where}: make it a method of that class."
    return ""


def _top_level_hint(pattern: DefinitionPattern, found: Sequence[Statement]) -> str:
    """Return a hint if a top-level loop seems to do the work of a missing function."""
    for statement in found:
        is_loop = isinstance(statement.node, ast.For | ast.While | ast.With)
        if is_loop and not _names_in(statement.node).isdisjoint(pattern.inline):
            where = place(statement.cell, statement.first_line)
            return f"Code at top level in {where} may do its work: put it into a function."
    return ""


def _how(pattern: DefinitionPattern, candidate: Candidate) -> str:
    if candidate.in_class:
        return "a method of a class"
    is_alias = _normalized(candidate.name) in map(_normalized, pattern.aliases)
    return "a common name for it" if is_alias else "the most similar name"


def _accepts(node: ast.stmt, count: int) -> bool:
    """Return whether a function takes at least ``count`` arguments."""
    assert isinstance(node, FUNCTIONS)
    args = node.args
    return bool(args.vararg or args.kwarg) or len([*args.posonlyargs, *args.args, *args.kwonlyargs]) >= count


@lru_cache(maxsize=4096)
def _names_in(node: ast.AST) -> frozenset[str]:
    names = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return names | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def _normalized(name: str) -> str:
    """Return a name without underscores and case, so that ``my_model`` equals ``MyModel``."""
    return name.replace("_", "").lower()


def patterns_from(table: Mapping[str, Mapping[str, Any]]) -> dict[str, DefinitionPattern]:
    """Return the patterns in a rubric's ``[shapes]`` table.

    Raises:
        TypeError: a pattern has an unknown field.
    """
    return {name: DefinitionPattern(**_as_tuples(row)) for name, row in table.items()}


def _as_tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}

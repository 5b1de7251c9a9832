"""Finds the definitions that a rubric asks for: by name, by a name like it, or by their shape."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from grader.extraction.statements import Statement
from grader.text import place

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WRAPPERS = frozenset({"partial", "compile", "script", "jit", "no_grad", "inference_mode", "wraps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionPattern:
    """What a wanted definition looks like under whatever name.

    Attributes:
        kind: "class" or "function".
        arguments: how many it takes at the least; for a class, the first of its ``methods`` that it has.
        methods: names that the class's working method may have; the first is the handout's.
        aliases: names that the definition may have.
        marks: names of which one is used inside, or by a helper.
        without: names that are not used inside.
        inline: names of which one is used in a loop at top level that does the definition's work.
    """

    kind: str = "function"
    arguments: int = 0
    methods: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition: the dotted name it can be reached by, where it stands, and its syntax."""

    target: str
    statement: Statement
    node: ast.stmt

    @property
    def name(self) -> str:
        """Its own name, the last part of the dotted one."""
        return self.target.rpartition(".")[2]

    @property
    def in_class(self) -> bool:
        """Whether it stands in a class."""
        return isinstance(self.statement.node, ast.ClassDef) and self.node is not self.statement.node

    @property
    def is_method(self) -> bool:
        """Whether it is called on an object of the class that it stands in."""
        decorators = getattr(self.node, "decorator_list", [])
        return self.in_class and not any(_last(each) == "staticmethod" for each in decorators)

    @property
    def line(self) -> int:
        """The line that it begins at in its cell."""
        return self.statement.first if self.node is self.statement.node else self.statement.line_of(self.node)


@dataclass(frozen=True, slots=True)
class Match:
    """The candidate that counts as a wanted name and how it was found, or a hint where there is none."""

    candidate: Candidate | None = None
    how: str | None = None
    hint: str = ""
    passed_over: tuple[Statement, ...] = ()  # definitions of the same name that are something else


def choose(
    name: str,
    shape: DefinitionPattern | None,
    found: Sequence[Statement],
    candidates: Sequence[Candidate],
    mapped: str | None,
    taken: Container[str] = (),
) -> Match:
    """The definition that is meant by ``name``; by its shape alone, none of those that are ``taken``."""
    shape = shape or DefinitionPattern(kind="")
    if mapped:
        chosen = [each for each in candidates if each.target == mapped]
        if chosen:
            return Match(chosen[-1], how=None if mapped == name else "as you mapped it")
        return Match(hint=f"There is no {mapped} either, which --map names in its place.")
    same = [each for each in candidates if each.target == name]
    right = [each for each in same if fits(each, shape, candidates)]
    right = right or [each for each in same if fits(each, replace(shape, marks=()), candidates)]
    likely = _likely(name, shape, candidates)
    wraps = same and any(each.target in same[-1].statement.reads for each in likely)
    if right or (same and (wraps or not likely)):
        chosen_one = (right or same)[-1]
        later = (each.statement for each in same[same.index(chosen_one) + 1 :])
        others = (each for each in later if name not in each.reads)  # who reads it wraps it
        return Match(chosen_one, passed_over=tuple(others))
    if likely:
        return Match(likely[-1], how=_how(shape, likely[-1]))
    if shape.kind and (alike := _by_shape(shape, [each for each in candidates if each.target not in taken])):
        names = list(dict.fromkeys(each.target for each in alike))
        if len(names) == 1:
            return Match(alike[-1], how="found by its shape")
        some = ", ".join(names[:-1]) + f" or {names[-1]}"
        return Match(hint=f"It could be {some}: say which with --map {name}={names[-1]}.")
    return Match(hint=_loose(shape, candidates) or _inline(shape, found))


def fits(candidate: Candidate, shape: DefinitionPattern, candidates: Sequence[Candidate]) -> bool:
    """Whether a definition has the shape."""
    node = candidate.node
    match shape.kind:
        case "class":
            right = isinstance(node, ast.ClassDef) and method_of(node, shape, candidates) is not None
        case "function":
            right = isinstance(node, _FUNCTIONS) and _takes(node, shape.arguments)
        case _:
            return True
    right = right and _names_in(node).isdisjoint(shape.without)
    return right and (not shape.marks or not _used_by(node, candidates).isdisjoint(shape.marks))


def _used_by(node: ast.stmt, candidates: Sequence[Candidate]) -> set[str]:
    """The names that a definition uses, and those that its helpers and base classes use."""
    names, helpers = set(_names_in(node)), [node]
    for _ in range(3):
        helpers = [each.node for each in candidates if each.name in names and each.node not in helpers]
        names = names.union(*map(_names_in, helpers))
    return names


def method_of(node: ast.ClassDef, shape: DefinitionPattern, candidates: Sequence[Candidate]) -> str | None:
    """The name of the class's working method, its own or inherited from another class of the notebook."""
    methods = {part.name: part for part in node.body if isinstance(part, _FUNCTIONS)}
    own = next((name for name in shape.methods if name in methods), None)
    if own:
        return own if _takes(methods[own], shape.arguments + 1) else None
    for base in node.bases:
        for each in candidates:
            parent = each.node
            if isinstance(parent, ast.ClassDef) and parent is not node and each.name == _last(base):
                return method_of(parent, shape, [other for other in candidates if other is not each])
    return None


def candidates_in(found: Sequence[Statement], prefix: str = "") -> Iterator[Candidate]:
    """Every definition among statements, methods of classes included, in order."""
    for statement in found:
        node = statement.node
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield Candidate(prefix + node.name, statement, node)
        for name in _assigned(node):
            yield Candidate(prefix + name, statement, node)
        if isinstance(node, ast.If | ast.Try | ast.With):  # definitions under a condition
            for part in ast.walk(node):
                if isinstance(part, (*_FUNCTIONS, ast.ClassDef)) and part.name in statement.binds:
                    yield Candidate(prefix + part.name, statement, part)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, _FUNCTIONS):
                    yield Candidate(f"{prefix}{node.name}.{part.name}", statement, part)


def _assigned(node: ast.stmt) -> Iterator[str]:
    """Names that are given to a function or class by assignment, as in ``train = partial(train_all, …)``."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() | ast.Name() | ast.Attribute()):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)):
            inner = func.func if isinstance(func, ast.Call) else func
            if _last(inner) in _WRAPPERS:
                yield name


def _likely(name: str, shape: DefinitionPattern, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Definitions of the right shape under an alias or nearly the right name; those in a class come last."""
    plain = {_plain(alias): rank for rank, alias in enumerate((name, *shape.aliases))}
    right = [each for each in candidates if each.target != name and fits(each, shape, candidates)]
    known = [each for each in right if _plain(each.name) in plain]
    near = difflib.get_close_matches(_plain(name), [_plain(each.name) for each in right], n=1, cutoff=0.8)
    likely = known or [each for each in right if near and _plain(each.name) == near[0]]
    free = [each for each in likely if not each.in_class]
    if shape.kind == "" or not (free or likely):
        return free
    best = min(plain.get(_plain(each.name), len(plain)) for each in free or likely)
    return [each for each in free or likely if plain.get(_plain(each.name), len(plain)) == best]


def _by_shape(shape: DefinitionPattern, candidates: Sequence[Candidate]) -> list[Candidate]:
    """All definitions of the shape that are not parts of one another."""
    right = [each for each in candidates if fits(each, shape, candidates)]
    right = [each for each in right if not each.in_class]
    if shape.kind == "function":  # whoever trains or samples goes round and round
        right = [
            each for each in right if any(isinstance(p, ast.For | ast.While) for p in ast.walk(each.node))
        ]
    if shape.kind == "class" and "forward" in shape.methods:
        right = [each for each in right if any("Module" in _last(b) for b in _bases(each, candidates))]
    used = {
        name for each in right for name in _names_in(each.node) if name != each.name
    }  # a block of the network is no network
    return [each for each in right if each.name not in used]


def _bases(candidate: Candidate, candidates: Sequence[Candidate], depth: int = 0) -> list[ast.expr]:
    node = candidate.node
    if not isinstance(node, ast.ClassDef) or depth > 8:
        return []
    above = [each for each in candidates for base in node.bases if each.name == _last(base)]
    return [*node.bases, *(base for each in above for base in _bases(each, candidates, depth + 1))]


def _loose(shape: DefinitionPattern, candidates: Sequence[Candidate]) -> str:
    """A hint where the method of a class that is not there is a function."""
    for each in candidates if shape.kind == "class" else ():
        if isinstance(each.node, _FUNCTIONS) and not each.in_class and each.name in shape.methods:
            where = place(each.statement.cell, each.line)
            return f"There is a function {each.name} in {where}: make it a method of that class."
    return ""


def _inline(shape: DefinitionPattern, found: Sequence[Statement]) -> str:
    for statement in found:
        works = isinstance(statement.node, ast.For | ast.While | ast.With)
        if works and not _names_in(statement.node).isdisjoint(shape.inline):
            where = place(statement.cell, statement.first)
            return f"Code that may do its work stands at top level in {where}: put it into a function."
    return ""


def _how(shape: DefinitionPattern, candidate: Candidate) -> str:
    if candidate.in_class:
        return "a method of a class"
    usual = _plain(candidate.name) in map(_plain, shape.aliases)
    return "a usual name for it" if usual else "the nearest to that name"


def _takes(node: ast.stmt, count: int) -> bool:
    assert isinstance(node, _FUNCTIONS)
    given = node.args
    return (
        bool(given.vararg or given.kwarg)
        or len([*given.posonlyargs, *given.args, *given.kwonlyargs]) >= count
    )


@lru_cache(maxsize=4096)
def _names_in(node: ast.AST) -> frozenset[str]:
    names = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return names | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _last(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def shapes_from(table: Mapping[str, Mapping[str, Any]]) -> dict[str, DefinitionPattern]:
    """The ``[shapes]`` of a rubric.

    Raises:
        TypeError: a shape has a field that is not known.
    """
    return {name: DefinitionPattern(**_as_tuples(row)) for name, row in table.items()}


def _as_tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}

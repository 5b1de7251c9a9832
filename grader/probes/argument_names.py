"""Find an interface's arguments among a student's parameters: by name, or by what is done with them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.extraction.candidates import last_name
from grader.notebook.parsing import parse

_OTHER_THINGS = re.compile(r"log|save|print|eval_every|every|warm|accum|grad|^lr|learning|_lr|plot|path|file")
LOADED = "DataLoader()"  # the use of a data set that a function builds a loader of
_LINSPACE = {"start": "1", "end": "2", "stop": "2", "steps": "3", "num": "3"}
_LOADERS = frozenset({"DataLoader", "random_split", "Subset"})  # what gets such a data set


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentNames:
    """The arguments of a homework's interface, and how students' parameters for them can be recognised.

    Attributes:
        synonyms: usual names of each argument, compared without case and underscores. Within one signature no
            name may stand for two arguments.
        patterns: regular expressions for further names, searched in lower case where no name is known.
        uses: what code does with each argument, in the words of ``uses_of``.
    """

    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def matched_names(self, names: Iterable[str], arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return the interface's arguments by the student's names for them, each once."""
        own_names = list(names)
        bound = {own: own for own in own_names if own in arguments}
        for find in (self.match, self._match_pattern):
            for own in own_names:
                if own not in bound:
                    left = [known for known in arguments if known not in bound.values()]
                    if (known := find(own, left)) is not None:
                        bound[own] = known
        return bound

    def match(self, own: str, arguments: Iterable[str]) -> str | None:
        """Return the interface's argument that a student's name stands for."""
        known_names = list(arguments)
        if own in known_names:
            return own
        plain = own.replace("_", "").lower()
        for known in known_names:
            if plain in {each.replace("_", "").lower() for each in (known, *self.synonyms.get(known, ()))}:
                return known
        return None

    def _match_pattern(self, own: str, arguments: Iterable[str]) -> str | None:
        name = own.lower()
        if _OTHER_THINGS.search(name):
            return None
        return next(
            (each for each in arguments if each in self.patterns and re.search(self.patterns[each], name)),
            None,
        )

    def matched_uses(
        self, names: Sequence[str], arguments: Iterable[str], uses: Mapping[str, frozenset[str]]
    ) -> dict[str, str]:
        """Return the interface's arguments by the parameters whose uses tell what they are.

        Args:
            names: the parameters that no name tells.
            arguments: the arguments that are left.
            uses: the uses of each parameter, as ``uses_of`` returns them.
        """
        left, bound = list(arguments), dict[str, str]()
        for own in names:
            meant = [
                known for known in left if uses.get(own, frozenset()) & self.uses.get(known, frozenset())
            ]
            if len(meant) == 1:
                bound[own] = meant[0]
                left.remove(meant[0])
        rest = [own for own in names if own not in bound]
        if len(rest) == len(left) == 1:
            bound[rest[0]] = left[0]
        return bound


def uses_of(sources: Iterable[str], name: str) -> dict[str, frozenset[str]]:
    """Return what a function does with each of its parameters.

    Uses are ".attribute", "to()", "device=", "linspace() 1" for its first argument, and LOADED.

    Args:
        sources: the student's statements.
        name: the function's own name; "Class.method" for a method, "Class" for its constructor.
    """
    owner, _, own = name.rpartition(".")
    for source in sources:
        if own in source and (function := _find(source, owner, own)) is not None:
            uses: dict[str, set[str]] = {
                each.arg: set() for each in ast.walk(function) if isinstance(each, ast.arg)
            }
            for parameter, use in _uses_in(function):
                uses.setdefault(parameter, set()).add(use)
            return {parameter: frozenset(each) for parameter, each in uses.items()}
    return {}


def _find(source: str, owner: str, name: str) -> ast.AST | None:
    try:
        tree: ast.AST = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if owner:
        tree = next(
            (p for p in ast.walk(tree) if isinstance(p, ast.ClassDef) and p.name == owner), ast.Module([], [])
        )
    nodes = list(ast.walk(tree))
    if not owner and any(isinstance(node, ast.ClassDef) and node.name == name for node in nodes):
        return _find(source, name, "__init__")
    functions = (p for p in nodes if isinstance(p, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((each for each in functions if each.name == name), None)


def _uses_in(function: ast.AST) -> Iterator[tuple[str, str]]:
    for part in ast.walk(function):
        match part:
            case ast.Attribute(value=ast.Name(id=parameter), attr=attribute):
                yield parameter, f".{attribute}"
            case ast.Call(func=func, args=args, keywords=keywords):
                if last_name(func) == "to":
                    yield from ((each.id, "to()") for each in args if isinstance(each, ast.Name))
                if last_name(func) == "linspace":
                    numbered = [(str(number), each) for number, each in enumerate(args, 1)]
                    numbered += [(_LINSPACE.get(str(each.arg), ""), each.value) for each in keywords]
                    yield from (
                        (each.id, f"linspace() {number}")
                        for number, each in numbered
                        if isinstance(each, ast.Name)
                    )
                if last_name(func) in _LOADERS:
                    of = [*args[:1], *(each.value for each in keywords if each.arg == "dataset")]
                    yield from ((each.id, LOADED) for each in of if isinstance(each, ast.Name))
                for keyword in keywords:
                    if keyword.arg == "device" and isinstance(keyword.value, ast.Name):
                        yield keyword.value.id, "device="

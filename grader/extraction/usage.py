"""Find the classes that a notebook instantiates, and the functions that get the instances."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from grader.extraction.candidates import Candidate, last_name
from grader.extraction.statements import Statement


@dataclass(frozen=True, slots=True)
class Usage:
    """The classes that a notebook instantiates outside of its classes.

    Attributes:
        calls: by the name of each, the calls that instantiate it, in order.
        given: pairs of a function, by the last part of its name, and a class whose instance it gets.
    """

    calls: Mapping[str, Sequence[ast.Call]]
    given: AbstractSet[tuple[str, str]]

    def narrowed(self, alike: Sequence[Candidate], functions: AbstractSet[str]) -> list[Candidate]:
        """Return those whose instances these functions get, else those with instances, else all.

        Args:
            alike: classes that could all be meant.
            functions: names of the functions that work on the one that is meant.
        """
        handed = {name for function, name in self.given if function in functions}
        for names in (handed, set(self.calls)):
            if some := [each for each in alike if each.name in names]:
                return some
        return list(alike)


def find_usage(found: Sequence[Statement], candidates: Iterable[Candidate]) -> Usage:
    """Return what the statements outside of classes do with the classes among the candidates."""
    classes = {each.name for each in candidates if isinstance(each.node, ast.ClassDef)}
    calls: dict[str, list[ast.Call]] = {}
    given: set[tuple[str, str]] = set()
    holds: dict[str, str] = {}  # variables, and the class of what they hold
    for statement in found:
        if isinstance(statement.node, ast.ClassDef):
            continue
        for node in _in_order(statement.node):
            match node:
                case ast.Assign(targets=[target], value=value) if own := _instance(value, classes, holds):
                    holds[ast.unparse(target)] = own
                case ast.Call():
                    if (name := last_name(node.func)) in classes:
                        calls.setdefault(name, []).append(node)
                    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                    owned = [_instance(each, classes, holds) for each in arguments]
                    given |= {(name, own) for own in owned if own}
    return Usage(calls, given)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and everything inside it, in the order of the text."""
    waiting = [node]  # no recursion: a student's expression may be nested deeply
    while waiting:
        yield (node := waiting.pop())
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _instance(value: ast.expr, classes: AbstractSet[str], holds: dict[str, str]) -> str | None:
    """Return the class of ``Model(...)``, ``Model(...).to(device)`` or of a variable that holds one."""
    match value:
        case ast.Call(func=ast.Name() | ast.Attribute() as func) if last_name(func) in classes:
            return last_name(func)
        case ast.Call(func=ast.Attribute(value=inner)):  # a method that returns its object, such as .to
            return _instance(inner, classes, holds)
        case ast.Call(args=[inner, *_]):  # a wrapper, such as DataParallel or compile
            return _instance(inner, classes, holds)
        case ast.Name() | ast.Attribute():
            return holds.get(ast.unparse(value))
    return None

"""Put definitions below those that they need at once, where a notebook was not run from top to bottom."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from grader.extraction.statements import DEFINITION_NODES, Statement


def in_order_of_need(run: Sequence[Statement]) -> list[Statement]:
    """Return the statements with every base class and decorator above the definition that names it.

    Only a definition that stands nowhere above is moved: such a notebook ran its cells in another order.
    """
    first = {name: statement for statement in reversed(run) for name in _defined(statement)}
    present: set[str] = set()
    placed: dict[Statement, None] = {}
    for statement in run:
        waiting = [statement]
        while waiting:
            needed = [first[name] for name in sorted(_needed_at_once(waiting[-1]) - present) if name in first]
            missing = [each for each in needed if each not in placed and each not in waiting]
            if missing:
                waiting.append(missing[0])
                continue
            done = waiting.pop()
            placed[done] = None
            present |= done.binds
    return list(placed)


def _defined(statement: Statement) -> Iterator[str]:
    if isinstance(statement.node, DEFINITION_NODES):
        yield statement.node.name


def _needed_at_once(statement: Statement) -> set[str]:
    """Return the names of base classes and decorators, which Python looks up when it defines a class."""
    node = statement.node
    if not isinstance(node, DEFINITION_NODES):
        return set()
    parts = [*node.decorator_list, *getattr(node, "bases", [])]
    return {part.id for each in parts for part in ast.walk(each) if isinstance(part, ast.Name)}

"""Names that are set again after everything that is graded was run for the last time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from grader.extraction.statements import Statement, is_definition


def never_seen(found: Sequence[Statement], roots: Collection[str]) -> frozenset[Statement]:
    """Return the statements that set names again which the graded definitions saw only as they were before.

    A later part of a notebook may paste a helper again, or change it for another model. What is graded worked
    with the earlier one, if the notebook does not use it afterwards. Where it is never used, or is defined
    below, the last one counts.

    Args:
        found: all statements, in the notebook's order.
        roots: names of the wanted definitions, as the notebook calls them.
    """
    last = _last_use(found, roots)
    defined = [place for place, statement in enumerate(found) if not statement.binds.isdisjoint(roots)]
    if last is None or (defined and defined[-1] > last):
        return frozenset()
    before = {name for statement in found[: last + 1] for name in statement.binds}
    return frozenset(each for each in found[last + 1 :] if each.binds and each.binds <= before - {"*"})


def _last_use(found: Sequence[Statement], roots: Collection[str]) -> int | None:
    """Return the place of the last statement that uses a root, or something that was made with one."""
    last, made = None, set(roots)
    for place, statement in enumerate(found):
        if not _uses(statement, made):
            continue
        made |= statement.binds
        if not is_definition(statement.node):
            last = place
    return last


def _uses(statement: Statement, names: AbstractSet[str]) -> bool:
    return not statement.reads.isdisjoint(names)

"""Look at what a function was given, without changing it: networks, optimisers, loaders, other objects."""

from __future__ import annotations

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import body_of, definitions, replaced, with_body


@transformation("inspection")
def look_at_argument(draft: Draft) -> bool:
    """Look at one argument of a function, as the rubric says."""
    return _look(draft, 1)


@transformation("inspection")
def look_at_arguments(draft: Draft) -> bool:
    """Look at all arguments of a function that the rubric says something about."""
    return _look(draft, 99)


def _look(draft: Draft, most: int) -> bool:
    for definition in definitions(draft):
        known = [name for name in definition.parameters if name in draft.looks]
        if definition.is_plain and known and definition.name != "__init__":
            draft.rng.shuffle(known)
            lines = [draft.rng.choice(draft.looks[name]) for name in known[:most]]
            function = with_body(definition.function, "\n".join([*lines, body_of(definition.function)]))
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False

"""Find definitions that code reaches by a text: in ``exec``, ``eval``, ``globals()`` or ``getattr``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from grader.extraction.statements import Statement

_NAMESPACES = frozenset({"exec", "eval", "globals", "vars", "locals"})
_LOOKUPS = _NAMESPACES | {"getattr", "import_module", "__import__"}
_WORD = re.compile(r"[^\W\d]\w*")
_SHORTEST = 3  # letters of a name that an f-string must spell out


def named_in_texts(statement: Statement, names: Iterable[str], anywhere: AbstractSet[str]) -> set[str]:
    """Return those of ``names`` that a statement may look up by text.

    An f-string stands for every name that it may form: ``globals()[f"{kind}Block"]`` for ``UpBlock``.

    Args:
        statement: a statement of the notebook.
        names: all names that the notebook defines.
        anywhere: definitions that texts elsewhere name; see ``named_anywhere``.
    """
    if statement.reads.isdisjoint(_LOOKUPS):
        return set()
    words = set() if statement.reads.isdisjoint(_NAMESPACES) else set(anywhere)
    forms: list[re.Pattern[str]] = []
    for node in ast.walk(statement.node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.update(_WORD.findall(node.value))
        elif isinstance(node, ast.JoinedStr) and (form := "".join(_form(node))):
            forms.append(re.compile(form))
    return {name for name in names if name in words or any(form.fullmatch(name) for form in forms)}


def named_anywhere(
    statements: Iterable[Statement], files: Iterable[str], definitions: AbstractSet[str]
) -> set[str]:
    """Return the definitions that a text of the notebook consists of, or that one of ``files`` names.

    ``build("UpBlock")`` may find the class in ``globals()``, and so may a configuration with that word.
    """
    texts = {
        node.value
        for statement in statements
        for node in ast.walk(statement.node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    texts.update(word for file in files for word in _WORD.findall(file))
    return texts.intersection(definitions)


def _form(node: ast.JoinedStr) -> Iterator[str]:
    """Yield the parts of a pattern for the names that an f-string may form; nothing if that is any name."""
    spelt = [part.value for part in node.values if isinstance(part, ast.Constant)]
    text = "".join(map(str, spelt))
    if len(text) < _SHORTEST or not re.fullmatch(r"\w+", text):
        return
    for part in node.values:
        yield re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w*"

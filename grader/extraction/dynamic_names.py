"""Find definitions that code reaches by a text: in ``exec``, ``eval``, ``globals()`` or ``getattr``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from grader.extraction.statements import Statement

_LOOKUPS = frozenset({"exec", "eval", "globals", "vars", "locals", "getattr", "import_module", "__import__"})
_WORD = re.compile(r"[^\W\d]\w*")
_SHORTEST = 3  # letters of a name that an f-string must spell out


def named_in_texts(statement: Statement, names: Iterable[str]) -> set[str]:
    """Return those of ``names`` that occur in the texts of a statement which looks names up by text.

    An f-string stands for every name that it may form: ``globals()[f"{kind}Block"]`` for ``UpBlock``.
    """
    if statement.reads.isdisjoint(_LOOKUPS):
        return set()
    words: set[str] = set()
    forms: list[re.Pattern[str]] = []
    for node in ast.walk(statement.node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.update(_WORD.findall(node.value))
        elif isinstance(node, ast.JoinedStr) and (form := "".join(_form(node))):
            forms.append(re.compile(form))
    return {name for name in names if name in words or any(form.fullmatch(name) for form in forms)}


def _form(node: ast.JoinedStr) -> Iterator[str]:
    """Yield the parts of a pattern for the names that an f-string may form; nothing if that is any name."""
    spelt = [part.value for part in node.values if isinstance(part, ast.Constant)]
    text = "".join(map(str, spelt))
    if len(text) < _SHORTEST or not re.fullmatch(r"\w+", text):
        return
    for part in node.values:
        yield re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w*"

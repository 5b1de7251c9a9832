"""Text as people may see it: cleaned of escapes and control characters, and places in words."""

from __future__ import annotations

import re

# Whole sequences go, not only their first character: "[31m" would be left to read. Unterminated ones lose
# their introducer only, so that nobody can make the rest of a sentence vanish.
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[P_^X][^\x1b]*\x1b\\"  # device strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)


_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # controls, what UTF-8 cannot carry
    r"\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"  # can reorder or hide
)


def clean(text: object, *, limit: int = 4000) -> str:
    """Text as a person may see it: no escapes, no control or reordering characters, no endless length."""
    raw = str(text)[: 4 * limit]
    raw = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    seen = _UNSEEN.sub("", ESCAPES.sub("", raw)).replace("\t", "    ")
    return seen if len(seen) <= limit else seen[: limit - 1] + "…"


def line(text: object) -> str:
    """Text cleaned, on one line."""
    return " ".join(clean(text).split())


def place(cell: int | str | None, line: int | None) -> str:
    """Where something stands, in words: a cell of the notebook, or a file beside it."""
    where = f"cell {cell}" if isinstance(cell, int) else str(cell)
    return f"{where}, line {line}"

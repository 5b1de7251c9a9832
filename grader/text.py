"""Make untrusted text safe to print, and describe positions in a notebook."""

from __future__ import annotations

import re

# Remove whole escape sequences, or "[31m" would remain as text. Of an unterminated sequence only the
# introducer goes, so that a notebook cannot make the rest of a sentence vanish.
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[P_^X][^\x1b]*\x1b\\"  # device strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)


_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # controls, not in UTF-8
    r"\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"  # can hide or reorder
)


def clean(text: object, *, limit: int = 4000) -> str:
    """Remove escapes, control and reordering characters, and cut the text at ``limit`` characters."""
    raw = str(text)[: 4 * limit]
    raw = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    visible = _INVISIBLE.sub("", ESCAPES.sub("", raw)).replace("\t", "    ")
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"


def line(text: object) -> str:
    """Clean a text and put it on one line."""
    return " ".join(clean(text).split())


def place(cell: int | str | None, line: int | None) -> str:
    """Describe a position: a cell of the notebook or a local module, and a line."""
    where = f"cell {cell}" if isinstance(cell, int) else str(cell)
    return f"{where}, line {line}"

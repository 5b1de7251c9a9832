"""Make untrusted text safe to print, and describe positions in a notebook."""

from __future__ import annotations

import re
from collections.abc import Sequence

NEVER_DEFINED = "is never defined in the notebook"  # what explains a name that no statement binds

# Remove whole escape sequences, or "[31m" would remain as text. Of an unterminated sequence only the
# introducer goes, so that a notebook cannot make the rest of a sentence vanish.
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[P_^X][^\x1b]*\x1b\\"  # device strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)


# Unicode's Default_Ignorable_Code_Point, its format characters (Cf) except the visible signs among them, and
# two symbols that are blank: they can hide, reorder, or make two names look alike.
_IGNORED = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3"
    r"\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"  # letters to Python and to file systems
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # or not in UTF-8
_INVISIBLE = re.compile(f"[{_CONTROLS}{_IGNORED}]")
_NEW_LINE = re.compile("\r\n|[\r\u2028\u2029]")
_SPACE = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def clean(text: object, *, limit: int = 4000) -> str:
    """Remove escapes and invisible characters, replace spaces of any width, and cut at ``limit`` characters.

    A text of nothing but invisible characters becomes their code points, such as U+3164.
    """
    raw = _NEW_LINE.sub("\n", str(text)[: 4 * limit])
    visible = _SPACE.sub(" ", _INVISIBLE.sub("", ESCAPES.sub("", raw))).replace("\t", "    ")
    if not visible.strip() and (hidden := _INVISIBLE.findall(raw)):
        visible += " ".join(f"U+{ord(character):04X}" for character in hidden[:10])
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"


def line(text: object) -> str:
    """Clean a text and put it on one line."""
    return " ".join(clean(text).split())


def place(cell: int | str | None, line: int | None) -> str:
    """Describe a position: a cell of the notebook or a local module, and a line."""
    where = f"cell {cell}" if isinstance(cell, int) else str(cell)
    return f"{where}, line {line}"


def listed(names: Sequence[str], *, most: int = 8) -> str:
    """Join names for a sentence; beyond ``most``, say how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def missing_definitions(names: Sequence[str]) -> str:
    """Return the sentence for definitions that were not found, given in the order of the work."""
    if len(names) == 1:
        return f"The notebook defines no {names[0]}."
    all_but_last, last = ", ".join(names[:-1]), names[-1]
    words = f"neither {all_but_last} nor {last}" if len(names) == 2 else f"none of {all_but_last} and {last}"
    return f"The notebook defines {words}. Begin with {names[0]}."

"""Layout of text for a terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from grader.text import ESCAPES, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Layout for a terminal of a given width, with or without colours."""

    width: int
    colour: bool

    def paint(self, text: str, code: str) -> str:
        """Set text in the colour of an ANSI code."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def bold(self, text: str) -> str:
        """Set text in bold."""
        return self.paint(text, "1")

    def heading(self, left: str, right: str) -> str:
        """Set a heading with its points at the right margin; shorten the heading if both do not fit."""
        room = self.width - len(right) - 1
        text = left if len(left) <= room else left[: room - 1] + "…"
        gap = " " * (self.width - len(text) - len(right))
        return (self.bold(text) + gap + self.bold(right)).rstrip()

    def wrap(self, text: str, *, first: str = "") -> list[str]:
        """Wrap text after the prefix ``first``, with a hanging indent of its width."""
        margin = _visible_length(first)
        lines = textwrap.wrap(line(text), max(self.width - margin, 20), break_on_hyphens=False) or [""]
        return [first + lines[0], *(" " * margin + rest for rest in lines[1:])]


def _visible_length(text: str) -> int:
    return len(ESCAPES.sub("", text))

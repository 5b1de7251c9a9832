"""The Jinja environment of all pages: values are escaped, and control characters never reach a page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.text import clean, line

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return the environment that renders the templates, with autoescaping and strict undefined values.

    Filters beyond Jinja's own: ``code_spans`` splits a sentence at its backticks, ``css_class`` gives the
    class of a ``Status``, which is also the name of its icon, ``css_string`` quotes text for a style sheet.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    templates.filters["code_spans"] = _code_spans
    templates.filters["css_class"] = lambda status: status.name.lower()
    templates.filters["css_string"] = _css_string
    return templates


def _css_string(text: str) -> Markup:
    """Return text as a CSS string in which all but ASCII letters and digits is escaped."""
    shown = line(clean(text, limit=100))
    return Markup('"{}"').format(
        Markup("").join(
            Markup(each if each.isascii() and each.isalnum() else f"\\{ord(each):x} ") for each in shown
        )
    )


def _printable(value: Any) -> Any:
    """Clean the value of an expression. Jinja calls this on every one of them, and escapes the result."""
    return value if isinstance(value, Markup | int | float) else clean(value)


def _code_spans(text: str) -> list[tuple[bool, str]]:
    """Split a sentence at its backticks into pairs (is_code, text)."""
    # Cleaned before the split: the limit on length would not hold for a thousand short pieces.
    pieces = re.split(r"`([^`\n]+)`", clean(text))
    return [(index % 2 == 1, piece) for index, piece in enumerate(pieces) if piece]

"""The templates of all pages: what fills them is escaped, and no control character gets through."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.text import clean

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates: everything is escaped, and no control character gets through."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    templates.filters["code_spans"] = _code_spans
    templates.filters["symbol"] = lambda standing: standing.name.lower()
    return templates


def _printable(value: Any) -> Any:
    """Every expression in every template passes here on its way out; escaping comes after it."""
    return value if isinstance(value, Markup | int | float) else clean(value)


def _code_spans(text: str) -> list[tuple[bool, str]]:
    """The pieces of a sentence, each with whether it stood between backticks."""
    pieces = re.split(r"`([^`\n]+)`", clean(text))  # as a whole: a thousand short pieces are long, too
    return [(index % 2 == 1, piece) for index, piece in enumerate(pieces) if piece]

"""The student's words in markdown, as the page shows them: a few harmless elements, and no attribute."""

from __future__ import annotations

from functools import cache
from typing import Any

from markupsafe import Markup, escape

from grader.text import clean

LETTERS = 5_000  # of one cell
_ELEMENTS = set("p em strong code pre ul ol li blockquote br hr table thead tbody tr th td".split())  # noqa: SIM905


def rendered(text: str) -> Markup:
    """Markdown as HTML, safe to stand in the page. Headings become bold lines, since the page's outline is
    ours; links and pictures become their text, since the page asks for nothing.
    """
    import nh3  # here: the command line must start without it

    text = clean(text, limit=LETTERS)
    try:
        html = str(_markdown()(text))
    except RecursionError:  # thousands of brackets within brackets
        html = f"<p>{escape(text)}</p>"
    return Markup(nh3.clean(html, tags=_ELEMENTS, attributes={}, link_rel=None))


@cache
def _markdown() -> Any:
    import mistune

    class Plain(mistune.HTMLRenderer):
        def heading(self, text: str, level: int, **attrs: Any) -> str:
            return f"<p><strong>{text}</strong></p>\n"

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return text

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"[picture: {text}]" if text else "[picture]"

    return mistune.create_markdown(renderer=Plain(escape=True), plugins=["table", "strikethrough"])

"""The notebook's markdown as HTML that is safe to embed: no attributes, links, images or active elements."""

from __future__ import annotations

from functools import cache
from typing import Any

from markupsafe import Markup, escape

from grader.text import clean

MAX_CHARACTERS = 5_000  # per cell
_ELEMENTS = set("p em strong code pre ul ol li blockquote br hr table thead tbody tr th td".split())  # noqa: SIM905


def render_markdown(text: str, *, limit: int = MAX_CHARACTERS) -> Markup:
    """Render markdown as sanitized HTML, cut at ``limit`` characters.

    Headings become bold paragraphs, since the page has an outline of its own. Links and images are replaced
    by their text: the page must load nothing.
    """
    import nh3  # imported late: the command line must start without it

    text = clean(text, limit=limit)
    try:
        html = str(_renderer()(text))
    except RecursionError:  # thousands of nested brackets
        html = f"<p>{escape(text)}</p>"
    # The renderer escapes HTML already; nh3 parses its output as a browser would and removes all but the
    # allowed elements, so a fault in the renderer cannot put an active element on the page.
    return Markup(nh3.clean(html, tags=_ELEMENTS, attributes={}, link_rel=None))


@cache
def _renderer() -> Any:
    import mistune

    class PlainRenderer(mistune.HTMLRenderer):
        def heading(self, text: str, level: int, **attrs: Any) -> str:
            return f"<p><strong>{text}</strong></p>\n"

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return text

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"[image: {text}]" if text else "[image]"

    return mistune.create_markdown(renderer=PlainRenderer(escape=True), plugins=["table", "strikethrough"])

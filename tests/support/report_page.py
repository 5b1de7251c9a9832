"""A rendered report page, parsed into its elements and its visible text."""

from __future__ import annotations

from html.parser import HTMLParser

from report_samples import EXERCISES

from grader.model import Figure, Grade
from grader.report.page import render

VOID = {"meta", "link", "img", "br", "input", "hr", "path", "circle", "rect", "use", "line"}


class ParsedPage(HTMLParser):
    """Parser that collects elements with their attributes, and the text, and checks that tags are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag != "code":
            self.text += " "  # elements separate words, except code inside a sentence

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        """Return the attributes of every element with this tag."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(grade: Grade, figures: list[Figure] | None = None) -> ParsedPage:
    """Return the parsed report page of a grade."""
    return ParsedPage(render(grade, figures or [], EXERCISES))


def visible_text(page: ParsedPage) -> str:
    """Return the text of a page with white space collapsed."""
    return " ".join(page.text.split())

"""A rendered page as a reader meets it: its elements, and its words."""

from __future__ import annotations

from html.parser import HTMLParser

from report_samples import EXERCISES

from grader.model import Figure, Grade
from grader.report.page import render

VOID = {"meta", "link", "img", "br", "input", "hr", "path", "circle", "rect", "use", "line"}


class Reader(HTMLParser):
    """The page as a browser would take it: elements, attributes, text."""

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
            self.text += " "  # nobody sees "Found" and what was found as one word

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page(grade: Grade, figures: list[Figure] | None = None) -> Reader:
    return Reader(render(grade, figures or [], EXERCISES))


def words(reader: Reader) -> str:
    return " ".join(reader.text.split())

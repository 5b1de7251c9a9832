"""The templates of the staff's pages; they share the look of the reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from grader.report import templating


@cache
def environment() -> Environment:
    """As for reports: everything is escaped, and no control character gets through."""
    places = [Path(__file__).parent / "templates", templating.TEMPLATES]
    return templating.environment().overlay(loader=FileSystemLoader(places))

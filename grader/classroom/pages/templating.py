"""Template environment of the staff pages, which share templates and style with the reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from grader.report import templating


@cache
def environment() -> Environment:
    """Return the reports' environment (everything escaped, control characters removed) with our templates."""
    folders = [Path(__file__).parent / "templates", templating.TEMPLATES]
    return templating.environment().overlay(loader=FileSystemLoader(folders))

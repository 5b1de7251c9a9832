"""Template environment of the review pages, which share templates and style with the reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from grader.report import templating

_HERE = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return the reports' environment (everything escaped, control characters removed) with our templates."""
    templates = templating.environment().overlay(loader=FileSystemLoader([_HERE, templating.TEMPLATES]))
    templates.globals = {**templates.globals, "version": _version()}
    return templates


def _version() -> str:
    """Return what changes with the style sheet and the script, so that browsers do not keep old ones."""
    files = sorted(Path(__file__).parent.rglob("*.*"))
    return f"{max(file.stat().st_mtime_ns for file in files):x}"

"""Helpers for tests of grades."""

from __future__ import annotations

from grader.model import Grade


def lost(grade: Grade) -> dict[str, str]:
    """Return the criteria that did not pass, with their messages."""
    return {result.id: result.message for result in grade.criteria if result.verdict != "pass"}

"""What tests ask of a grade."""

from __future__ import annotations

from grader.model import Grade


def lost(grade: Grade) -> dict[str, str]:
    """The criteria that lost points, or were not judged, and why."""
    return {result.id: result.message for result in grade.criteria if result.verdict != "pass"}

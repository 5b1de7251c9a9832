"""Notices above a result: what a self-check leaves out, and what an incomplete sandbox means."""

from __future__ import annotations

from grader.model import Grade


def is_self_check(grade: Grade) -> bool:
    """Return whether a student checked a notebook with a kit, which asks a part and grades nothing."""
    return grade.self_check_of is not None


def self_check_suffix(grade: Grade) -> str:
    """Return what follows the name in a heading, so that nobody takes a self-check for a grade; else ""."""
    return ": self-check" if is_self_check(grade) else ""


def self_check_note(grade: Grade) -> str:
    """Return what a self-check is, and how much of the homework it did not ask; "" for a grade."""
    if grade.self_check_of is None:
        return ""
    others = round(grade.self_check_of - grade.possible, 2)
    if others <= 0:
        return "This is no grade: at hand-in everything is asked again, with other numbers."
    verb = "is" if others == 1 else "are"
    return f"This is no grade: {others:g} of {grade.self_check_of:g} points {verb} only asked at hand-in."


def sandbox_warning(grade: Grade) -> str:
    """Return a warning for a grade whose notebook ran without full sandboxing; "" for all others."""
    level = grade.environment.get("isolation_level", "strong")
    if level == "strong":
        return ""
    return (
        f"The notebook's code ran at isolation level “{level}”, without full sandboxing; only trust this "
        "result for your own notebook. `grade doctor` suggests fixes."
    )

"""The check that every rubric begins with: is there code to judge?

A rubric takes it over with a criterion ``notebook.extracts`` of 0 points and one import in a ``check_*.py``.
"""

from __future__ import annotations

from grader.checks import NeedsReview, Unmet, criterion
from grader.checks.session import Judge
from grader.sandbox.student import Student
from grader.text import missing_definitions, place


@criterion("notebook.extracts")
def check_definitions_are_found(judge: Judge, student: Student) -> None:
    """Every definition was found, and every statement that they depend on runs."""
    extraction = judge.request["extraction"]
    for problem in student.problems:
        where = place(problem["cell"], problem["line"])
        why = f"{problem['type']}: {problem['message']}"
        judge.reporter.note(f"In {where}, a statement that your definitions depend on fails: {why}")
    if extraction["missing"]:
        hints = "".join(f" {hint}" for hint in extraction["hints"].values() if hint)
        raise Unmet(
            f"{missing_definitions(extraction['missing'])}{hints}", expected=", ".join(judge.rubric.wanted)
        )
    missing = sorted({str(p["message"]) for p in student.problems if p["type"] == "ModuleNotFoundError"})
    if missing:
        raise NeedsReview(
            f"Your notebook needs modules that are not installed here ({'; '.join(missing)}). "
            f"What depends on them was not checked; install them and grade again."
        )
    if student.problems:
        first = student.problems[0]
        raise Unmet(
            f"A statement that your definitions depend on fails in {place(first['cell'], first['line'])}: "
            f"{first['type']}: {first['message']}"
        )

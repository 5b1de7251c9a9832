"""The gate: is there something to judge?"""

from __future__ import annotations

from grader.checks import NeedsReview, Unmet, criterion
from grader.checks.session import Judge
from grader.sandbox.student import Student
from grader.text import place


@criterion("notebook.extracts")
def check_definitions_are_found(judge: Judge, student: Student) -> None:
    """The four definitions were found, and every statement that they need runs."""
    extraction = judge.request["extraction"]
    for problem in student.problems:
        where = place(problem["cell"], problem["line"])
        why = f"{problem['type']}: {problem['message']}"
        judge.reporter.note(f"In {where}, a statement that your definitions need fails: {why}")
    if extraction["missing"]:
        names = ", ".join(extraction["missing"])
        hints = "".join(f" {hint}" for hint in extraction["hints"].values() if hint)
        raise Unmet(f"The notebook defines no {names}.{hints}", expected=", ".join(judge.rubric.wanted))
    missing = sorted({str(p["message"]) for p in student.problems if p["type"] == "ModuleNotFoundError"})
    if missing:
        raise NeedsReview(
            f"Your notebook needs modules that are not installed where it was graded ({'; '.join(missing)}). "
            f"What depends on them could not be judged; install them and grade again."
        )
    if student.problems:
        first = student.problems[0]
        raise Unmet(
            f"A statement that your definitions need fails in {place(first['cell'], first['line'])}: "
            f"{first['type']}: {first['message']}"
        )

"""The gate: is there something to judge?"""

from __future__ import annotations

from grader.checks import Undecided, Unmet, criterion
from grader.checks.plugin import Judge
from grader.sandbox.student import Student


@criterion("notebook.extracts")
def check_definitions_are_found(judge: Judge, student: Student) -> None:
    """The four definitions were found, and every statement that they need runs."""
    extraction = judge.request["extraction"]
    for problem in student.problems:
        where = f"cell {problem['cell']}, line {problem['line']}"
        why = f"{problem['type']}: {problem['message']}"
        judge.talk.note(f"In {where}, a statement that your definitions need fails: {why}")
    if extraction["missing"]:
        names = ", ".join(extraction["missing"])
        near = "".join(
            f" For {name}, did you mean {other}?" for name, other in extraction["near_misses"].items()
        )
        raise Unmet(f"The notebook defines no {names}.{near}", expected=", ".join(judge.rubric.wanted))
    missing = sorted({str(p["message"]) for p in student.problems if p["type"] == "ModuleNotFoundError"})
    if missing:
        raise Undecided(
            f"Your notebook needs modules that are not installed where it was graded ({'; '.join(missing)}). "
            f"What depends on them could not be judged; install them and grade again."
        )
    if student.problems:
        first = student.problems[0]
        raise Unmet(
            f"A statement that your definitions need fails in cell {first['cell']}, line {first['line']}: "
            f"{first['type']}: {first['message']}"
        )

"""Gradescope: a ``results.json`` for each student, in the format of its autograders."""

from __future__ import annotations

import json
from typing import Any

from grader.classroom.exports.changes import Change
from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    NameMatches,
    feedback,
    format_number,
    provisional_warnings,
)
from grader.classroom.exports.matching import own_matches
from grader.classroom.exports.scaling import Scale, require_whole_marks
from grader.classroom.marks import FinalMark
from grader.classroom.storage.gradebook import GradebookEntry
from grader.model import UNDECIDED, CriterionResult, Grade, Verdict, for_students
from grader.report.summary import score


def export(request: ExportRequest) -> Export:
    """Return ``<key>/results.json`` for each student with exported points.

    Raises:
        UsageError: a mark is of other points than the homework's, or two students have one identifier.
    """
    require_whole_marks(request)
    scale, names, changes = Scale(request), NameMatches(request), list[Change]()
    files = {}
    matches = own_matches(request.entries, ("email", "sis", "gradescope"))
    for entry, match in zip(request.entries, matches, strict=True):
        points = scale.points(entry)
        if entry.grade is None or points is None or not names.allow(entry, match, entry.person.name):
            continue
        content = json.dumps(results(entry, points), indent=2, ensure_ascii=False)
        files[f"{entry.person.key}/results.json"] = content.encode("utf-8", "replace")
        changes.append(Change(student=entry.person.name, old=None, new=format_number(points), by=match.by))
    warnings = (*provisional_warnings(request), *names.warnings, *scale.warnings)
    return Export(files=files, warnings=warnings, changes=tuple(changes))


def results(entry: GradebookEntry, points: float) -> dict[str, Any]:
    """Return the content of one file.

    Hidden criteria keep only title and verdict. They are not marked as hidden, since Gradescope would then
    hide the total from students as well.
    """
    assert entry.grade is not None
    grade = for_students(entry.grade)
    summary = feedback(entry)[: 1 + len(entry.mark.lines)]  # lost points are in the tests
    return {
        "score": points,
        "execution_time": float(grade.seconds.get("total", 0.0)),
        "output": "\n".join(summary),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": _tests(grade, entry.mark),
        "extra_data": {"rubric": dict(grade.rubric), "notebook": grade.submission["sha256"]},
    }


def _tests(grade: Grade, mark: FinalMark) -> list[dict[str, Any]]:
    numbers: dict[int, int] = {}
    tests = []
    for result in grade.criteria:
        numbers[result.exercise] = numbers.get(result.exercise, 0) + 1
        number = f"{result.exercise}.{numbers[result.exercise]}"
        tests.append(_test(result, number, mark.criteria.get(result.id)))
    return tests


def _test(result: CriterionResult, number: str, adjusted: float | None) -> dict[str, Any]:
    """Return a criterion's test; ``adjusted`` are its final points where a person changed them."""
    earned = result.earned if adjusted is None else adjusted
    hint = f"\nHint: {result.hint}" if result.hint else ""
    note = "" if adjusted is None else f"Adjusted from {score(result.earned, result.possible)}.\n"
    test = {
        "score": earned,
        "max_score": result.possible,
        "name": result.title,
        "number": number,
        "output": note + result.message + hint,
        "tags": [result.id, result.verdict.value],
        "visibility": "visible",
    }
    if adjusted is not None:
        test["status"] = "passed" if earned >= result.possible else "failed"
    elif result.verdict not in UNDECIDED:  # neither passed nor failed
        test["status"] = "passed" if result.verdict is Verdict.PASS else "failed"
    return test

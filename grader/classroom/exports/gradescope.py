"""Gradescope: a ``results.json`` for each student, in the format of its autograders."""

from __future__ import annotations

import json
from typing import Any

from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    exported_points,
    feedback,
    provisional_warnings,
)
from grader.classroom.gradebook import GradebookEntry
from grader.model import CriterionResult, Grade, Verdict, for_students


def export(request: ExportRequest) -> Export:
    """Return ``<key>/results.json`` for each student with exported points."""
    files = {
        f"{entry.person.key}/results.json": json.dumps(
            results(entry, points), indent=2, ensure_ascii=False
        ).encode("utf-8", "replace")
        for entry in request.entries
        if entry.grade and (points := exported_points(entry, request)) is not None
    }
    return Export(files=files, warnings=tuple(provisional_warnings(request)))


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
        "tests": _tests(grade),
        "extra_data": {"rubric": dict(grade.rubric), "notebook": grade.submission["sha256"]},
    }


def _tests(grade: Grade) -> list[dict[str, Any]]:
    numbers: dict[int, int] = {}
    tests = []
    for result in grade.criteria:
        numbers[result.exercise] = numbers.get(result.exercise, 0) + 1
        tests.append(_test(result, f"{result.exercise}.{numbers[result.exercise]}"))
    return tests


def _test(result: CriterionResult, number: str) -> dict[str, Any]:
    hint = f"\nHint: {result.hint}" if result.hint else ""
    test = {
        "score": result.earned,
        "max_score": result.possible,
        "name": result.title,
        "number": number,
        "output": result.message + hint,
        "tags": [result.id, result.verdict.value],
        "visibility": "visible",
    }
    if result.verdict is not Verdict.ERROR:  # the grader's failure: neither passed nor failed
        test["status"] = "passed" if result.verdict is Verdict.PASS else "failed"
    return test

"""Gradescope: a ``results.json`` for each student, as an autograder leaves it."""

from __future__ import annotations

import json
from typing import Any

from grader.classroom.exports.common import Export, Request, counts, feedback, left_out
from grader.classroom.gradebook import GradebookEntry
from grader.model import CriterionResult, Grade, Verdict, for_students


def export(request: Request) -> Export:
    """One file for each student that counts, ``<key>/results.json``."""
    files = {
        f"{standing.person.key}/results.json": json.dumps(
            results(standing, points), indent=2, ensure_ascii=False
        ).encode("utf-8", "replace")
        for standing in request.standings
        if standing.grade and (points := counts(standing, request)) is not None
    }
    return Export(files=files, warnings=tuple(left_out(request)))


def results(standing: GradebookEntry, points: float) -> dict[str, Any]:
    """The file's content. Hidden criteria are closed, not hidden: that would hide the total, too."""
    assert standing.grade is not None
    grade = for_students(standing.grade)
    said = [line.sentence for line in standing.mark.lines]
    return {
        "score": points,
        "execution_time": float(grade.seconds.get("total", 0.0)),
        "output": "\n".join(feedback(standing)[: 1 + len(said)]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": _tests(grade),
        "extra_data": {"rubric": dict(grade.rubric), "notebook": grade.submission["sha256"]},
    }


def _tests(grade: Grade) -> list[dict[str, Any]]:
    counted: dict[int, int] = {}
    tests = []
    for result in grade.criteria:
        counted[result.exercise] = counted.get(result.exercise, 0) + 1
        tests.append(_test(result, f"{result.exercise}.{counted[result.exercise]}"))
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
    if result.verdict is not Verdict.ERROR:  # ours: neither passed nor failed
        test["status"] = "passed" if result.verdict is Verdict.PASS else "failed"
    return test

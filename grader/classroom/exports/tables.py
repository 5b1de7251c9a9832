"""Generic formats: nbgrader's CSV, a CSV with every criterion, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    csv_bytes,
    exported_points,
    provisional_warnings,
)
from grader.classroom.gradebook import GradebookEntry
from grader.model import CriterionResult

_NBGRADER = [
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
]
_IDS = ("email", "login", "sis", "canvas", "moodle", "section")


def nbgrader(request: ExportRequest) -> Export:
    """Return the CSV of ``nbgrader export``; without a submission, the score is 0.0 and the time empty."""
    rows: list[list[object]] = [list(_NBGRADER)]
    for entry in request.entries:
        first, last = _first_and_last(entry.person.name)
        mark = entry.mark
        points = exported_points(entry, request)
        missing = entry.grade is None and not mark.is_excused
        score = 0.0 if missing and points is None else points
        rows.append(
            [
                request.assignment or request.title,
                request.due,
                entry.handed_in.isoformat(sep=" ") if entry.handed_in else "",
                entry.person.ids.get("login") or entry.person.key,
                last,
                first,
                entry.person.ids.get("email", ""),
                "" if score is None else score + mark.penalty,
                mark.penalty,
                "" if score is None else score,
                mark.possible or request.possible,
            ]
        )
    return Export(data=csv_bytes(rows, escape_formulas=True), warnings=tuple(provisional_warnings(request)))


def full_csv(request: ExportRequest) -> Export:
    """Return a CSV with a row for each student and a column for the points of each criterion."""
    ids = list(dict.fromkeys(result.id for entry in request.entries for result in _criteria(entry)))
    rows: list[list[object]] = [
        ["student", "name", *_IDS, "points", "possible", "judged", "late_penalty", "state", "notebook", *ids]
    ]
    for entry in request.entries:
        mark, person = entry.mark, entry.person
        points = exported_points(entry, request)
        earned = {result.id: result.earned for result in _criteria(entry)}
        rows.append(
            [
                person.key,
                person.name,
                *(person.ids.get(kind, "") for kind in _IDS),
                "" if points is None else points,
                mark.possible or "",
                mark.judged if entry.grade else "",
                mark.penalty or "",
                _state(entry),
                entry.label or "",
                *(earned.get(id, "") for id in ids),
            ]
        )
    return Export(data=csv_bytes(rows, escape_formulas=True), warnings=tuple(provisional_warnings(request)))


def as_json(request: ExportRequest) -> Export:
    """Return every student with the final mark, adjustments and the judge's unchanged result."""
    students = [_student(entry) for entry in request.entries]
    data = {"schema": 1, "title": request.title, "students": students}
    return Export(data=(json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


def _student(entry: GradebookEntry) -> dict[str, Any]:
    mark = entry.mark
    return {
        "student": entry.person.key,
        "name": entry.person.name,
        "ids": dict(entry.person.ids),
        "points": mark.final,
        "possible": mark.possible,
        "state": _state(entry),
        "late_penalty": mark.penalty,
        "handed_in": entry.handed_in.isoformat() if entry.handed_in else None,
        "adjustments": [asdict(each) for each in entry.adjustments],
        "result": entry.grade.as_json() if entry.grade else None,
    }


def _criteria(entry: GradebookEntry) -> tuple[CriterionResult, ...]:
    return entry.grade.criteria if entry.grade else ()


def _state(entry: GradebookEntry) -> str:
    if entry.mark.is_excused:
        return "excused"
    if entry.grade is None:
        return "nothing handed in" if entry.label is None else "not graded"
    if entry.grade.provisional:
        return "provisional"
    return "needs review" if entry.mark.is_flagged else "graded"


def _first_and_last(name: str) -> tuple[str, str]:
    """Split a name into first and last; the last word is the last name unless there is a comma."""
    if "," in name:
        last, _, first = name.partition(",")
    else:
        first, _, last = name.rpartition(" ")
    return first.strip(), last.strip()

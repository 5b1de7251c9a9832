"""Tables and plain data: nbgrader's CSV, one of our own with every criterion, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from grader.classroom.exports.common import Export, Request, counts, left_out, table
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


def nbgrader(request: Request) -> Export:
    """The columns of ``nbgrader export``. Who handed in nothing has 0.0 and no time."""
    rows: list[list[object]] = [list(_NBGRADER)]
    for standing in request.standings:
        first, last = _first_and_last(standing.person.name)
        mark = standing.mark
        points = counts(standing, request)
        missing = standing.grade is None and not mark.is_excused
        score = 0.0 if missing and points is None else points
        rows.append(
            [
                request.assignment or request.title,
                request.due,
                standing.handed_in.isoformat(sep=" ") if standing.handed_in else "",
                standing.person.ids.get("login") or standing.person.key,
                last,
                first,
                standing.person.ids.get("email", ""),
                "" if score is None else score + mark.penalty,
                mark.penalty,
                "" if score is None else score,
                mark.possible or request.possible,
            ]
        )
    return Export(data=table(rows, neutral=True), warnings=tuple(left_out(request)))


def plain(request: Request) -> Export:
    """Everything in one table: a row for each student, a column for each criterion's points."""
    ids = list(dict.fromkeys(r.id for s in request.standings for r in _criteria(s)))
    rows: list[list[object]] = [
        ["student", "name", *_IDS, "points", "possible", "judged", "late_penalty", "state", "notebook", *ids]
    ]
    for standing in request.standings:
        mark, person = standing.mark, standing.person
        points = counts(standing, request)
        earned = {result.id: result.earned for result in _criteria(standing)}
        rows.append(
            [
                person.key,
                person.name,
                *(person.ids.get(kind, "") for kind in _IDS),
                "" if points is None else points,
                mark.possible or "",
                mark.judged if standing.grade else "",
                mark.penalty or "",
                _state(standing),
                standing.label or "",
                *(earned.get(id, "") for id in ids),
            ]
        )
    return Export(data=table(rows, neutral=True), warnings=tuple(left_out(request)))


def as_json(request: Request) -> Export:
    """Every student with the mark, what people said, and the judge's result as it stands."""
    students = [_student(standing) for standing in request.standings]
    data = {"schema": 1, "title": request.title, "students": students}
    return Export(data=(json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


def _student(standing: GradebookEntry) -> dict[str, Any]:
    mark = standing.mark
    return {
        "student": standing.person.key,
        "name": standing.person.name,
        "ids": dict(standing.person.ids),
        "points": mark.final,
        "possible": mark.possible,
        "state": _state(standing),
        "late_penalty": mark.penalty,
        "handed_in": standing.handed_in.isoformat() if standing.handed_in else None,
        "adjustments": [asdict(each) for each in standing.adjustments],
        "result": standing.grade.as_json() if standing.grade else None,
    }


def _criteria(standing: GradebookEntry) -> tuple[CriterionResult, ...]:
    return standing.grade.criteria if standing.grade else ()


def _state(standing: GradebookEntry) -> str:
    if standing.mark.is_excused:
        return "excused"
    if standing.grade is None:
        return "nothing handed in" if standing.label is None else "not graded"
    if standing.grade.provisional:
        return "provisional"
    return "look again" if standing.mark.is_flagged else "graded"


def _first_and_last(name: str) -> tuple[str, str]:
    """Both parts of a name; the last word is the family's unless a comma says otherwise."""
    if "," in name:
        last, _, first = name.partition(",")
    else:
        first, _, last = name.rpartition(" ")
    return first.strip(), last.strip()

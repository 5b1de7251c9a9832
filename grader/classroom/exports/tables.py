"""Generic formats: nbgrader's CSV, a CSV with every criterion, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from grader.classroom.exports.changes import Change
from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    NameMatches,
    csv_bytes,
    exported_points,
    provisional_warnings,
)
from grader.classroom.exports.matching import own_matches
from grader.classroom.exports.scaling import Scale, partial_warnings
from grader.classroom.storage.gradebook import GradebookEntry
from grader.model import CriterionResult, Verdict

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
_IDS = ("email", "login", "sis", "canvas", "moodle", "github", "gradescope", "student id", "section")


def nbgrader(request: ExportRequest) -> Export:
    """Return the CSV of ``nbgrader export``; without a submission, the score is 0.0 and the time empty.

    Raises:
        UsageError: two students have one identifier.
    """
    rows: list[list[object]] = [list(_NBGRADER)]
    scale, names, changes = Scale(request), NameMatches(request), list[Change]()
    matches = own_matches(request.entries, ("student id", "login", "email"))
    for entry, match in zip(request.entries, matches, strict=True):
        if names.allow(entry, match, entry.person.name):
            row = _nbgrader_row(entry, request, scale)
            rows.append(row)
            changes.append(Change(student=entry.person.name, old=None, new=str(row[-2]), by=match.by))
    warnings = [*provisional_warnings(request), *names.warnings, *scale.warnings, *partial_warnings(request)]
    data = csv_bytes(rows, escape_formulas=True)
    return Export(data=data, warnings=tuple(warnings), changes=tuple(changes))


def _nbgrader_row(entry: GradebookEntry, request: ExportRequest, scale: Scale) -> list[object]:
    first, last = _first_and_last(entry.person.name)
    mark, ids = entry.mark, entry.person.ids
    points = scale.points(entry)
    missing = entry.grade is None and not mark.is_excused
    score = 0.0 if missing and points is None else points
    penalty = mark.penalty
    if request.scale and mark.possible:
        penalty = round(penalty * request.possible / mark.possible, 2)
    return [
        request.assignment or request.title,
        request.due,
        entry.handed_in.isoformat(sep=" ") if entry.handed_in else "",
        ids.get("student id") or ids.get("login") or entry.person.key,
        last,
        first,
        ids.get("email", ""),
        "" if score is None else round(score + penalty, 2),
        penalty,
        "" if score is None else score,
        request.possible if request.scale else mark.possible or request.possible,
    ]


def full_csv(request: ExportRequest) -> Export:
    """Return a CSV with a row for each student and a column for the points of each criterion."""
    ids = list(dict.fromkeys(result.id for entry in request.entries for result in _criteria(entry)))
    rows: list[list[object]] = [
        ["student", "name", *_IDS, "points", "possible", "judged", "late_penalty", "state", "notebook", *ids]
    ]
    for entry in request.entries:
        mark, person = entry.mark, entry.person
        points = exported_points(entry, request)
        graded = (result for result in _criteria(entry) if result.verdict is not Verdict.OPEN)
        earned = {result.id: mark.criteria.get(result.id, result.earned) for result in graded}
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
    warnings = (*provisional_warnings(request), *partial_warnings(request))
    return Export(data=csv_bytes(rows, escape_formulas=True), warnings=warnings)


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
        "adjustments": [asdict(each) for each in entry.adjustments if each.kind != "note"],
        "final": mark.as_json(),
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

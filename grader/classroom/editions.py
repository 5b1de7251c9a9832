"""Both editions of a student's report, and the JSON result, as files named by student."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from grader.classroom.gradebook import GradebookEntry
from grader.classroom.marks import FinalMark
from grader.files import check_writable, write
from grader.model import Figure, Grade, Listing, for_students
from grader.pipeline import json_text
from grader.report.page import render
from grader.report.summary import points
from grader.report.views import FinalMarkView

STUDENT = "student"  # the folder of the edition that students get


def stamp(standing: GradebookEntry, edition: str) -> str:
    """What the pages are made from, in short: the same stamp means the same pages."""
    made_from = [
        edition,
        standing.result,
        standing.person.name,
        standing.label,
        [(line.points, line.sentence, line.is_flagged) for line in standing.mark.lines],
        standing.mark.final,
    ]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def exist(standing: GradebookEntry, out: Path) -> bool:
    """Whether all three files are there."""
    key = standing.person.key
    files = (out / f"{key}.json", out / f"{key}.html", out / STUDENT / f"{key}.html")
    return all(file.exists() for file in files)


def write_editions(
    standing: GradebookEntry, figures: Sequence[Figure], exercises: Mapping[int, str], out: Path
) -> None:
    """Write ``<key>.json``, ``<key>.html`` (the staff's) and ``student/<key>.html``.

    The JSON is the judge's result as it stands; what people made of it is on the pages and in the exports.

    Raises:
        UsageError: they cannot be written.
    """
    if standing.grade is None:
        return
    check_writable(out / STUDENT)
    key, label = standing.person.key, standing.label or ""
    about = {**standing.grade.submission, "path": label}
    grade = replace(standing.grade, submission={**about, "name": key})
    write(out / f"{key}.json", json_text(grade))
    shown = replace(grade, submission={**about, "name": standing.person.name})
    word = last_word(standing.mark)
    staffs = render(shown, figures, exercises, word)
    write(out / f"{key}.html", staffs)
    hides = any(result.visibility == "hidden" for result in grade.criteria)
    students = _students(shown, figures, exercises, word) if hides else staffs  # drawing takes half a second
    write(out / STUDENT / f"{key}.html", students)


def last_word(mark: FinalMark) -> FinalMarkView | None:
    """What is shown of a mark where it is more than the judge's points."""
    if not mark.lines:
        return None
    lines = tuple(("" if line.points is None else f"{line.points:+g}", line.sentence) for line in mark.lines)
    return FinalMarkView(
        final=final(mark),
        lines=lines,
        warning="A verdict changed after a person had adjusted it." if mark.is_flagged else "",
    )


def final(mark: FinalMark) -> str:
    """The points that count, in words."""
    if mark.is_excused:
        return "excused"
    return "none" if mark.final is None else points(mark.final)


def _students(
    grade: Grade, figures: Sequence[Figure], exercises: Mapping[int, str], word: FinalMarkView | None
) -> str:
    """The students' edition: hidden criteria closed, and no picture of an exercise that has only such."""
    shown = {result.exercise for result in grade.criteria if result.visibility != "hidden"}
    open_figures = [figure for figure in figures if isinstance(figure, Listing) or figure.exercise in shown]
    return render(for_students(grade), open_figures, exercises, word)

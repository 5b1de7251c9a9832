"""The formats of ``grade export`` and of the review pages, and what an exporter is given."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.classroom.exports.common import Export, ExportRequest
from grader.classroom.pages.reports import STUDENT_FOLDER, outdated_reports
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format.

    Attributes:
        title: what it is, for people.
        exporter: module and function below this package.
        file: name of the file as a download.
        fills_in: what can be filled in that was downloaded from the other system; "" for nothing.
        is_own: whether it says of how many points a mark is, and goes to no platform.
        has_editions: whether it holds the students' editions of the reports.
    """

    title: str
    exporter: str
    file: str
    fills_in: str = ""
    is_own: bool = False
    has_editions: bool = False


FORMATS = {
    "canvas": Format(
        title="Canvas gradebook", exporter="canvas.export", file="canvas.csv", fills_in="gradebook"
    ),
    "canvas-feedback": Format(
        title="Reports for Canvas (Upload submissions)",
        exporter="feedback.canvas",
        file="canvas-feedback.zip",
        has_editions=True,
    ),
    "moodle": Format(
        title="Moodle grading worksheet", exporter="moodle.export", file="moodle.csv", fills_in="worksheet"
    ),
    "moodle-feedback": Format(
        title="Reports for Moodle (Upload multiple feedback files in a zip)",
        exporter="feedback.moodle",
        file="moodle-feedback.zip",
        has_editions=True,
    ),
    "gradescope": Format(
        title="Gradescope results.json", exporter="gradescope.export", file="gradescope.zip"
    ),
    "nbgrader": Format(title="nbgrader CSV", exporter="tables.nbgrader", file="nbgrader.csv"),
    "csv": Format(
        title="CSV with every criterion", exporter="tables.full_csv", file="grades.csv", is_own=True
    ),
    "json": Format(
        title="JSON with every result", exporter="tables.as_json", file="grades.json", is_own=True
    ),
    "junit": Format(title="JUnit XML", exporter="junit.export", file="grades.xml", is_own=True),
}


def exporter(name: str) -> Callable[[ExportRequest], Export]:
    """Return the function that exports in a format."""
    module, _, function = FORMATS[name].exporter.partition(".")
    found: Callable[[ExportRequest], Export] = getattr(
        importlib.import_module(f"grader.classroom.exports.{module}"), function
    )
    return found


def request_for(name: str, book: Gradebook, out: Path) -> ExportRequest:
    """Return what the exporter of a format is given of a class, without options.

    Args:
        out: folder of the results.
    """
    entries, rubric, late = list(book.entries()), book.setting("rubric"), book.late_rule()
    request = ExportRequest(
        entries=entries,
        title=rubric["title"],
        possible=rubric.get("total") or _largest_maximum(entries),
        exercises={int(number): title for number, title in rubric["exercises"].items()},
        due=late.due.isoformat(sep=" ", timespec="seconds") if late else "",
    )
    if not FORMATS[name].has_editions:
        return request
    outdated = frozenset(outdated_reports(book, entries, out))
    return replace(request, editions=out / STUDENT_FOLDER, outdated=outdated)


def _largest_maximum(entries: Sequence[GradebookEntry]) -> float:
    """Return the homework's points for a gradebook that does not say: those of a grade for everything."""

    def is_whole(entry: GradebookEntry) -> bool:
        settings = json.loads(entry.inputs.settings) if entry.inputs else {}
        return not settings.get("quick") and not settings.get("only")

    return max((entry.mark.possible for entry in entries if is_whole(entry)), default=0.0)

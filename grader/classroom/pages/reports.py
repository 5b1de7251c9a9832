"""Staff and student reports and the JSON result, written to files named after the student."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from grader.classroom.marks import FinalMark
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.files import check_writable, write
from grader.model import Figure, Grade, Listing, for_students
from grader.pipeline import json_text
from grader.report.figures import Drawable
from grader.report.final_mark import FinalMarkView
from grader.report.page import render
from grader.report.summary import final_score, points
from grader.written_answers import Answer

STUDENT_FOLDER = "student"  # below the output folder: the reports that may be given to students
_AT_ONCE = 40  # students whose reports one process writes before it returns
_VERSION = "3"  # part of the digest; a new one writes every report again


def refresh_reports(book: Gradebook, entry: GradebookEntry, out: Path) -> None:
    """Write a student's reports unless they exist and agree with the gradebook.

    Raises:
        UsageError: a file cannot be written.
    """
    if entry.grade is None or entry.result is None:
        return
    exercises = _exercises(book)
    digest = report_digest(entry, exercises)
    if _are_current(book, entry, digest, out):
        return
    write_reports(entry, book.figures(entry.result), exercises, out)
    book.set_report_digest(entry.person.key, digest)


def refresh_all_reports(book: Gradebook, out: Path, jobs: int = 1) -> None:
    """Bring everybody's reports up to date, and remove those of keys that have no grade any more.

    Records that were merged, split or removed change the reports of people who handed nothing in since.

    Args:
        jobs: processes that render many reports at once.

    Raises:
        UsageError: a file cannot be written.
    """
    current, stale = set(), {}
    exercises = _exercises(book)
    for entry in book.entries():
        if entry.grade:
            current.add(entry.person.key)
            digest = report_digest(entry, exercises)
            if not _are_current(book, entry, digest, out):
                stale[entry.person.key] = digest
    for keys in _written(list(stale), out, jobs):
        for key in keys:
            book.set_report_digest(key, stale[key])
    for key in book.reported() - current:
        for file in _files(key, out):
            file.unlink(missing_ok=True)
        book.forget_report(key)


def _written(keys: Sequence[str], out: Path, jobs: int) -> Iterator[Sequence[str]]:
    """Write reports, and yield the students whose reports are written, some at a time."""
    parts = [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
    if jobs < 2 or len(parts) < 2:
        for part in parts:
            yield _write_some(part, out)
        return
    # Only keys are passed on: each process reads the gradebook itself. Forking a process with threads is not
    # safe, so they start afresh.
    with ProcessPoolExecutor(min(jobs, len(parts)), multiprocessing.get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(_write_some, part, out) for part in parts]):
                yield done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_some(keys: Sequence[str], out: Path) -> Sequence[str]:
    with Gradebook(out) as book:
        exercises = _exercises(book)
        for key in keys:
            entry = book.entry(key)
            if entry.result is not None:
                write_reports(entry, book.figures(entry.result), exercises, out)
    return keys


def _exercises(book: Gradebook) -> dict[int, str]:
    return {int(number): title for number, title in book.setting("rubric")["exercises"].items()}


def _are_current(book: Gradebook, entry: GradebookEntry, digest: str, out: Path) -> bool:
    return book.report_digest(entry.person.key) == digest and _reports_exist(entry, out)


def outdated_reports(book: Gradebook, entries: Iterable[GradebookEntry], out: Path) -> list[str]:
    """Return the keys of the graded students whose reports do not agree with the gradebook."""
    exercises, written = _exercises(book), book.report_digests()
    return [
        entry.person.key
        for entry in entries
        if entry.grade
        and not (
            written.get(entry.person.key) == report_digest(entry, exercises) and _reports_exist(entry, out)
        )
    ]


def report_digest(entry: GradebookEntry, exercises: Mapping[int, str]) -> str:
    """Return a digest of everything the reports are rendered from."""
    rendered_from = [
        _VERSION,
        entry.result,
        entry.grade.as_json() if entry.grade else None,  # by the present points and words
        exercises,
        entry.person.name,
        entry.label,
        entry.mark.as_json(),
        entry.mark.is_flagged,
    ]
    return hashlib.sha256(json.dumps(rendered_from).encode()).hexdigest()


def write_reports(
    entry: GradebookEntry, figures: Sequence[Figure], exercises: Mapping[int, str], out: Path
) -> None:
    """Write ``<key>.json``, ``<key>.html`` for staff, and ``student/<key>.html``.

    The JSON holds the judge's result unchanged, and the final mark in the field ``final``.

    Raises:
        UsageError: a file cannot be written.
    """
    if entry.grade is None:
        return
    check_writable(out / STUDENT_FOLDER)
    figures = with_remarks(figures, entry)
    key, label = entry.person.key, entry.label or ""
    submission = {**entry.grade.submission, "path": label}
    grade = replace(entry.grade, submission={**submission, "name": key})
    write(out / f"{key}.json", json_text(grade, entry.mark.as_json()))
    named = replace(grade, submission={**submission, "name": entry.person.name})
    mark = final_mark_view(entry.mark)
    # The notebook's own path may lie in an archive, or in a folder that was only there while it was graded.
    reproduce = shlex.join(["grade", "reproduce", key, "--out", out.resolve().name])
    staff_report = render(named, figures, exercises, mark, reproduce)
    write(out / f"{key}.html", staff_report)
    # Rendering draws the figures, which takes half a second: without hidden criteria both reports are equal.
    hides = any(result.visibility == "hidden" for result in grade.criteria)
    student_report = (
        _render_for_student(named, figures, exercises, mark, reproduce) if hides else staff_report
    )
    write(out / STUDENT_FOLDER / f"{key}.html", student_report)


def with_remarks(figures: Sequence[Figure], entry: GradebookEntry) -> list[Figure]:
    """Return figures in which the student's code has the comments that staff put at its lines."""
    remarks = tuple(
        (*at, f"{each.because} ({each.who})")
        for each in entry.adjustments
        if each.kind != "note" and (at := each.cell_and_line)
    )
    return [replace(each, remarks=remarks) if isinstance(each, Listing) else each for each in figures]


def final_mark_view(mark: FinalMark) -> FinalMarkView | None:
    """Return what a report shows of the final mark; None if it equals the judge's points without a word."""
    if not mark.lines and not mark.differs:
        return None
    lines = tuple(("" if line.points is None else f"{line.points:+g}", line.sentence) for line in mark.lines)
    return FinalMarkView(
        final=final_points(mark),
        is_excused=mark.is_excused,
        differs=mark.differs,
        criteria=mark.criteria,
        lines=lines,
        warning="A verdict has changed since it was adjusted." if mark.is_flagged else "",
    )


def final_points(mark: FinalMark, without: str = "none") -> str:
    """Return the final points as text; "excused" or the word ``without`` where there are none."""
    if mark.is_excused:
        return "excused"
    return without if mark.final is None else points(mark.final)


def mark_text(entry: GradebookEntry) -> str:
    """Return the final points, and the judge's where they differ, such as "98 / 100 (judged 96)"."""
    if entry.grade is None:
        return final_points(entry.mark, "nothing handed in" if entry.label is None else "none")
    return final_score(entry.grade, final_mark_view(entry.mark))


def _reports_exist(entry: GradebookEntry, out: Path) -> bool:
    return all(file.exists() for file in _files(entry.person.key, out))


def _files(key: str, out: Path) -> tuple[Path, ...]:
    return out / f"{key}.json", out / f"{key}.html", out / STUDENT_FOLDER / f"{key}.html"


def _render_for_student(
    grade: Grade,
    figures: Sequence[Figure],
    exercises: Mapping[int, str],
    mark: FinalMarkView | None,
    reproduce: str,
) -> str:
    """Render the report without the details of hidden criteria and the figures that explain only those."""
    public = [result for result in grade.criteria if result.visibility != "hidden"]
    shown = {result.exercise for result in public} | {result.id for result in public}
    visible = [
        figure
        for figure in figures
        if isinstance(figure, Listing) or not shown.isdisjoint(_explained(figure) or [figure.exercise])
    ]
    return render(for_students(grade), visible, exercises, mark, reproduce)


def _explained(figure: Drawable | Answer) -> Sequence[str]:
    return () if isinstance(figure, Answer) else figure.criteria

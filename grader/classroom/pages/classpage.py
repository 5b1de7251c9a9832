"""The class page for staff, ``index.html``: what to review, all students, and common mistakes.

One file without scripts: sorting and filtering use CSS only (see ``templates/staff.css``).
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.classroom.handins import accounting
from grader.classroom.pages import known_solutions
from grader.classroom.pages.attention import Attention, ranks
from grader.classroom.pages.heatmap import SYMBOLS, heat_map
from grader.classroom.pages.histogram import histogram
from grader.classroom.pages.large_class import write_parts
from grader.classroom.pages.report_links import link_reports
from grader.classroom.pages.reports import final_points
from grader.classroom.pages.templating import environment
from grader.classroom.storage.editions import mixed_editions
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.classroom.timing.lateness import due_text
from grader.files import write
from grader.model import UNDECIDED, CriterionResult, Verdict
from grader.report.final_mark import with_final_points
from grader.report.summary import Status, points, score, status_of
from grader.text import line

BOUNDARIES = (50, 60, 70, 80, 90)  # percent
_MAX_MISTAKES = 12
_MOST_NAMED = 300  # names or sentences of one list
_OUTCOMES = ("passed", "partly", "lost", "undecided")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentRow:
    """A row of the table of students.

    Attributes:
        final: the final points, or a word such as "excused".
        judged: the judge's points where they differ, else "".
        exercises: points by exercise, and the judge's where an adjustment changed them, as text.
        review: place of the student's most urgent list of what needs a look; None if there is none.
    """

    key: str
    name: str
    final: str
    judged: str
    percent: float | None
    exercises: tuple[tuple[str, str], ...]
    status: tuple[str, ...]
    review: int | None
    has_report: bool
    is_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRate:
    """Numbers of students by outcome of one criterion."""

    id: str
    title: str
    passed: int
    partly: int
    lost: int
    undecided: int  # not checked, not graded yet, or the grader failed

    @property
    def graded(self) -> int:
        """All students graded on the criterion."""
        return self.passed + self.partly + self.lost + self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonMistake:
    """A mistake that several students made.

    Attributes:
        name: the misconception in a few words; "" if it is not a known one.
        id, title: the criterion's.
        sentence: the message that the students read.
        students: key and name of each.
    """

    name: str
    id: str
    title: str
    sentence: str
    students: tuple[tuple[str, str], ...]


def write_page(book: Gradebook, out: Path) -> Path:
    """Write the class page, link the reports with it and with each other, and return its path.

    Raises:
        UsageError: the page cannot be written.
    """
    path = out / "index.html"
    write(path, _render(book, out))
    return path


def new_attention(book: Gradebook) -> Attention:
    """Return the lists of what staff should look at, to which each student's entry is to be added."""
    return Attention(
        book.setting("boundaries") or BOUNDARIES,
        book.setting("refused") or (),
        book.setting(known_solutions.SETTING) or {},
        has_due_date=book.late_rule() is not None,
    )


def _render(book: Gradebook, out: Path) -> str:
    rubric = book.setting("rubric")
    exercises = {int(number): title for number, title in rubric["exercises"].items()}
    rows, rates, mistakes = [], _RateCounter(), _MistakeCounter()
    statuses: dict[str, dict[str, Status]] = {}
    rule = book.late_rule()
    attention = new_attention(book)
    for entry in book.entries():
        row = _row(entry, sorted(exercises))
        rows.append(row)
        attention.add(entry)
        if entry.grade:
            final = with_final_points(entry.grade, entry.mark.criteria)
            statuses[entry.person.key] = {sys.intern(each.id): status_of(each) for each in final.criteria}
            rates.add(final.criteria)
            mistakes.add(entry)
    percents = [row.percent for row in rows if row.percent is not None]
    names = {row.key: row.name for row in rows}
    lists = attention.lists()
    places = ranks(lists)
    rows = [replace(row, review=places.get(row.key)) for row in rows]
    link_reports([(row.key, row.name) for row in rows if row.has_report], out)
    shared = {
        "title": rubric["title"],
        "exercises": [number for number in sorted(exercises) if number],
        "namesakes": {name for name, count in Counter(names.values()).items() if count > 1},
        "symbols": SYMBOLS,
    }
    titles = {rate.id: rate.title for rate in rates.all()}
    parts = write_parts(list(names.items()), lambda part: _ordered(rows[part]), statuses, titles, shared, out)
    return (
        environment()
        .get_template("class.html.j2")
        .render(
            **shared,
            base="",
            parts=parts,
            count=len(rows),
            MOST=_MOST_NAMED,
            due=due_text(rule.due) if rule else "",
            penalty=rule.penalty_text if rule else "",
            rows=[] if parts else _ordered(rows),
            attention=lists,
            with_report={row.key for row in rows if row.has_report},
            rates=rates.all(),
            heat=heat_map({} if parts else statuses, titles),
            mistakes=mistakes.most_common(),
            bins=histogram(percents),
            mean=statistics.fmean(percents) if percents else None,
            median=statistics.median(percents) if percents else None,
            graded=sum(row.has_report for row in rows),
            missing=[row for row in rows if row.is_missing],
            similar=[
                (one, names[one], two, names[two], share, page)
                for one, two, share, page in book.similar_pairs()
            ],
            notes=[*mixed_editions(book, book.entries()), *(book.setting("notes") or [])],
            removed=[removal.sentence for removal in book.removals()],
            files=book.setting("files"),
            not_graded=accounting.not_graded(book.setting("files")),
        )
    )


def _row(entry: GradebookEntry, exercises: Sequence[int]) -> StudentRow:
    grade, mark = entry.grade, entry.mark
    status = [
        word
        for word, holds in (
            ("provisional", bool(grade and grade.provisional)),
            ("excused", mark.is_excused),
            ("nothing handed in", entry.label is None),
            ("needs review", mark.is_flagged),
            ("adjusted", any(line.points is not None for line in mark.lines)),
            ("late", entry.is_late or bool(mark.penalty)),
            (f"{entry.attempts} attempts", entry.attempts > 1),
        )
        if holds
    ]
    return StudentRow(
        key=entry.person.key,
        name=entry.person.name,
        final=final_points(mark),
        judged=points(mark.judged) if grade and mark.differs else "",
        percent=mark.percent,
        exercises=tuple(_exercise(entry, number) for number in exercises if number),
        status=tuple(status),
        review=None,
        has_report=grade is not None,
        is_missing=entry.label is None,
    )


def _exercise(entry: GradebookEntry, number: int) -> tuple[str, str]:
    """Return a student's points for an exercise, and the judge's if an adjustment changed them."""
    judged = entry.grade.exercise(number) if entry.grade else ()
    possible = sum(result.possible for result in judged)
    if not possible:
        return "–", ""
    points_judged = sum(result.earned for result in judged)
    final = sum(entry.mark.criteria.get(result.id, result.earned) for result in judged)
    changed = any(result.id in entry.mark.criteria for result in judged)
    return score(final, possible), points(points_judged) if changed else ""


def _ordered(rows: Sequence[StudentRow]) -> list[dict[str, object]]:
    """Return the rows by name, each with its place by name, by points (fewest first) and by need of review.

    The places become CSS variables, which the page's radio buttons sort by.
    """
    by_points = sorted(rows, key=lambda row: (row.percent is None, row.percent or 0.0))
    by_review = sorted(
        rows, key=lambda row: (row.review is None, row.review or 0, not row.status, row.status)
    )
    points_place = {id(row): place for place, row in enumerate(by_points)}
    review_place = {id(row): place for place, row in enumerate(by_review)}
    return [
        {"row": row, "name": place, "points": points_place[id(row)], "review": review_place[id(row)]}
        for place, row in enumerate(rows)
    ]


class _RateCounter:
    """Counts the outcomes of each criterion."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, results: Iterable[CriterionResult]) -> None:
        for result in results:
            self._titles[result.id] = result.title
            self._counts[result.id][_outcome(result)] += 1

    def all(self) -> list[CriterionRate]:
        return [
            CriterionRate(id=id, title=title, **{name: self._counts[id][name] for name in _OUTCOMES})
            for id, title in self._titles.items()
        ]


def _outcome(result: CriterionResult) -> str:
    if result.verdict in (Verdict.BLOCKED, *UNDECIDED):
        return "undecided"
    if result.verdict is Verdict.PASS:
        return "passed"
    return "partly" if result.earned > 0 else "lost"


class _MistakeCounter:
    """Groups students by mistake: by the misconception if it is known, else by the message."""

    def __init__(self) -> None:
        self._students: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._examples: dict[tuple[str, str], CriterionResult] = {}

    def add(self, entry: GradebookEntry) -> None:
        assert entry.grade is not None
        for result in entry.grade.criteria:
            final = entry.mark.criteria.get(result.id, result.earned)
            if result.verdict is Verdict.FAIL and not (result.earned < result.possible <= final):
                kind = (result.id, result.misconception or result.message)
                self._students[kind].append((entry.person.key, entry.person.name))
                self._examples.setdefault(kind, result)

    def most_common(self) -> list[CommonMistake]:
        several = [(kind, students) for kind, students in self._students.items() if len(students) > 1]
        shared = sorted(several, key=lambda each: -len(each[1]))[:_MAX_MISTAKES]
        return [
            CommonMistake(
                name=self._examples[kind].mistake or "",
                id=kind[0],
                title=self._examples[kind].title,
                sentence=line(self._examples[kind].message),
                students=tuple(students),
            )
            for kind, students in shared
        ]

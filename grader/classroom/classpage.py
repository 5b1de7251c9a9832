"""The class at a glance, for the staff: ``index.html``, one file without scripts."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.classroom import editions
from grader.classroom.gradebook import Gradebook, GradebookEntry
from grader.classroom.heatmap import SIGNS, heat_map
from grader.classroom.pages import environment
from grader.files import write
from grader.model import CriterionResult, Verdict
from grader.report.summary import points, score
from grader.text import line

BOUNDARIES = (50, 60, 70, 80, 90)  # percent
_NEAR = 1.0  # percent on either side of a boundary
_MISTAKES = 12
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentRow:
    """One student in the table; ``why`` says why to look first."""

    key: str
    name: str
    counts: str
    percent: float | None
    exercises: tuple[str, ...]
    state: tuple[str, ...]
    why: tuple[str, ...]
    has_report: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRate:
    """How one criterion went: the numbers of students by outcome."""

    id: str
    title: str
    passed: int
    partly: int
    lost: int
    undecided: int  # blocked, or the grader broke

    @property
    def asked(self) -> int:
        """Students who were asked."""
        return self.passed + self.partly + self.lost + self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonMistake:
    """A mistake that several made, in the words that they read."""

    name: str  # in a word or two, or "" where it has none
    title: str  # of the criterion
    sentence: str
    students: tuple[tuple[str, str], ...]  # key and name


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBin:
    """One bar of the distribution."""

    label: str
    count: int
    height: float  # of the tallest, 0 to 1


def write_page(book: Gradebook, out: Path) -> Path:
    """Write the class page, and return where it is.

    Raises:
        UsageError: it cannot be written.
    """
    path = out / "index.html"
    write(path, _render(book))
    return path


def _render(book: Gradebook) -> str:
    rubric = book.setting("rubric")
    exercises = {int(number): title for number, title in rubric["exercises"].items()}
    rows, rates, mistakes, results = [], _RateCounter(), _Mistakes(), {}
    boundaries = book.setting("boundaries") or BOUNDARIES
    for standing in book.standings():
        rows.append(_row(standing, sorted(exercises), boundaries))
        if standing.grade:
            results[standing.person.key] = standing.grade.criteria
            rates.add(standing.grade.criteria)
            mistakes.add(standing)
    percents = [row.percent for row in rows if row.percent is not None]
    names = {row.key: row.name for row in rows}
    return (
        environment()
        .get_template("class.html.j2")
        .render(
            title=rubric["title"],
            rows=_ordered(rows),
            exercises=[number for number in sorted(exercises) if number],
            first=[row for row in rows if row.why],
            rates=rates.all(),
            heat=heat_map(results),
            signs=SIGNS,
            mistakes=mistakes.commonest(),
            bins=_bins(percents),
            mean=statistics.fmean(percents) if percents else None,
            median=statistics.median(percents) if percents else None,
            graded=sum(row.has_report for row in rows),
            nothing=[row for row in rows if not row.has_report],
            alike=[(one, names[one], two, names[two], share, page) for one, two, share, page in book.alike()],
            refused=book.setting("refused") or [],
            notes=book.setting("notes") or [],
        )
    )


def _row(standing: GradebookEntry, exercises: Sequence[int], boundaries: Iterable[float]) -> StudentRow:
    grade, mark = standing.grade, standing.mark
    percent = None if mark.final is None or not mark.possible else 100 * mark.final / mark.possible
    why = []
    if grade and grade.provisional:
        why.append("provisional: the grader could not decide, or could not read the notebook")
    if mark.is_flagged:
        why.append("a verdict changed after a person had adjusted it")
    if standing.is_late and not mark.penalty:
        why.append("marked as late by the platform, which does not say by how much")
    near = [b for b in boundaries if percent is not None and abs(percent - b) <= _NEAR]
    why += [f"{percent:.1f} %, near the boundary at {boundary:g} %" for boundary in near]
    state = [
        word
        for word, holds in (
            ("provisional", bool(grade and grade.provisional)),
            ("excused", mark.is_excused),
            ("nothing handed in", standing.label is None),
            ("adjusted", any(line.points is not None for line in mark.lines)),
            ("late", standing.is_late or bool(mark.penalty)),
            (f"{standing.attempts} attempts", standing.attempts > 1),
        )
        if holds
    ]
    return StudentRow(
        key=standing.person.key,
        name=standing.person.name,
        counts=editions.final(mark),
        percent=percent,
        exercises=tuple(_exercise(standing, number) for number in exercises if number),
        state=tuple(state),
        why=tuple(why),
        has_report=grade is not None,
    )


def _exercise(standing: GradebookEntry, number: int) -> str:
    results = standing.grade.exercise(number) if standing.grade else ()
    possible = sum(result.possible for result in results)
    return score(sum(result.earned for result in results), possible) if possible else "–"


def _ordered(rows: Sequence[StudentRow]) -> list[dict[str, object]]:
    """The rows by name, each with its place by points (fewest first) and by state."""
    by_points = sorted(rows, key=lambda row: (row.percent is None, row.percent or 0.0))
    by_state = sorted(rows, key=lambda row: (not row.why, not row.state, row.state))
    place = {id(row): place for place, row in enumerate(by_points)}
    state = {id(row): place for place, row in enumerate(by_state)}
    return [
        {"row": row, "name": at, "points": place[id(row)], "state": state[id(row)]}
        for at, row in enumerate(rows)
    ]


class _RateCounter:
    """Counts outcomes by criterion."""

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


_OUTCOMES = ("passed", "partly", "lost", "undecided")


def _outcome(result: CriterionResult) -> str:
    if result.verdict in (Verdict.BLOCKED, Verdict.ERROR):
        return "undecided"
    if result.verdict is Verdict.PASS:
        return "passed"
    return "partly" if result.earned > 0 else "lost"


class _Mistakes:
    """Gathers who made which mistake: by its name where it has one, else by what was said."""

    def __init__(self) -> None:
        self._who: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._words: dict[tuple[str, str], CriterionResult] = {}

    def add(self, standing: GradebookEntry) -> None:
        assert standing.grade is not None
        for result in standing.grade.criteria:
            if result.verdict is Verdict.FAIL:
                kind = (result.id, result.misconception or result.message)
                self._who[kind].append((standing.person.key, standing.person.name))
                self._words.setdefault(kind, result)

    def commonest(self) -> list[CommonMistake]:
        several = [(kind, who) for kind, who in self._who.items() if len(who) > 1]
        shared = sorted(several, key=lambda each: -len(each[1]))[:_MISTAKES]
        return [
            CommonMistake(
                name=self._words[kind].mistake or "",
                title=self._words[kind].title,
                sentence=line(self._words[kind].message),
                students=tuple(who),
            )
            for kind, who in shared
        ]


def _bins(percents: Sequence[float]) -> list[HistogramBin]:
    """The distribution in steps of ten percent; what exceeds 100 belongs to the last one."""
    width = 100 // _BINS
    counts = Counter(min(max(int(percent // width), 0), _BINS - 1) for percent in percents)
    tallest = max(counts.values(), default=1)
    return [
        HistogramBin(
            label=f"{points(at * width)} to {points((at + 1) * width)} %",
            count=counts[at],
            height=round(counts[at] / tallest, 4),
        )
        for at in range(_BINS)
    ]

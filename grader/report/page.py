"""The page that a student reads: one HTML file, computed here, laid out by the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from grader.model import CriterionResult, Figure, Grade, Listing
from grader.report import summary as words
from grader.report.code import CellView, CodeView, Excerpt
from grader.report.figures import Drawable, Drawing, draw
from grader.report.outline import Outline, label, outline
from grader.report.provenance import command, provenance
from grader.report.summary import Status
from grader.report.templating import environment
from grader.text import line

NOTES = 100  # more would bury the page, and nobody writes them by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionEntry:
    """One criterion as the page shows it."""

    anchor: str
    result: CriterionResult
    standing: Status
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionGroup:
    """Criteria that stand alike, and the words that defend all of them."""

    entries: tuple[CriterionEntry, ...]
    standing: Status
    points: str
    message: str
    explanation: str  # of the standing, where its word alone would worry
    facts: tuple[tuple[str, str], ...]  # what was expected, found, …: label and text
    code: Excerpt | None = None  # what it asks about, where points were lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure; without a drawing where it held nothing that could be drawn."""

    figure: Drawable
    drawing: Drawing | None
    wide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One criterion's part of an exercise's bar."""

    share: float  # of the exercise's points
    filled: float  # percent
    standing: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One exercise."""

    anchor: str
    heading: str
    asked: bool
    score: str
    segments: tuple[Segment, ...]
    pictures: tuple[Picture, ...]
    missing: tuple[CriterionGroup, ...]
    earned: tuple[CriterionGroup, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether this only says that the ground was firm: such a section comes last."""
        return not (self.score or self.missing or self.pictures) and self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMarkView:
    """What people, and the rule for lateness, made of the judge's points.

    Attributes:
        final: the points that count, or a word such as "excused".
        lines: each with its points, such as "+2" or "", and a sentence.
        warning: why a person must look again, or "".
    """

    final: str
    lines: tuple[tuple[str, str], ...]
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page, in the order in which it is read."""

    name: str
    notebook: str  # the file's name, or ""
    earned: str
    possible: str
    undecided: str  # "" when all is decided
    provisional: str  # the reason, or ""
    exposure: str  # what is to be known of walls that were not sound, or ""
    broken: tuple[CriterionEntry, ...]
    next_step: str
    next_entries: tuple[CriterionEntry, ...]  # what that would mend
    next_hint: str
    next_gain: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    code: tuple[CellView, ...]
    code_left_out: int
    words_after: Markup
    entries: Mapping[str, CriterionEntry]  # by the criterion's id
    graded: tuple[tuple[str, Outline], ...]
    command: str  # that grades the same again, or ""
    extraction: tuple[tuple[str, Outline], ...]
    last_word: FinalMarkView | None


def render(
    grade: Grade,
    figures: Sequence[Figure],
    exercises: Mapping[int, str],
    last_word: FinalMarkView | None = None,
) -> str:
    """The whole page. The same grade gives the same bytes.

    Args:
        figures: shown with the exercise that each belongs to, in this order.
        exercises: number and title of each exercise.
        last_word: what people made of the points, if anything.
    """
    page = _page(grade, figures, exercises, last_word)
    return environment().get_template("report.html.j2").render(page=page)


def _page(
    grade: Grade, figures: Sequence[Figure], exercises: Mapping[int, str], last_word: FinalMarkView | None
) -> Page:
    entries = [_entry(number, result) for number, result in enumerate(grade.criteria, start=1)]
    view = CodeView(next((figure for figure in figures if isinstance(figure, Listing)), None))
    drawn = [figure for figure in figures if not isinstance(figure, Listing)]
    pictures = [(figure.exercise, _picture(number, figure)) for number, figure in enumerate(drawn, start=1)]
    step = words.next_step(grade)
    open_points = words.undecided(grade.criteria)
    numbers = sorted({*words.exercise_numbers(grade, exercises), *(figure.exercise for figure in drawn)})
    sections = [
        _section(
            number,
            words.heading(number, exercises),
            [entry for entry in entries if entry.result.exercise == number],
            [picture for exercise, picture in pictures if exercise == number],
            view,
        )
        for number in numbers
    ]
    return Page(
        name=words.name(grade),
        notebook=line(grade.submission.get("path", "")).rpartition("/")[2],
        earned=words.points(grade.earned),
        possible=words.points(grade.possible),
        undecided=words.count_points(open_points) if open_points else "",
        provisional=words.provisional_reason(grade) if grade.provisional else "",
        exposure=words.exposure(grade),
        broken=tuple(entry for entry in entries if entry.standing is Status.ERROR),
        next_step=step.sentence,
        next_entries=tuple(entry for entry in entries if entry.result in step.results),
        next_hint=(step.results[0].hint or "") if step.results else "",
        next_gain=words.count_points(gain) if (gain := sum(map(words.lost, step.results))) else "",
        sections=tuple(sorted(sections, key=lambda section: section.is_quiet)),
        notes=_notes(grade.notes),
        code=view.cells(),
        code_left_out=view.left_out,
        words_after=view.words_after(),
        entries={entry.result.id: entry for entry in entries},
        graded=provenance(grade),
        command=command(grade),
        extraction=tuple((label(key), outline(value)) for key, value in grade.extraction.items()),
        last_word=last_word,
    )


_EXPLANATION = {
    Status.BLOCKED: "This could not be asked: something that it is built on is missing. Mend that first.",
    Status.ERROR: "The grader broke here. That is not your doing, and a TA will look.",
}


def _entry(number: int, result: CriterionResult) -> CriterionEntry:
    return CriterionEntry(
        anchor=f"criterion-{number}-" + re.sub(r"[^a-z0-9]+", "-", result.id.lower()).strip("-"),
        result=result,
        standing=words.status_of(result),
        points=words.score(result.earned, result.possible) if result.possible else "no points",
    )


def _case(entries: Sequence[CriterionEntry], view: CodeView) -> CriterionGroup:
    first, results = entries[0].result, [entry.result for entry in entries]
    possible = sum(result.possible for result in results)
    facts = (
        ("Expected", first.expected),
        ("Found", first.actual),
        ("Recognised mistake", first.mistake or first.misconception),
        ("Judged by the reading", first.reading),
        ("Hint", first.hint),
    )
    return CriterionGroup(
        entries=tuple(entries),
        standing=entries[0].standing,
        points=words.score(sum(result.earned for result in results), possible) if possible else "no points",
        message=first.message,
        explanation=_EXPLANATION.get(entries[0].standing, ""),
        facts=tuple((label, text) for label, text in facts if text and text.strip()),
        code=_code(entries, view),
    )


def _code(entries: Sequence[CriterionEntry], view: CodeView) -> Excerpt | None:
    """The lines to look at. Of a hidden criterion they would tell what it asks."""
    if entries[0].standing not in (Status.LOST, Status.PARTIAL):
        return None
    return next(
        (
            code
            for entry in entries
            if entry.result.visibility != "hidden" and (code := view.excerpt(entry.result.id))
        ),
        None,
    )


def _picture(number: int, figure: Drawable) -> Picture:
    try:
        drawing = draw(figure, prefix=f"figure-{number}")
    except ValueError:  # an empty curve must not cost the student the page; the caption still says it
        drawing = None
    return Picture(figure=figure, drawing=drawing, wide=figure.kind == "images")


def _section(
    number: int, heading: str, entries: Sequence[CriterionEntry], pictures: Sequence[Picture], view: CodeView
) -> Section:
    results = [entry.result for entry in entries]
    possible = sum(result.possible for result in results)
    by_result = {id(entry.result): entry for entry in entries}
    missing = [result for result in results if words.status_of(result) is not Status.EARNED]
    return Section(
        anchor=f"exercise-{number}",
        heading=heading,
        asked=bool(entries),
        score=words.score(sum(result.earned for result in results), possible) if possible else "",
        segments=tuple(_segment(entry, possible) for entry in entries if entry.result.possible > 0),
        pictures=tuple(pictures),
        missing=tuple(_case([by_result[id(result)] for result in run], view) for run in words.alike(missing)),
        earned=tuple(_case([entry], view) for entry in entries if entry.standing is Status.EARNED),
    )


def _segment(entry: CriterionEntry, possible: float) -> Segment:
    result = entry.result
    return Segment(
        share=round(100 * result.possible / possible, 2),
        filled=round(100 * min(max(result.earned / result.possible, 0.0), 1.0), 1),
        standing=entry.standing,
    )


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    cut = (f"and {len(notes) - NOTES} more notes, in the JSON file",) if len(notes) > NOTES else ()
    return (*notes[:NOTES], *cut)

"""The report page: one self-contained HTML file without scripts, computed here and laid out by templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.model import CriterionResult, Figure, Grade, Listing, Verdict
from grader.report import summary
from grader.report.answers import AnswerView, answer_views
from grader.report.code import CodeView, Excerpt
from grader.report.figures import Drawable, draw
from grader.report.final_mark import FinalMarkView, with_final_points
from grader.report.outline import label, outline
from grader.report.provenance import provenance, rerun_command
from grader.report.summary import Status
from grader.report.templating import environment
from grader.report.views import (
    BarSegment,
    CriterionEntry,
    CriterionGroup,
    ExerciseSection,
    FigureView,
    Page,
)
from grader.text import line
from grader.written_answers import Answer

MAX_NOTES = 100


def render(
    grade: Grade,
    figures: Sequence[Figure],
    exercises: Mapping[int, str],
    final_mark: FinalMarkView | None = None,
    reproduce: str | None = None,
) -> str:
    """Return the HTML of the page. The same arguments always give the same bytes.

    Args:
        figures: each is shown with its exercise, in the given order.
        exercises: number and title of each exercise.
        final_mark: the mark after adjustments and lateness, if there are any.
        reproduce: the command that repeats the grade, if it is not that for a notebook at its path.
    """
    page = replace(_page(grade, figures, exercises, final_mark), is_of_class=reproduce is not None)
    if reproduce is not None and page.rerun_command:
        page = replace(page, rerun_command=reproduce)
    return environment().get_template("report.html.j2").render(page=page)


def _page(
    grade: Grade, figures: Sequence[Figure], exercises: Mapping[int, str], final_mark: FinalMarkView | None
) -> Page:
    judged = grade
    if final_mark:
        grade = with_final_points(judged, final_mark.criteria)
    entries = [
        _entry(number, result, before)
        for number, (result, before) in enumerate(zip(grade.criteria, judged.criteria, strict=True), start=1)
    ]
    code = CodeView(next((figure for figure in figures if isinstance(figure, Listing)), None))
    drawables = [figure for figure in figures if not isinstance(figure, Listing | Answer)]
    answers = answer_views(figures)
    views = [_figure(number, figure) for number, figure in enumerate(drawables, start=1)]
    step = summary.next_step(grade)
    undecided = summary.undecided_points(grade.criteria)
    gain = sum(map(summary.lost_points, step.results))
    numbers = sorted({*summary.exercise_numbers(grade, exercises), *(one.exercise for one in drawables)})
    sections = [
        _section(
            number,
            summary.exercise_heading(number, exercises),
            [entry for entry in entries if entry.result.exercise == number],
            [view for view in views if view.figure.exercise == number],
            code,
            answers,
        )
        for number in numbers
    ]
    name, points_note = summary.display_name(grade), _points_note(judged, final_mark)
    total = final_mark.final if final_mark else summary.points(judged.earned)
    return Page(
        title=f"{name}: {total} {points_note}{', provisional' if grade.provisional else ''}",
        name=name,
        notebook=line(grade.submission.get("path", "")).rpartition("/")[2],
        points=total,
        points_note=points_note,
        judged=summary.points(judged.earned),
        undecided=summary.count_points(undecided) if undecided else "",
        provisional_reason=summary.provisional_reason(grade) if grade.provisional else "",
        sandbox_warning=summary.sandbox_warning(grade),
        undecided_entries=tuple(each for each in entries if each.status in (Status.ERROR, Status.OPEN)),
        final_mark=final_mark,
        next_step=step.sentence,
        next_entries=tuple(entry for entry in entries if entry.result in step.results),
        next_hint=(step.results[0].hint or "") if step.results else "",
        next_gain=summary.count_points(gain) if gain else "",
        notes=_notes(grade.notes),
        sections=tuple(sorted(sections, key=lambda section: section.has_only_passed_gates)),
        # The excerpts above take their share of the page's budget for code first, the whole cells the rest.
        cells=code.cells(),
        cells_left_out=code.left_out,
        markdown_after=code.markdown_after(),
        entries_by_id={entry.result.id: entry for entry in entries},
        provenance=provenance(grade),
        rerun_command=rerun_command(grade),
        extraction=tuple((label(key), outline(value)) for key, value in grade.extraction.items()),
    )


def _points_note(judged: Grade, final_mark: FinalMarkView | None) -> str:
    """Return what stands after the points: those possible, and the judge's where they differ."""
    possible = f"of {summary.points(judged.possible)} points"
    earned = summary.points(judged.earned)
    if final_mark is None or not final_mark.differs:
        return possible
    return f"(judged {earned} {possible})" if final_mark.is_excused else f"{possible} (judged {earned})"


_ADJUSTED = (
    "Adjusted by hand, for the reason given under “Final mark”. The explanation here is that of the grader."
)
_EXPLANATIONS = {
    Status.BLOCKED: "Not checked: it depends on something that is missing or broken. Fix that first.",
    Status.ERROR: "The grader failed here. This is not your fault; a TA will review it.",
}


def _entry(number: int, result: CriterionResult, judged: CriterionResult) -> CriterionEntry:
    return CriterionEntry(
        anchor=anchor_of(number, result.id),
        result=result,
        status=summary.status_of(result),
        points=_points([result]),
        judged=summary.score(judged.earned, judged.possible) if judged.earned != result.earned else "",
        judged_points=judged.earned,
    )


def _points(results: Sequence[CriterionResult]) -> str:
    """Return the points of criteria with one status, such as "2.5 / 5"; "– / 5" if a person has to grade."""
    earned, possible = sum(result.earned for result in results), sum(result.possible for result in results)
    if results[0].verdict is Verdict.OPEN:
        return f"– / {summary.points(possible)}"
    return summary.score(earned, possible) if possible else "no points"


def anchor_of(number: int, criterion: str) -> str:
    """Return the anchor of a criterion, by its place in the rubric, counted from 1."""
    return f"criterion-{number}-" + re.sub(r"[^a-z0-9]+", "-", criterion.lower()).strip("-")


def _judged(entries: Sequence[CriterionEntry]) -> str:
    """Return the judge's points for several criteria; "" if no adjustment changed them."""
    if not any(entry.judged for entry in entries):
        return ""
    possible = sum(entry.result.possible for entry in entries)
    return summary.score(sum(entry.judged_points for entry in entries), possible)


def _group(
    entries: Sequence[CriterionEntry], code: CodeView, answers: Mapping[str, AnswerView]
) -> CriterionGroup:
    first, results = entries[0].result, [entry.result for entry in entries]
    return CriterionGroup(
        entries=tuple(entries),
        status=entries[0].status,
        points=_points(results),
        judged=_judged(entries),
        message=first.message,
        explanation=_ADJUSTED if _judged(entries) else _EXPLANATIONS.get(entries[0].status, ""),
        facts=facts_of(first),
        excerpt=_excerpt(entries, code),
        answers=tuple(answers[each.id] for each in results if each.id in answers),
    )


def facts_of(result: CriterionResult) -> tuple[tuple[str, str], ...]:
    """Return label and text of what was expected, what was found, and so on."""
    facts = (
        ("Expected", result.expected),
        ("Found", result.actual),
        ("Recognised mistake", result.mistake or result.misconception),
        ("Accepted formulation", result.reading),
        ("Hint", result.hint),
    )
    return tuple((label, text) for label, text in facts if text and text.strip())


def _excerpt(entries: Sequence[CriterionEntry], code: CodeView) -> Excerpt | None:
    """Return the lines to look at; never those of a hidden criterion, which would reveal what it checks."""
    if entries[0].status not in (Status.LOST, Status.PARTIAL):
        return None
    public = (entry.result.id for entry in entries if entry.result.visibility != "hidden")
    return next((excerpt for id in public if (excerpt := code.excerpt(id))), None)


def _figure(number: int, figure: Drawable) -> FigureView:
    try:
        drawing = draw(figure, prefix=f"figure-{number}")
    except ValueError:  # a figure without data must not cost the student the page; its caption is still shown
        drawing = None
    return FigureView(figure=figure, drawing=drawing, wide=figure.kind == "images")


def _section(
    number: int,
    heading: str,
    entries: Sequence[CriterionEntry],
    figures: Sequence[FigureView],
    code: CodeView,
    answers: Mapping[str, AnswerView],
) -> ExerciseSection:
    results = [entry.result for entry in entries]
    earned, possible = sum(result.earned for result in results), sum(result.possible for result in results)
    entry_of = {id(entry.result): entry for entry in entries}
    incomplete = [entry.result for entry in entries if entry.status is not Status.EARNED]
    return ExerciseSection(
        anchor=f"exercise-{number}",
        heading=heading,
        has_criteria=bool(entries),
        score=summary.score(earned, possible) if possible else "",
        judged=_judged(entries),
        segments=tuple(_segment(entry, possible) for entry in entries if entry.result.possible > 0),
        figures=tuple(figures),
        incomplete=tuple(
            _group([entry_of[id(result)] for result in group], code, answers)
            for group in summary.group_by_reason(incomplete)
        ),
        earned=tuple(_group([entry], code, answers) for entry in entries if entry.status is Status.EARNED),
    )


def _segment(entry: CriterionEntry, possible: float) -> BarSegment:
    result = entry.result
    return BarSegment(
        share=round(100 * result.possible / possible, 2),
        filled=round(100 * min(max(result.earned / result.possible, 0.0), 1.0), 1),
        status=entry.status,
    )


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    excess = len(notes) - MAX_NOTES
    return (*notes[:MAX_NOTES], *((f"and {excess} more notes in the JSON file",) if excess > 0 else ()))

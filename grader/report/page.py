"""The report page: one self-contained HTML file without scripts, computed here and laid out by templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.model import CriterionResult, Figure, Grade, Listing
from grader.report import summary
from grader.report.answers import answer_views
from grader.report.cards import Material, card, criterion_entry, figures_by_criterion, judged_points
from grader.report.code import CodeView
from grader.report.figures import Drawable, draw
from grader.report.final_mark import FinalMarkView, with_final_points
from grader.report.last_run import Run
from grader.report.notices import is_self_check, sandbox_warning, self_check_note, self_check_suffix
from grader.report.outline import label, outline
from grader.report.provenance import provenance, rerun_command
from grader.report.summary import Status
from grader.report.templating import environment
from grader.report.views import (
    BarSegment,
    CriterionEntry,
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
    run: Run | None = None,
) -> str:
    """Return the HTML of the page. The same arguments always give the same bytes.

    Args:
        figures: each is shown with its exercise, in the given order.
        exercises: number and title of each exercise.
        final_mark: the mark after adjustments and lateness, if there are any.
        reproduce: the command that repeats the grade, if it is not that for a notebook at its path.
        run: when it was graded and what moved since the run before, for a single notebook.
    """
    page = replace(_page(grade, figures, exercises, final_mark), is_of_class=reproduce is not None, run=run)
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
        criterion_entry(number, result, before)
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
    entries_by_id = {entry.result.id: entry for entry in entries}
    figures_of = figures_by_criterion(views, entries_by_id)
    material = Material(code=code, figures=figures_of, answers=answers)
    sections = [
        _section(
            number,
            summary.exercise_heading(number, exercises),
            [entry for entry in entries if entry.result.exercise == number],
            [view for view in figures_of.get("", ()) if view.figure.exercise == number],
            material,
            whole=not is_self_check(grade),
        )
        for number in numbers
    ]
    name, points_note = summary.display_name(grade), _points_note(judged, final_mark)
    heading = name + self_check_suffix(grade)
    total = final_mark.final if final_mark else summary.points(judged.earned)
    return Page(
        title=f"{heading}: {total} {points_note}{', provisional' if grade.provisional else ''}",
        name=name,
        self_check_note=self_check_note(grade),
        notebook=line(grade.submission.get("path", "")).rpartition("/")[2],
        points=total,
        points_note=points_note,
        judged=summary.points(judged.earned),
        undecided=summary.count_points(undecided) if undecided else "",
        provisional_reason=summary.provisional_reason(grade) if grade.provisional else "",
        sandbox_warning=sandbox_warning(grade),
        undecided_entries=tuple(each for each in entries if each.status in (Status.ERROR, Status.OPEN)),
        final_mark=final_mark,
        next_step=step.sentence,
        next_entries=tuple(entry for entry in entries if entry.result in step.results),
        next_hint=_common_hint(step.results),
        next_gain=summary.count_points(gain) if gain else "",
        notes=_notes(grade.notes),
        sections=tuple(sorted(sections, key=lambda section: section.has_only_passed_gates)),
        # The excerpts above take their share of the page's budget for code first, the whole cells the rest.
        cells=code.cells(),
        cells_left_out=code.left_out,
        markdown_after=code.markdown_after(),
        entries_by_id=entries_by_id,
        provenance=provenance(grade),
        rerun_command=rerun_command(grade),
        extraction=tuple((label(key), outline(value)) for key, value in grade.extraction.items()),
    )


def _common_hint(results: Sequence[CriterionResult]) -> str:
    """Return the hint of all these criteria; "" if they have several, which belong to their cards."""
    hints = {result.hint or "" for result in results}
    return hints.pop() if len(hints) == 1 else ""


def _points_note(judged: Grade, final_mark: FinalMarkView | None) -> str:
    """Return what stands after the points: those possible, and the judge's where they differ."""
    possible = f"of {summary.points(judged.possible)} points"
    if is_self_check(judged):
        return f"{possible} asked"
    earned = summary.points(judged.earned)
    if final_mark is None or not final_mark.differs:
        return possible
    return f"(judged {earned} {possible})" if final_mark.is_excused else f"{possible} (judged {earned})"


def _figure(number: int, figure: Drawable) -> FigureView:
    try:
        drawing = draw(figure, prefix=f"figure-{number}")
    except ValueError:  # a figure without data must not cost the student the page; its caption is still shown
        drawing = None
    return FigureView(figure=figure, drawing=drawing)


def _section(
    number: int,
    heading: str,
    entries: Sequence[CriterionEntry],
    figures: Sequence[FigureView],
    material: Material,
    *,
    whole: bool,
) -> ExerciseSection:
    results = [entry.result for entry in entries]
    earned, possible = sum(result.earned for result in results), sum(result.possible for result in results)
    entry_of = {id(entry.result): entry for entry in entries}
    complete = [entry for entry in entries if entry.status is Status.EARNED]
    incomplete = [entry.result for entry in entries if entry.status is not Status.EARNED]
    return ExerciseSection(
        anchor=f"exercise-{number}",
        heading=heading,
        has_criteria=bool(entries),
        score=summary.score(earned, possible) if possible else "",
        judged=judged_points(entries),
        segments=tuple(_segment(entry, possible) for entry in entries if entry.result.possible > 0),
        figures=tuple(figures),
        incomplete=tuple(
            card([entry_of[id(result)] for result in group], material)
            for group in summary.group_by_reason(incomplete)
        ),
        earned=tuple(card([entry], material) for entry in complete),
        earned_note=_earned_note([entry.result for entry in complete], everything=whole and not incomplete),
    )


def _earned_note(results: Sequence[CriterionResult], *, everything: bool) -> str:
    """Return a line such as "Earned: 7 criteria, 23 points"."""
    worth = sum(result.possible for result in results)
    count = f"{len(results)} {'criterion' if len(results) == 1 else 'criteria'}"
    if not worth:
        return f"Passed: {count}"
    return f"{'All points earned' if everything else 'Earned'}: {count}, {summary.count_points(worth)}"


def _segment(entry: CriterionEntry, possible: float) -> BarSegment:
    result = entry.result
    return BarSegment(
        entry=entry,
        share=round(100 * result.possible / possible, 2),
        filled=round(100 * min(max(result.earned / result.possible, 0.0), 1.0), 1),
    )


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    excess = len(notes) - MAX_NOTES
    return (*notes[:MAX_NOTES], *((f"and {excess} more notes in the JSON file",) if excess > 0 else ()))

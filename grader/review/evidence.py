"""What there is to see of one student's criterion: the judge's words, the student's lines, the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.classroom.marks import Adjustment
from grader.classroom.pages.reports import with_remarks
from grader.classroom.storage.entries import GradebookEntry
from grader.model import CriterionResult, Figure, Listing
from grader.report.answers import AnswerView, answer_views
from grader.report.cards import facts_of
from grader.report.code import MAX_EXCERPT_LINES, CodeView, Excerpt
from grader.report.summary import Status, status_of
from grader.review.book import ReviewBook
from grader.review.index import result_of, revision
from grader.written_answers import Answer, RubricItem

_ENDS = 4  # numbers that are shown of each end of a long list


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A student's criterion.

    Attributes:
        final: the points that count now.
        numbers: name and values of what was measured.
        answer: what a person grades, if it is a written answer.
        items: rubric items of what a person grades; ``awarded`` are the ids of those given.
        facts: label and text of what was expected and found.
        cell: of the excerpt: number of the code cell, or the name of a module's file.
        made: adjustments and comments that apply.
        has_figures: whether the exercise has figures, which are drawn when they are asked for.
    """

    entry: GradebookEntry
    result: CriterionResult
    revision: str
    status: Status
    final: float
    facts: tuple[tuple[str, str], ...]
    excerpt: Excerpt | None
    cell: str
    made: tuple[Adjustment, ...]
    numbers: tuple[tuple[str, str], ...]
    answer: AnswerView | None
    items: tuple[RubricItem, ...]
    awarded: tuple[str, ...]
    has_figures: bool


def evidence_of(book: ReviewBook, entry: GradebookEntry, criterion: str) -> Evidence | None:
    """Return what there is to see; None if the student was not graded on the criterion."""
    result = result_of(entry, criterion)
    if result is None or entry.result is None:
        return None
    figures = with_remarks(book.figures(entry.result), entry)
    listing = next((figure for figure in figures if isinstance(figure, Listing)), None)
    passages = listing.passages if listing else ()
    cell = next((str(passage.cell) for passage in passages if passage.criterion == criterion), "")
    return Evidence(
        entry=entry,
        result=result,
        revision=revision(entry, criterion),
        status=status_of(result),
        final=entry.mark.criteria.get(criterion, result.earned),
        facts=facts_of(result),
        excerpt=CodeView(listing).excerpt(criterion, whole_up_to=MAX_EXCERPT_LINES),
        cell=cell,
        answer=answer_views(figures).get(criterion),
        items=_items(book, criterion),
        awarded=tuple(each.id for each in result.items if each.earned),
        made=tuple(each for each in entry.adjustments if each.criterion == criterion),
        numbers=tuple((name.replace("_", " "), _in_words(value)) for name, value in result.measured.items()),
        has_figures=any(_is_of(figure, result.exercise) for figure in figures),
    )


def _items(book: ReviewBook, criterion: str) -> tuple[RubricItem, ...]:
    marking = book.marking()
    known = marking.criteria if marking else ()
    return next((tuple(each.items) for each in known if each.id == criterion), ())


def _in_words(value: object) -> str:
    """Return numbers as text: all of a few, the ends of many."""
    match value:
        case list() if len(value) > 2 * _ENDS:
            ends = (", ".join(map(_in_words, part)) for part in (value[:_ENDS], value[-_ENDS:]))
            return f"{' … '.join(ends)} ({len(value)} values)"
        case list():
            return f"{', '.join(map(_in_words, value))}"
        case Mapping():
            return "; ".join(f"{name} {_in_words(each)}" for name, each in value.items())
        case float():
            return f"{value:.4g}"
    return str(value)


def _is_of(figure: Figure, exercise: int) -> bool:
    return not isinstance(figure, Listing | Answer) and figure.exercise == exercise

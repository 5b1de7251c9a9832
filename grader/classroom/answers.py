"""Answers that a person grades: what is to be graded, and the one way to grade it.

``grade adjust``, ``grade show`` and review pages all use this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.classroom.marks import GRADED, FinalMark, NewAdjustment
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.errors import UsageError
from grader.judging.marking import Marking
from grader.model import Criterion, CriterionResult, Verdict
from grader.report.summary import points as points_text
from grader.written_answers import PERSON, Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerToGrade:
    """One student's answer to one criterion that a person grades.

    Attributes:
        key, name: the student's.
        criterion: with the rubric items.
        result: verdict, points and items awarded so far; its ``answer`` is the digest of what is graded.
        answer: the cells; None if they were not found, so that the whole notebook has to be read.
    """

    key: str
    name: str
    criterion: Criterion
    result: CriterionResult
    answer: Answer | None

    @property
    def is_open(self) -> bool:
        """True if nobody has graded this answer yet."""
        return self.result.verdict is Verdict.OPEN


def answers_of(book: Gradebook, entry: GradebookEntry) -> Iterator[AnswerToGrade]:
    """Yield a student's answers, graded or not, in the rubric's order."""
    marking = book.marking()
    results = {each.id: each for each in entry.grade.criteria} if entry.grade else {}
    mine = [each for each in marking.criteria if each.id in results] if marking else []
    mine = [each for each in mine if results[each.id].judged_by == PERSON]
    figures = book.figures(entry.result) if mine and entry.result is not None else ()
    answers = {figure.criterion: figure for figure in figures if isinstance(figure, Answer)}
    for criterion in mine:
        yield AnswerToGrade(
            key=entry.person.key,
            name=entry.person.name,
            criterion=criterion,
            result=results[criterion.id],
            answer=answers.get(criterion.id),
        )


def answer_of(book: Gradebook, entry: GradebookEntry, criterion: str) -> AnswerToGrade:
    """Return a student's answer to one criterion.

    Raises:
        UsageError: the student was not graded on such a criterion.
    """
    id = _result(entry, criterion).id
    for each in answers_of(book, entry):
        if each.criterion.id == id:
            return each
    raise UsageError(f"the present rubric has no criterion {id}")


def answers_to_grade(book: Gradebook, criterion: str | None = None) -> Iterator[AnswerToGrade]:
    """Yield the answers of the class that nobody has graded, by student; of all criteria or of one."""
    for entry in book.entries():
        for each in answers_of(book, entry):
            if each.is_open and criterion in (None, each.criterion.id):
                yield each


def grade_answer(
    book: Gradebook,
    student: str,
    criterion: str,
    *,
    who: str,
    items: Sequence[str] | None = None,
    points: float | None = None,
    comment: str = "",
    answer: str | None = None,
) -> dict[str, FinalMark]:
    """Store a person's verdict on an answer, for everybody whose hand-in it is.

    It replaces earlier verdicts on the same answer, which withdrawing it brings back, and outlives regrades.
    Where the answer changes, it has to be graded again.

    Args:
        student: key of the student.
        criterion: its id.
        who: the author.
        items: ids of the rubric items awarded; give these or ``points``.
        points: for what the rubric items do not cover.
        comment: for the student.
        answer: digest of the answer that the author has seen, to be refused if it is no longer the student's.

    Returns:
        The marks before, by key, of everybody it holds for.

    Raises:
        UsageError: the criterion is not a person's to grade, an item is unknown, the points are impossible,
            or the answer has changed.
    """
    with book.transaction():
        entry = book.entry(student)
        own = _result(entry, criterion)
        if answer is not None and answer != own.answer:
            raise UsageError(f"{student} has handed in another answer meanwhile; look at it first")
        earned = points_awarded(book, entry, criterion, items, points)
        asked = NewAdjustment(
            kind=GRADED,
            criterion=criterion,
            points=earned,
            because=comment.strip(),
            who=who,
            items=None if items is None else tuple(items),
            answer=own.answer,
        )
        sharing = sharing_answer(book, entry, criterion)
        before = {each.person.key: each.mark for each in (entry, *sharing)}
        if sharing:
            book.adjust_group(student, asked, [each.person.key for each in sharing])
        else:
            book.adjust(student, asked)
    return before


def points_awarded(
    book: Gradebook,
    entry: GradebookEntry,
    criterion: str,
    items: Sequence[str] | None,
    points: float | None,
) -> float:
    """Return the points of a verdict on a student's answer: of the rubric items, or as they are given.

    Raises:
        UsageError: as in ``grade_answer``.
    """
    _result(entry, criterion)
    return _earned(_criterion(book.marking(), criterion), items, points)


def sharing_answer(book: Gradebook, entry: GradebookEntry, criterion: str) -> list[GradebookEntry]:
    """Return the other members of a student's group whose answer to a criterion is the same."""
    own = _answer_digest(entry, criterion)
    others = (book.entry(key) for key in entry.group)
    return [each for each in others if _answer_digest(each, criterion) == own]


def _result(entry: GradebookEntry, criterion: str) -> CriterionResult:
    results = entry.grade.criteria if entry.grade else ()
    judged = [each for each in results if each.judged_by == PERSON]
    for result in judged:
        if result.id == criterion:
            return result
    known = ", ".join(each.id for each in judged) or "nothing that was handed in"
    raise UsageError(f"{criterion} of {entry.person.key} is not for a person to grade; that is {known}")


def _answer_digest(entry: GradebookEntry, criterion: str) -> str | None:
    results = entry.grade.criteria if entry.grade else ()
    return next((each.answer for each in results if each.id == criterion), None)


def _criterion(marking: Marking | None, id: str) -> Criterion:
    known = {each.id: each for each in marking.criteria} if marking else {}
    if id not in known:
        raise UsageError(f"the present rubric has no criterion {id}")
    return known[id]


def _earned(criterion: Criterion, items: Sequence[str] | None, points: float | None) -> float:
    if (items is None) == (points is None):
        raise UsageError("give either the rubric items that the answer earns, or points")
    if points is not None:
        if not 0 <= points <= criterion.points:
            most = points_text(criterion.points)
            raise UsageError(f"{criterion.id} is worth 0 to {most} points, not {points_text(points)}")
        return points
    known = {each.id: each.points for each in criterion.items}
    if unknown := [id for id in items or () if id not in known]:
        listed = ", ".join(known) or "none: give points"
        raise UsageError(f"{criterion.id} has no item {', '.join(unknown)}; its items are {listed}")
    return round(sum(known[id] for id in set(items or ())), 2)

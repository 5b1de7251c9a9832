"""Marks from verdicts: apply a rubric's points and words to what its checks decided.

A verdict and its credit are kept by what decides them. Points, titles, hints, visibility and the words for
known mistakes are applied when a grade is read, so that changing them regrades nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from grader.model import Criterion, CriterionResult, Grade, Misconception, Verdict
from grader.rubric import Rubric
from grader.written_answers import PERSON, AnswerPlace, items_from

UNREADABLE = "The notebook could not be read"  # how the note begins that says so
_SKIPPED = re.compile(r"(\S+) \(\S+ points\) was skipped: (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """The part of a rubric that turns verdicts into marks.

    Attributes:
        rubric: what a result records about its rubric.
        judging: digest of the part that decides verdicts.
        misconceptions: by id.
    """

    rubric: Mapping[str, str]
    judging: str
    criteria: tuple[Criterion, ...]
    misconceptions: Mapping[str, Misconception]

    @classmethod
    def of(cls, rubric: Rubric) -> Marking:
        """Return a rubric's marking."""
        return cls(
            rubric=rubric.as_json(),
            judging=rubric.judging_digest,
            criteria=rubric.criteria,
            misconceptions=rubric.misconceptions,
        )

    def is_judged_by(self, digest: str) -> bool:
        """Return whether a result with this digest of a rubric was judged by the same checks.

        Early gradebooks hold the digest of the whole rubric; where that is the same, so are the checks.
        """
        return digest in (self.judging, self.rubric["digest"])

    def as_json(self) -> dict[str, Any]:
        """Return the marking as JSON data."""
        return {
            "rubric": dict(self.rubric),
            "judging": self.judging,
            "criteria": [asdict(each) for each in self.criteria],
            "misconceptions": [asdict(each) for each in self.misconceptions.values()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Marking:
        """Rebuild a marking from the output of ``as_json``; fields of other versions are passed over."""
        known = [Misconception(**_fields(Misconception, row)) for row in data["misconceptions"]]
        return cls(
            rubric=data["rubric"],
            judging=data["judging"],
            criteria=tuple(_criterion(row) for row in data["criteria"]),
            misconceptions={each.id: each for each in known},
        )


def mark(
    result: CriterionResult, criterion: Criterion, misconceptions: Mapping[str, Misconception]
) -> CriterionResult:
    """Return a judged criterion with the points and words of a rubric.

    Without ``fact``, which results of early versions lack, its message stays as it is.
    """
    is_fail = result.verdict is Verdict.FAIL
    known = misconceptions.get(result.misconception or "") if is_fail else None
    return replace(
        result,
        exercise=criterion.exercise,
        title=criterion.title,
        possible=criterion.points,
        earned=round(criterion.points * result.credit, 2),
        message=result.message if result.fact is None else _message(result.fact, known),
        hint=_hint(criterion, known) if is_fail else None,
        mistake=known.title if known else None,
        visibility=criterion.visibility,
    )


def remark(grade: Grade, marking: Marking, *, readable: bool, judged_by: str) -> Grade:
    """Return a kept grade with the points and words of another edition of its rubric.

    Criteria that the edition lacks stay as they are, after the others.

    Args:
        readable: whether the notebook could be read; if not, its gates failed and the rest is blocked.
        judged_by: digest of the rubric's part that decided it; under another it keeps its own rubric's name.
    """
    own = {result.id: result for result in grade.criteria}
    marked = []
    for criterion in marking.criteria:
        if result := own.pop(criterion.id, None):
            known = marking.misconceptions
            marked.append(mark(result, criterion, known) if readable else unread(criterion, grade.notes[0]))
    points = {criterion.id: criterion.points for criterion in marking.criteria}
    return replace(
        grade,
        criteria=(*marked, *own.values()),
        notes=tuple(_note(note, points) for note in grade.notes),
        rubric=marking.rubric if marking.is_judged_by(judged_by) else grade.rubric,
    )


def unread(criterion: Criterion, reason: str) -> CriterionResult:
    """Return a criterion's result for a notebook that cannot be read: a gate fails, the rest is blocked."""
    is_gate = criterion.points == 0
    fact = reason if is_gate else "Not checked: the notebook could not be read."
    judged = _without_points(criterion, Verdict.FAIL if is_gate else Verdict.BLOCKED, fact)
    return mark(judged, criterion, {})


def to_grade(criterion: Criterion, answer: str, *, place_is_found: bool) -> CriterionResult:
    """Return the result of a criterion that a person has yet to grade.

    Args:
        answer: digest of what the person grades.
        place_is_found: False if the notebook lacks the place where the rubric looks for the answer.
    """
    fact = "A person grades this; nobody has done so yet."
    if not place_is_found:
        fact += f" No answer was found {criterion.answer}, so the whole notebook will be read."
    judged = replace(_without_points(criterion, Verdict.OPEN, fact), judged_by=PERSON, answer=answer)
    return mark(judged, criterion, {})


def _without_points(criterion: Criterion, verdict: Verdict, fact: str) -> CriterionResult:
    """Return the result of a criterion that no check decided."""
    return CriterionResult(
        id=criterion.id,
        exercise=criterion.exercise,
        title=criterion.title,
        possible=criterion.points,
        earned=0.0,
        verdict=verdict,
        credit=0.0,
        message=fact,
        fact=fact,
    )


def skipped_note(id: str, points: float, reason: str) -> str:
    """Return the note about a criterion that was not judged."""
    return f"{id} ({points:g} points) was skipped: {reason}"


def _note(note: str, points: Mapping[str, float]) -> str:
    """Return a note, with the present points where it says that a criterion was skipped."""
    match = _SKIPPED.fullmatch(note)
    return skipped_note(match[1], points[match[1]], match[2]) if match and match[1] in points else note


def _message(fact: str, known: Misconception | None) -> str:
    if known is None or not known.says:
        return fact
    return f"{fact}{'' if fact.endswith(('.', '?', '!')) else '.'} {known.says}"


def _hint(criterion: Criterion, known: Misconception | None) -> str | None:
    hint = (known and known.hint) or criterion.hint
    if known and known.reread and "Reread" not in hint:
        hint = f"{hint} Reread '{known.reread}' in the handout.".strip()
    return hint or None


def _criterion(row: Mapping[str, Any]) -> Criterion:
    place, items = AnswerPlace(**row.get("answer", {})), items_from(row.get("items", ()))
    return Criterion(**{**_fields(Criterion, row), "answer": place, "items": items})


def _fields(kind: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return {key: value for key, value in values.items() if key in names}

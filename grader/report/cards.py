"""The cards of the report page: criteria with their reasons, the lines that they check, and their figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.model import CriterionResult, Verdict
from grader.report import summary
from grader.report.answers import AnswerView
from grader.report.code import CodeView, Excerpt
from grader.report.summary import Status
from grader.report.views import CriterionEntry, CriterionGroup, FigureView

_ADJUSTED = (
    "Adjusted by hand, for the reason given under “Final mark”. The explanation here is that of the grader."
)
_EXPLANATIONS = {
    Status.BLOCKED: "Not checked: it depends on something that is missing or broken. Fix that first.",
    Status.ERROR: "The grader failed here. This is not your fault.",
}


def criterion_entry(number: int, result: CriterionResult, judged: CriterionResult) -> CriterionEntry:
    """Return a criterion's entry; ``number`` is its place on the page, from 1."""
    return CriterionEntry(
        anchor=anchor_of(number, result.id),
        result=result,
        status=summary.status_of(result),
        points=_points([result]),
        judged=summary.score(judged.earned, judged.possible) if judged.earned != result.earned else "",
        judged_points=judged.earned,
    )


def anchor_of(number: int, criterion: str) -> str:
    """Return the anchor of a criterion, by its place in the rubric, counted from 1."""
    return f"criterion-{number}-" + re.sub(r"[^a-z0-9]+", "-", criterion.lower()).strip("-")


def _points(results: Sequence[CriterionResult]) -> str:
    """Return the points of criteria with one status, such as "2.5 / 5"; "– / 5" if a person has to grade."""
    earned, possible = sum(result.earned for result in results), sum(result.possible for result in results)
    if results[0].verdict is Verdict.OPEN:
        return f"– / {summary.points(possible)}"
    return summary.score(earned, possible) if possible else "no points"


def judged_points(entries: Sequence[CriterionEntry]) -> str:
    """Return the judge's points for several criteria; "" if no adjustment changed them."""
    if not any(entry.judged for entry in entries):
        return ""
    possible = sum(entry.result.possible for entry in entries)
    return summary.score(sum(entry.judged_points for entry in entries), possible)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What cards show beside the reasons.

    Attributes:
        code: the student's code.
        figures: those to show, by the id of a criterion.
        answers: those that a person grades, by the id of a criterion.
        blocked: the first criterion that was not checked for a reason, by its message.
    """

    code: CodeView
    figures: Mapping[str, Sequence[FigureView]]
    answers: Mapping[str, AnswerView]
    blocked: dict[str, CriterionEntry] = field(default_factory=dict)


def figures_by_criterion(
    views: Sequence[FigureView], entries: Mapping[str, CriterionEntry]
) -> Mapping[str, list[FigureView]]:
    """Return the figures by the criterion that shows them; those of no criterion under "".

    Of the criteria that a figure explains, the first that misses points shows it, else the first.
    """
    figures: dict[str, list[FigureView]] = {}
    for view in views:
        known = [entries[id] for id in view.figure.criteria if id in entries]
        public = [entry for entry in known if entry.result.visibility != "hidden"] or known
        incomplete = [entry for entry in public if entry.status is not Status.EARNED]
        id = next((entry.result.id for entry in incomplete or public), "")
        figures.setdefault(id, []).append(view)
    return figures


def card(entries: Sequence[CriterionEntry], material: Material) -> CriterionGroup:
    """Return the card of criteria that have one reason."""
    first, results = entries[0].result, [entry.result for entry in entries]
    facts = [facts_of(result) for result in results]
    status, cause = entries[0].status, entries[0]
    if status is Status.BLOCKED and first.message.strip():
        cause = material.blocked.setdefault(first.message, cause)
    return CriterionGroup(
        entries=tuple(entries),
        status=status,
        points=_points(results),
        judged=judged_points(entries),
        message=first.message,
        explanation=_ADJUSTED if judged_points(entries) else _EXPLANATIONS.get(status, ""),
        facts=tuple(fact for fact in facts[0] if all(fact in others for others in facts)),
        excerpt=_excerpt(entries, material.code),
        answers=tuple(material.answers[each.id] for each in results if each.id in material.answers),
        same_as=cause if cause is not entries[0] else None,
        figures=tuple(view for entry in entries for view in material.figures.get(entry.result.id, ())),
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

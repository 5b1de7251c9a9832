"""View models of the report page: the values that its templates read, ready to print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from grader.model import CriterionResult
from grader.report.answers import AnswerView
from grader.report.code import CellView, Excerpt
from grader.report.figures import Drawable, Drawing
from grader.report.final_mark import FinalMarkView
from grader.report.last_run import Run
from grader.report.outline import Outline
from grader.report.summary import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionEntry:
    """One criterion: its result with the points that count, its status, and the anchor that links lead to.

    Attributes:
        judged: the judge's points, such as "0 / 4", if an adjustment changed them; else "".
        judged_points: the judge's points as a number.
    """

    anchor: str
    result: CriterionResult
    status: Status
    points: str
    judged: str
    judged_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureView:
    """One figure and its drawing, which is None if the figure holds no data."""

    figure: Drawable
    drawing: Drawing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionGroup:
    """Criteria with the same status and explanation, shown as one card.

    Attributes:
        points: of all entries together, such as "2.5 / 5".
        judged: the judge's points, if an adjustment changed them; else "".
        message: the sentence for the student.
        explanation: what the status means, if its label alone does not say it; else "".
        facts: label and text of what was expected, what was found, and so on.
        excerpt: the lines that the criteria check, if points were lost and the lines are known.
        answers: those that a person grades.
        figures: those that explain the criteria.
        same_as: of criteria that were not checked, one in an earlier exercise that has the same reason.
    """

    entries: tuple[CriterionEntry, ...]
    status: Status
    points: str
    judged: str
    message: str
    explanation: str
    facts: tuple[tuple[str, str], ...]
    excerpt: Excerpt | None = None
    answers: tuple[AnswerView, ...] = ()
    same_as: CriterionEntry | None = None
    figures: tuple[FigureView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSegment:
    """One criterion's segment in the bar of its exercise; both numbers are percentages."""

    entry: CriterionEntry
    share: float  # of the exercise's points
    filled: float  # of the criterion's points


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseSection:
    """One exercise: criteria with missing points, then those that earned full points.

    Attributes:
        figures: those that belong to no criterion of the exercise.
        earned_note: how many criteria earned full points, and what they are worth.
        score: such as "24 / 28"; "" if no points are possible.
        judged: the judge's points, if adjustments changed them; else "".
    """

    anchor: str
    heading: str
    has_criteria: bool
    score: str
    judged: str
    segments: tuple[BarSegment, ...]
    figures: tuple[FigureView, ...]
    incomplete: tuple[CriterionGroup, ...]
    earned: tuple[CriterionGroup, ...]
    earned_note: str

    @property
    def has_only_passed_gates(self) -> bool:
        """True if it shows only passed criteria that are worth no points; the page puts it last."""
        return not (self.score or self.incomplete or self.figures) and self.has_criteria


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page, in reading order.

    Attributes:
        title: the name with the points that count, for the browser's title bar.
        self_check_note: what a self-check did not ask, or "" for a grade.
        notebook: the file's name, or "".
        points: the points that count, or a word such as "excused".
        points_note: what the points are out of, and the judge's if they differ.
        judged: the judge's points.
        undecided: points that a person may still award, or "".
        provisional_reason: why the grade does not count yet, or "".
        sandbox_warning: a warning if the notebook ran without full sandboxing, or "".
        undecided_entries: the criteria on which the grader failed, or that a person has yet to grade.
        next_entries: the criteria that the next step would fix.
        markdown_after: the notebook's markdown after its last code cell.
        entries_by_id: every criterion's entry.
        rerun_command: reproduces the grade, or "".
        is_of_class: whether that command takes the notebook from a gradebook.
        run: when it was graded and what moved since the run before, or None.
    """

    title: str
    name: str
    self_check_note: str
    notebook: str
    points: str
    points_note: str
    judged: str
    undecided: str
    provisional_reason: str
    sandbox_warning: str
    undecided_entries: tuple[CriterionEntry, ...]
    final_mark: FinalMarkView | None
    next_step: str
    next_entries: tuple[CriterionEntry, ...]
    next_hint: str
    next_gain: str
    notes: tuple[str, ...]
    sections: tuple[ExerciseSection, ...]
    cells: tuple[CellView, ...]
    cells_left_out: int
    markdown_after: Markup
    entries_by_id: Mapping[str, CriterionEntry]
    provenance: tuple[tuple[str, Outline], ...]
    rerun_command: str
    extraction: tuple[tuple[str, Outline], ...]
    is_of_class: bool = False
    run: Run | None = None

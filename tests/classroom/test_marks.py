"""The final mark of a student: judged points, adjustments, late penalty, and the lines that explain them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from grader.classroom.marks import TOTAL, Adjustment, FinalMark, MarkLine, final_mark
from grader.classroom.timing.lateness import LateRule
from grader.model import CriterionResult, Grade, Verdict

DUE = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
RULE = LateRule(due=DUE, per_day=10, grace=15, most=50)
BY = "(Grace, 2026-03-05)"


def result(id: str = "a.first", *, earned: float = 6, possible: float = 10, verdict: str = "fail") -> Any:
    return CriterionResult(
        id=id,
        exercise=1,
        title=f"Title of {id}",
        possible=possible,
        earned=earned,
        verdict=Verdict(verdict),
        credit=earned / possible,
        message="why",
    )


def grade(*results: CriterionResult) -> Grade:
    return Grade(submission={}, rubric={}, criteria=results or (result(),), provisional=False)


def adjustment(kind: str, points: float = 0, criterion: str = "a.first", **fields: Any) -> Adjustment:
    return Adjustment(
        id=1,
        kind=kind,
        criterion=criterion,
        points=points,
        because="a reason",
        who="Grace",
        at="2026-03-05T10:00:00+00:00",
        **fields,
    )


def mark(*adjustments: Adjustment, late: timedelta | None = None, of: Grade | None = None) -> FinalMark:
    return final_mark(of or grade(), adjustments, RULE, DUE + late if late else None)


def test_without_adjustments_the_judged_points_are_final() -> None:
    assert mark() == FinalMark(final=6, possible=10, judged=6)


def test_the_penalty_is_a_share_of_what_was_earned_and_is_explained() -> None:
    late = mark(late=timedelta(days=2))
    assert (late.final, late.penalty, late.judged) == (4.8, 1.2, 6)
    sentence = (
        "Handed in 2 days late: 20 % of the points earned are deducted. It was due 2026-03-01 23:59 (UTC)."
    )
    assert late.lines == (MarkLine(points=-1.2, sentence=sentence),)


def test_one_day_is_written_in_the_singular() -> None:
    (line,) = mark(late=timedelta(hours=1)).lines
    assert line.sentence.startswith("Handed in 1 day late: 10 % of the points earned are deducted.")


def test_the_penalty_has_an_upper_limit() -> None:
    assert mark(late=timedelta(days=30)).penalty == 3.0


def test_without_a_known_time_nothing_is_deducted() -> None:
    assert final_mark(grade(), [], RULE, None).lines == ()
    assert final_mark(grade(), [], None, DUE + timedelta(days=3)).final == 6


def test_days_late_set_by_hand_replace_the_clock_and_the_newest_counts() -> None:
    by_hand = (adjustment("days late", 4), adjustment("days late", 1))
    assert mark(*by_hand, late=timedelta(days=3)).penalty == 0.6
    assert mark(adjustment("days late", 0), late=timedelta(days=3)).lines == ()
    (line,) = mark(adjustment("days late", 1)).lines  # of work without a known time, or on paper
    assert line.sentence == "Counted as 1 day late: 10 % of the points earned are deducted."


def test_an_extension_replaces_the_due_date_of_one_person_and_says_why() -> None:
    extension = adjustment("extension", criterion=TOTAL, until="2026-03-03T23:59:00+00:00")
    assert mark(extension, late=timedelta(days=2)).penalty == 0
    late = mark(extension, late=timedelta(days=3))
    assert late.penalty == 0.6  # a day after the extended date
    penalty, extended = late.lines
    assert penalty.sentence.endswith("It was due 2026-03-03 23:59 (UTC).")
    assert extended == MarkLine(points=None, sentence=f"Extended until 2026-03-03 23:59 (UTC): a reason {BY}")


def test_of_an_extension_and_days_set_by_hand_the_newest_counts() -> None:
    extension = adjustment("extension", criterion=TOTAL, until="2026-03-03T23:59:00+00:00")
    by_hand = adjustment("days late", 3)
    assert mark(by_hand, extension, late=timedelta(days=3)).penalty == 0.6
    assert mark(extension, by_hand, late=timedelta(days=3)).penalty == 1.8


def test_an_extension_changes_nothing_where_there_is_no_rule_or_no_time() -> None:
    extension = adjustment("extension", criterion=TOTAL, until="2026-03-03T23:59:00+00:00")
    assert final_mark(grade(), [extension], None, DUE + timedelta(days=9)).final == 6
    assert final_mark(grade(), [extension], RULE, None).final == 6


def test_points_are_rounded_to_hundredths() -> None:
    odd = mark(adjustment("add", 1 / 3), late=timedelta(days=1))
    assert (odd.final, odd.penalty) == (5.7, 0.63)
    assert [line.points for line in odd.lines] == [0.33, -0.63]


def test_points_are_added_to_a_criterion_before_the_penalty() -> None:
    adjusted = mark(adjustment("add", 2), late=timedelta(days=1))
    assert (adjusted.final, adjusted.penalty) == (7.2, 0.8)
    assert adjusted.lines[0] == MarkLine(points=2, sentence=f"Title of a.first: a reason {BY}")
    assert adjusted.lines[1].points == -0.8


@pytest.mark.parametrize(("points", "final"), [(9, 10), (-9, 0), (1.25, 7.25)])
def test_a_criterion_stays_between_nothing_and_its_points(points: float, final: float) -> None:
    adjusted = mark(adjustment("add", points))
    assert adjusted.final == final
    assert adjusted.lines[0].points == final - 6


def test_points_that_are_set_replace_everything_before() -> None:
    adjusted = mark(adjustment("add", 2), adjustment("set", 3), adjustment("add", 0.5))
    assert adjusted.final == 3.5
    assert [line.points for line in adjusted.lines] == [2, -5, 0.5]


def test_the_total_may_exceed_what_is_possible_but_not_fall_below_zero() -> None:
    over = mark(adjustment("add", 7, TOTAL))
    assert (over.final, over.possible) == (13, 10)
    assert over.lines == (MarkLine(points=7, sentence=f"The whole grade: a reason {BY}"),)
    assert mark(adjustment("add", -7, TOTAL)).final == 0


def test_each_criterion_is_adjusted_by_its_own() -> None:
    both = grade(result("a.first"), result("b.second", earned=1, possible=4))
    adjusted = mark(adjustment("add", 1), adjustment("add", 2, "b.second"), of=both)
    assert adjusted.final == 10
    assert [line.sentence.split(":")[0] for line in adjusted.lines] == [
        "Title of a.first",
        "Title of b.second",
    ]


@pytest.mark.parametrize(
    ("kind", "points", "amount"),
    [("add", 2, "+2"), ("add", 0.5, "+0.5"), ("add", -2, "-2"), ("add", 0, "0"), ("set", 3, "=3")],
)
def test_an_adjustment_of_what_was_not_graded_changes_nothing_and_says_so(
    kind: str, points: float, amount: str
) -> None:
    adjusted = mark(adjustment(kind, points, "c.third"))
    assert adjusted.final == 6
    sentence = f"c.third {amount} has no effect: the criterion was not graded. a reason {BY}"
    assert adjusted.lines == (MarkLine(points=None, sentence=sentence),)


def test_comments_are_lines_without_points() -> None:
    commented = mark(adjustment("comment"), adjustment("comment", criterion=TOTAL))
    assert commented.final == 6
    sentences = [f"a.first: Comment: a reason {BY}", f"Comment: a reason {BY}"]
    assert commented.lines == tuple(MarkLine(points=None, sentence=each) for each in sentences)


def test_who_is_excused_has_no_final_mark() -> None:
    excused = mark(adjustment("excuse", criterion=TOTAL), late=timedelta(days=1))
    assert (excused.final, excused.is_excused, excused.judged) == (None, True, 6)
    assert excused.lines == (MarkLine(points=None, sentence=f"Excused: a reason {BY}"),)
    assert (excused.penalty, excused.as_json()["late_penalty"]) == (0, 0)
    assert not mark().is_excused


def test_a_verdict_that_changed_under_an_adjustment_is_flagged() -> None:
    same = mark(adjustment("add", 1, earned=6, verdict="fail"))
    assert not same.is_flagged
    changed = mark(adjustment("add", 1, earned=0, verdict="blocked"))
    assert changed.is_flagged
    assert changed.lines == (
        MarkLine(
            points=1,
            sentence=f"Title of a.first: a reason {BY} The verdict has changed since this adjustment: it was "
            "blocked with 0 points and is now fail with 6. Please review.",
            is_flagged=True,
        ),
    )
    points = mark(adjustment("add", 1, earned=5, verdict="fail"))  # the same verdict, other points
    assert points.is_flagged
    assert "it was fail with 5 points and is now fail with 6." in points.lines[0].sentence
    assert not mark(adjustment("add", 1, TOTAL, earned=5, verdict="fail")).is_flagged


def test_without_a_grade_only_points_added_to_the_total_count() -> None:
    def paper(*adjustments: Adjustment) -> FinalMark:
        return final_mark(None, adjustments, RULE, DUE + timedelta(days=3))

    assert paper() == FinalMark(final=None, possible=0)
    assert paper(adjustment("add", 5, TOTAL), adjustment("add", 2, TOTAL)).final == 7
    assert paper(adjustment("add", -5, TOTAL)).final == 0
    assert paper(adjustment("add", 5), adjustment("set", 5, TOTAL)).final is None
    excused = paper(adjustment("add", 5, TOTAL), adjustment("excuse", criterion=TOTAL))
    assert (excused.final, excused.is_excused) == (None, True)
    assert [line.sentence for line in excused.lines] == [f"Excused: a reason {BY}"]

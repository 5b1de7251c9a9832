"""Reasons for a person to review a grade before it counts, although the grader did not fail."""

from __future__ import annotations

from collections.abc import Iterable

from grader.extraction.handout import NO_HANDOUT, Handout
from grader.extraction.student_source import StudentSource
from grader.model import CriterionResult, Verdict
from grader.notebook.submission import Submission


def review_reason(
    submission: Submission, source: StudentSource, results: Iterable[CriterionResult], handout: Handout
) -> str:
    """Return why the grade may miss work of the student, in a sentence; "" if there is no sign of that.

    A notebook that equals the handout is blank, which needs no review.

    Args:
        results: those of the whole rubric; none where only some criteria were graded, which may all depend on
            one thing that is missing.
    """
    if submission.is_damaged:
        return "The file is cut off or damaged, so part of the work may be missing."
    if handout.equals(submission, source):
        return ""
    if not handout.has_own_work(source):
        if handout == NO_HANDOUT:
            return "Nothing was found of what this homework asks for."
        return "Nothing was found that is not the handout's own code."
    verdicts = {result.verdict for result in results if result.possible} - {Verdict.OPEN}
    if verdicts == {Verdict.BLOCKED}:
        return "Nothing in this notebook could be checked."
    return ""

"""Reasons for a person to review a grade before it counts, although the grader did not fail."""

from __future__ import annotations

from grader.extraction.handout import NO_HANDOUT, Handout
from grader.extraction.student_source import StudentSource
from grader.model import Grade, Verdict
from grader.notebook.submission import Submission


def review_reason(submission: Submission, source: StudentSource, grade: Grade, handout: Handout) -> str:
    """Return why the grade may miss work of the student, in a sentence; "" if there is no sign of that.

    A notebook that equals the handout is blank, which needs no review.
    """
    if submission.is_damaged:
        return "The file is cut off or damaged, so part of the work may be missing."
    if handout.equals(submission, source):
        return ""
    if not handout.has_own_work(source):
        if handout == NO_HANDOUT:
            return "Nothing was found of what this homework asks for."
        return "Nothing was found that is not the handout's own code."
    results = [result for result in grade.criteria if result.possible]
    if results and all(result.verdict is Verdict.BLOCKED for result in results):
        return "Nothing in this notebook could be checked."
    return ""

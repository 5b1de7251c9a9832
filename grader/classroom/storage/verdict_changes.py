"""Changes that a regrade made for a student: logged with their reason, and printed."""

from __future__ import annotations

from collections.abc import Iterator

from grader.classroom.storage.cache_key import describe_changes
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.model import CriterionResult, Grade
from grader.report.summary import points, score


def log_changes(book: Gradebook, before: GradebookEntry, after: GradebookEntry) -> None:
    """Log which verdicts changed and why, and print them."""
    if after.result is None or after.counting is None or before.result == after.result:
        return
    assert after.grade is not None
    assert after.inputs is not None
    record, key = after.counting.person, after.person.key
    if before.grade is None or before.inputs is None:
        book.log_change(record, "graded", None, points(after.grade.earned), "first graded")
        return
    then, now = before.grade, after.grade
    editions = book.setting("editions") or {}
    why = describe_changes(before.inputs, after.inputs, then.environment, now.environment, editions)
    book.log_change(record, "graded", points(then.earned), points(now.earned), why)
    for id, old, new in differences(then, now):
        book.log_change(record, id, old, new, why)
        print(f"{key}: {id} was {old}, is now {new} (changed: {why})")


def differences(before: Grade, after: Grade) -> Iterator[tuple[str, str, str]]:
    """Yield id, old and new verdict of each criterion that changed."""
    old_results = {result.id: result for result in before.criteria}
    new_results = {result.id: result for result in after.criteria}
    for id in dict.fromkeys([*old_results, *new_results]):
        old, new = _verdict(old_results.get(id)), _verdict(new_results.get(id))
        if old != new:
            yield id, old, new


def _verdict(result: CriterionResult | None) -> str:
    return f"{result.verdict.value} {score(result.earned, result.possible)}" if result else "not graded"

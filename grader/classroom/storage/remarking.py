"""Marks by the present rubric: store it with the gradebook, and log whose marks it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.classroom.storage.verdict_changes import differences
from grader.errors import UsageError
from grader.judging.marking import Marking
from grader.report.summary import points, score
from grader.rubric import Rubric
from grader.version import grader_version


def store_rubric(book: Gradebook, rubric: Rubric) -> str | None:
    """Keep a rubric's points and words, by which all grades of the gradebook are marked from now on.

    Every mark that this changes is logged with its reason.

    Returns:
        A sentence about the changed marks; None if there are none.

    Raises:
        UsageError: the gradebook is of another homework.
    """
    before, after = book.marking(), Marking.of(rubric)
    if before and before.rubric["id"] != rubric.id:
        raise UsageError(
            f"{book.path} was graded by the rubric {before.rubric['id']}, not by {rubric.id}: name it with "
            "--rubric, or choose another --out"
        )
    is_same = before is None or json.dumps(before.as_json()) == json.dumps(after.as_json())
    then = {} if is_same else {each.person.key: each for each in book.entries()}
    rubric_json = {"id": rubric.id, "title": rubric.title, "exercises": dict(rubric.exercises)}
    total = round(sum(criterion.points for criterion in rubric.criteria), 2)
    book.set_setting("rubric", {**rubric_json, "total": total})
    book.set_marking(after)
    book.set_setting("grader", grader_version())
    book.set_setting("editions", {**(book.setting("editions") or {}), after.judging: dict(rubric.deciding)})
    if before is None or not then:
        return None
    reasons = dict(_reasons(before, after))
    entries = [entry for entry in book.entries() if entry.person.key in then]
    changed = [entry for entry in entries if _log(book, then[entry.person.key], entry, reasons)]
    if not changed:
        return None
    what = "; ".join(reasons.values()) or "the rubric changed"
    return f"{len(changed)} {'mark' if len(changed) == 1 else 'marks'} recomputed from kept verdicts ({what})"


def _reasons(before: Marking, after: Marking) -> Iterator[tuple[str, str]]:
    """Yield the ids of criteria whose points changed, with the reason for changed marks."""
    old = {criterion.id: criterion for criterion in before.criteria}
    for criterion in after.criteria:
        if (then := old.get(criterion.id)) and then.points != criterion.points:
            change = f"from {points(then.points)} to {points(criterion.points)}"
            yield criterion.id, f"points of {criterion.id} changed {change}"


def _log(book: Gradebook, before: GradebookEntry, after: GradebookEntry, reasons: dict[str, str]) -> bool:
    """Log the changed marks of one student, and return whether there are any."""
    if before.grade is None or after.grade is None or after.counting is None:
        return False
    record = after.counting.person
    changes = list(differences(before.grade, after.grade))
    for id, old, new in changes:
        book.log_change(record, id, old, new, reasons.get(id, "the rubric changed"))
    if (before.mark.final, before.mark.possible) != (after.mark.final, after.mark.possible):
        then, now = (
            "none" if m.final is None else score(m.final, m.possible) for m in (before.mark, after.mark)
        )
        why = "; ".join(reasons.values()) or "the rubric changed"
        book.log_change(record, "marked", then, now, why)
    return bool(changes)

"""Preview of a regrade: the changes it would make, without storing any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grader.classroom.batch import Batch, grade_class
from grader.classroom.class_options import ClassOptions
from grader.classroom.pages.reports import final_points
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.classroom.storage.store import NAME
from grader.classroom.storage.term import backup
from grader.errors import UsageError
from grader.files import scratch_folder
from grader.options import Options
from grader.rubric import Rubric
from grader.text import line


def compare_class(
    paths: Sequence[str], rubric: Rubric, options: Options, class_options: ClassOptions
) -> bool:
    """Grade everything in ``paths`` as with ``--regrade`` in a copy of the gradebook, and print what differs.

    Returns:
        True if every file was accepted, no grade is provisional, and no claims about people contradict.

    Raises:
        UsageError: there is no gradebook, or nothing to grade.
    """
    out = class_options.out
    if not (out / NAME).exists():
        raise UsageError(f"there is no gradebook in {out} to compare with; --compare comes before a regrade")
    with Gradebook(out) as book:
        before = {entry.person.key: entry for entry in book.entries()}
    with scratch_folder() as copy:
        backup(out / NAME, copy / NAME)
        in_copy = replace(class_options, out=copy, regrade=True)
        all_graded = grade_class(paths, rubric, options, in_copy, _Unpublished)
        with Gradebook(copy) as book:
            after = list(book.entries())
    _print_changes(before, after)
    return all_graded


class _Unpublished(Batch):
    """A batch that prints changed verdicts, and writes neither reports nor pages."""

    def publish(self, entry: GradebookEntry) -> None:
        """Leave the student's reports as they are."""

    def finish(self) -> None:
        """Leave all pages as they are."""


def _print_changes(before: dict[str, GradebookEntry], after: Sequence[GradebookEntry]) -> None:
    changed = 0
    for entry in after:
        then = before.get(entry.person.key)
        old = final_points(then.mark) if then else "none"
        new = final_points(entry.mark)
        if old != new:
            changed += 1
            print(f"{line(entry.person.name)} ({entry.person.key}): {old} → {new}")
    print(f"{changed} of {len(after)} final marks would change. Nothing was written.")
    if changed:
        print("To carry it out, repeat the command with --regrade instead of --compare.")

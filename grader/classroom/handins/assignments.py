"""The assignment to grade where nbgrader's folder ``submitted`` holds several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from grader.classroom.handins.accounting import Account
from grader.classroom.handins.platforms import nbgrader_owner
from grader.classroom.handins.selection import Selector
from grader.classroom.handins.submitted import SubmittedFile
from grader.errors import UsageError


def of_one_assignment(
    files: Sequence[SubmittedFile], selector: Selector, account: Account
) -> list[SubmittedFile]:
    """Return the files without those of nbgrader's other assignments, which go to the account.

    The assignment is the one whose notebooks define what the rubric wants.

    Raises:
        UsageError: notebooks of several assignments, or of none, define it.
    """
    by_assignment: dict[str, list[SubmittedFile]] = defaultdict(list)
    for file in files:
        if nbgrader_owner(file.parts) is not None:
            by_assignment[file.parts[file.parts.index("submitted") + 2]].append(file)
    assignments = sorted(name for name in by_assignment if name)
    if len(assignments) < 2:
        return list(files)
    wanted = [
        name
        for name in assignments
        if any(file.is_gradable and selector.work(file).found for file in by_assignment[name])
    ]
    if len(wanted) != 1:
        raise UsageError(
            f"nbgrader's folder submitted holds several assignments ({', '.join(assignments)}), and "
            f"{'several' if wanted else 'none'} of them have notebooks of this homework; give the folders of "
            f"one, such as submitted/*/{(wanted or assignments)[-1]}"
        )
    others = {file.name: name for name in assignments if name != wanted[0] for file in by_assignment[name]}
    for label, name in others.items():
        account.leave_out(label, f"it is of another assignment, {name}", "nbgrader")
    return [file for file in files if file.name not in others]

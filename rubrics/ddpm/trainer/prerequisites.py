"""A prerequisite of all expectations on a recorded run of ``train``: that it uses its arguments."""

from __future__ import annotations

from collections.abc import Sequence

from grader.checks import Unmet

from .recording import RecordedTraining


def expect_arguments_used(training: RecordedTraining, arguments: Sequence[str]) -> None:
    """Expect that no notebook variable is read instead of one of these arguments."""
    for variable, argument in training.stale_variables.items():
        if argument in arguments:
            unset = variable in training.undefined
            raise Unmet(
                f"train reads {variable}, which nothing in the notebook defines, instead of its argument "
                f"{argument}: {training.free_variables}."
                if unset
                else f"train reads the notebook's variable {variable} instead of its argument {argument}: "
                f"{training.free_variables}.",
                expected=f"{argument}, the argument",
                actual=f"{variable}, {'which is not defined' if unset else 'a variable of the notebook'}",
                misconception="stale-global",
            )

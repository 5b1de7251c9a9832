"""Prerequisites of all expectations on a recorded run of ``train``: its progress, and what it read."""

from __future__ import annotations

from collections.abc import Sequence

from grader.checks import Blocked, Unmet

from .recording import RecordedTraining


def block_if_stopped(training: RecordedTraining, before: str) -> None:
    """Block an expectation for which a run that stopped early has no evidence.

    Args:
        before: what the run did not reach, as a clause.
    """
    if training.error:
        raise Blocked(f"Your train stopped before {before}: {training.error}")


def comes_back(training: RecordedTraining) -> bool:
    """Return whether ``train`` ends by itself: by returning, or by an error."""
    return training.error is None or training.error.type not in ("Endless", "SystemExit", "Timeout")


def expect_arguments_used(training: RecordedTraining, arguments: Sequence[str]) -> None:
    """Expect that no notebook variable is read instead of one of these arguments."""
    for variable, argument in training.stale_variables.items():
        if argument in arguments:
            raise Unmet(
                f"train reads the notebook's variable {variable} instead of its argument {argument}: "
                f"{training.free_variables}.",
                expected=f"{argument}, the argument",
                actual=f"{variable}, a variable of the notebook",
                misconception="stale-global",
            )

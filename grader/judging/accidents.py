"""The one rule on accidents, by which a notebook is judged again.

Limits count processor time, with a backstop of ten times that on the clock. An accident is a death or a
silence of a process that no limit, no watchdog and no exit of the student's code explains: a process killed
or stopped from outside, memory that ran out, a machine too busy to run it. It says nothing about the code.
So the notebook is judged once more, in fresh processes. If that ends in an accident, too, what passed
counts, and everything else is for a person to decide, with the reason. The other notebooks of a class are
not affected.

Workers are watched by ``sandbox.deadlines`` and explained by ``sandbox.diagnosis``, judges by
``supervision``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from grader.errors import AccidentError
from grader.options import Outcome


def judge_again_after_accident(judge: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of ``judge``, called once more if the first call ends in an accident."""
    first = _judged(judge)
    if first.accident is None:
        return first
    second = _judged(judge)
    if second.accident is None:
        return second
    # A judge that died leaves no checks; the other one's are better than none.
    return _undecided(max(second, first, key=lambda outcome: len(outcome.checks)))


def _judged(judge: Callable[[], Outcome]) -> Outcome:
    try:
        return judge()
    except AccidentError as error:
        return Outcome(accident=str(error))


def _undecided(outcome: Outcome) -> Outcome:
    """Leave to a person what the accident may have decided: all that did not pass."""
    reason = f"twice, {outcome.accident}"
    checks = [_left_open(check, reason) for check in outcome.checks]
    return replace(outcome, checks=checks, failure=reason)


def _left_open(check: Mapping[str, Any], reason: str) -> dict[str, Any]:
    if check["verdict"] not in ("fail", "blocked"):
        return dict(check)
    message = f"Not decided, because {reason}. Found before: {check['message']}"
    return {**check, "verdict": "error", "credit": 0.0, "misconception": None, "message": message}

"""Of several failed attempts the one that came furthest is reported."""

from __future__ import annotations

from grader.probes.attempts import furthest
from grader.sandbox.values import StudentError


def _error(*path: int) -> StudentError:
    return StudentError("ValueError", "", 3, path[-1] if path else None, path)


def test_a_later_line_in_the_outermost_frame_is_further() -> None:
    early, late = _error(17, 90), _error(18, 5)
    assert furthest([early, late]) is late
    assert furthest([late, early, _error()]) is late


def test_a_wrong_result_came_further_than_any_error_and_of_equals_the_first_counts() -> None:
    first, wrong = _error(18), ValueError("a wrong shape")
    assert furthest([first, _error(18)]) is first
    assert furthest([first, wrong]) is wrong

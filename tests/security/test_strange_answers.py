"""Strange but well-formed answers decide something about the code: they are no error of the grader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.sandbox.decoding import AnswerDecoder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="judges are forked on Linux only")
_COUNT = 24  # about 4 s each


@pytest.mark.parametrize(("digits", "value"), [(10**400, float("inf")), (-(10**400), float("-inf"))])
def test_an_integer_that_no_float_holds_becomes_infinite(digits: int, value: float) -> None:
    assert AnswerDecoder([], 1).decode([digits]) == [value]


@pytest.mark.slow
def test_strange_answers_are_no_error_of_the_grader() -> None:
    """The same in every run; ``fuzz_answers.py`` alone tries others, as many as there is time for."""
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz_answers.py"), "0", str(_COUNT)],
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(results) == _COUNT
    assert [result for result in results if result["errors"]] == []

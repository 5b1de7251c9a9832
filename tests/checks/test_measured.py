"""What a check measured is kept as JSON data of bounded size."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy
import pytest
import torch

from grader.checks import Evidence
from grader.checks.measured import MOST_NUMBERS, as_data
from grader.model import CriterionResult, Grade, Verdict, for_students


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (torch.tensor([[1 / 3, math.nan], [math.inf, -2.0]]), [[0.333333, None], [None, -2.0]]),
        (torch.tensor(3), 3),
        (numpy.array([0.5, 0.25]), [0.5, 0.25]),
        ({1: (0.1, "a", True, None)}, {"1": [0.1, "a", True, None]}),
        (10**400, None),
    ],
)
def test_values_become_json_data(value: Any, data: Any) -> None:
    assert as_data(value) == data
    json.dumps(as_data(value), allow_nan=False)


def test_a_large_tensor_becomes_a_summary() -> None:
    found = as_data(torch.arange(2.0 * MOST_NUMBERS).view(2, -1))
    assert found == {"shape": [2, 4096], "mean": 4095.5, "minimum": 0.0, "maximum": 8191.0}


@pytest.mark.parametrize("value", [[0.5] * (MOST_NUMBERS + 1), "x" * (MOST_NUMBERS + 1)])
def test_long_lists_and_texts_are_cut_off(value: Any) -> None:
    assert len(as_data(value)) == MOST_NUMBERS


def test_what_is_no_data_is_the_authors_mistake() -> None:
    with pytest.raises(TypeError, match="object cannot be recorded"):
        as_data(object())


def test_a_later_measurement_replaces_one_of_the_same_name() -> None:
    evidence = Evidence()
    evidence.measure(ratio=0.5, shape=[2, 3])
    evidence.measure(ratio=torch.tensor(0.25))
    assert evidence.measured == {"ratio": 0.25, "shape": [2, 3]}


def test_students_do_not_see_what_was_measured_for_a_hidden_criterion() -> None:
    shared: dict[str, Any] = {
        "exercise": 1,
        "title": "",
        "possible": 1.0,
        "earned": 1.0,
        "verdict": Verdict.PASS,
        "credit": 1.0,
        "message": "",
        "measured": {"ratio": 0.5},
    }
    grade = Grade(
        submission={},
        rubric={},
        provisional=False,
        criteria=(CriterionResult(id="a", **shared), CriterionResult(id="b", visibility="hidden", **shared)),
    )
    shown, hidden = for_students(grade).criteria
    assert (shown.measured, hidden.measured) == ({"ratio": 0.5}, {})

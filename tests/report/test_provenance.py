"""The command on the page makes a grade again: it has every option that differs from the default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import report_samples as samples

from grader.report.provenance import rerun_command


@pytest.mark.parametrize(
    ("run", "options"),
    [
        ({}, "--seed 96"),
        ({"training_seed": 3}, "--seed 96:3"),
        ({"quick": True}, "--seed 96 --quick"),
        ({"quick": False, "device": "auto"}, "--seed 96"),
        ({"device": "cuda", "data": "mnist"}, "--seed 96 --device cuda --data mnist"),
    ],
)
def test_the_command_has_the_options_that_differ(run: dict[str, Any], options: str) -> None:
    grade = samples.grade()
    environment = {"seed": 96, **run}
    command = rerun_command(replace(grade, environment=environment))
    assert command == f"grade submissions/noor_haddad.ipynb {options} --rubric ddpm"


def test_it_has_the_criteria_and_names_that_were_chosen() -> None:
    run = {"seed": 1, "only": ["unet", "sample.order"], "map": ["UNet=My Net"]}
    command = rerun_command(replace(samples.grade(), environment=run, submission={"path": "-a.ipynb"}))
    assert command == (
        "grade ./-a.ipynb --seed 1 --rubric ddpm --only unet --only sample.order --map 'UNet=My Net'"
    )


def test_without_a_known_seed_there_is_none() -> None:
    assert rerun_command(replace(samples.grade(), environment={"quick": True})) == ""

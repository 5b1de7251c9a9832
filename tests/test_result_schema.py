"""The JSON result keeps to the schema that ships with the grader."""

from __future__ import annotations

import copy
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from classes import tiny_rubric
from conftest import SUBMISSIONS, Command

SCHEMA = json.loads(resources.files("grader").joinpath("result.schema.json").read_text(encoding="utf-8"))
# Within the repository nothing undocumented may appear, although readers have to expect additions.
STRICT = {**copy.deepcopy(SCHEMA), "additionalProperties": False}
for part in (STRICT["$defs"]["criterion"], STRICT["properties"]["extraction"]):
    part["additionalProperties"] = False


def check(result: dict[str, Any]) -> None:
    """Raise ValidationError where a result does not keep to the schema."""
    jsonschema.validate(result, STRICT, cls=jsonschema.Draft202012Validator)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ["bob", "handout"])
@pytest.mark.slow
def test_a_grade_of_a_sample_notebook_is_valid(grade: Command, name: str) -> None:
    ran = grade(SUBMISSIONS / f"{name}.ipynb", "--quick", "-q")
    check(ran.grade(name))


def test_the_result_of_an_unreadable_file_is_valid(grade: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("no notebook")
    ran = grade(tmp_path / "broken.ipynb", "-q", "--rubric", tiny_rubric(tmp_path))
    assert ran.code == 1
    check(ran.grade("broken"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("earned",), "88.5"),
        (("criteria", 0, "verdict"), "lost"),
        (("criteria", 0, "credit"), 1.5),
        (("submission", "sha256"), "abc"),
        (("surprise",), 1),
    ],
)
def test_the_schema_refuses_what_is_not_documented(
    grade: Command, tmp_path: Path, path: Any, value: Any
) -> None:
    (tmp_path / "broken.ipynb").write_text("no notebook")
    result = grade(tmp_path / "broken.ipynb", "-q", "--rubric", tiny_rubric(tmp_path)).grade("broken")
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        check(result)

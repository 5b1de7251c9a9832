"""The grader grades any homework: nothing in it is about the one whose rubric it ships."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from classes import grade_here, notebook  # noqa: F401  the fixture `grade`, without a process for each test
from conftest import Command

from grader.commands import doctor

ROOT = Path(__file__).parent.parent
STATISTICS = Path(__file__).parent / "support" / "statistics_rubric"
OF_THE_SHIPPED_HOMEWORK = re.compile(r"unet|mnist|diffus|ddpm", re.IGNORECASE)
# The default rubric's name, and that of the folders which hold existing keys and caches.
ALLOWED = re.compile(r'DEFAULT_RUBRIC = "ddpm"|ddpm-grader')
TEXT = (".py", ".j2", ".css", ".toml", ".ini", ".json", ".sql")

RIGHT = """
import torch

def center(table):
    return table - table.mean(dim=0)

def rolling_mean(values, width):
    return torch.stack([values[i : i + width].mean() for i in range(len(values) - width + 1)])
"""
WRONG = RIGHT.replace("mean(dim=0)", "mean()").replace("def rolling_mean", "def something_else")


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "grader").rglob("*") if path.suffix in TEXT),
    ids=lambda path: path.name,
)
def test_the_grader_does_not_mention_the_shipped_homework(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if OF_THE_SHIPPED_HOMEWORK.search(ALLOWED.sub("", line))]
    assert found == []


def test_a_right_solution_of_another_homework_earns_all_points(grade: Command, tmp_path: Path) -> None:
    ran = grade(notebook(tmp_path / "right.ipynb", RIGHT), "--rubric", STATISTICS)
    assert ran.code == 0, ran.out + ran.err
    result, page = ran.grade("right"), ran.page("right")
    assert (result["earned"], result["possible"], result["provisional"]) == (10, 10, False)
    assert result["environment"]["data"] is None
    assert "Each value is the mean of its window" in page
    assert "A moving average of width 3" in page
    _expect_nothing_of_the_shipped_homework(page, ran.out)


def test_what_a_check_measured_is_in_the_result(grade: Command, tmp_path: Path) -> None:
    ran = grade(notebook(tmp_path / "right.ipynb", RIGHT), "--rubric", STATISTICS)
    rows = {row["id"]: row["measured"] for row in ran.grade("right")["criteria"]}
    assert len(rows["average.window"]["means"]) == 10
    assert rows["notebook.extracts"] == {}


def test_a_failed_check_leaves_what_it_measured(grade: Command, tmp_path: Path) -> None:
    wrong = notebook(tmp_path / "wrong.ipynb", RIGHT.replace("values[i : i + width].mean()", "values[i]"))
    row = grade(wrong, "--rubric", STATISTICS).grade("wrong")["criteria"][-1]
    assert (row["verdict"], len(row["measured"]["means"])) == ("fail", 10)


def test_mistakes_in_another_homework_are_named(grade: Command, tmp_path: Path) -> None:
    ran = grade(notebook(tmp_path / "wrong.ipynb", WRONG), "--rubric", STATISTICS)
    result = {row["id"]: row for row in ran.grade("wrong")["criteria"]}
    assert result["center.columns"]["misconception"] == "one-mean-for-all"
    assert result["center.columns"]["earned"] == 2
    assert "The mean of all values was subtracted" in ran.page("wrong")
    assert result["notebook.extracts"]["verdict"] == "fail"
    assert (result["average.window"]["verdict"], result["average.window"]["earned"]) == ("blocked", 0)
    _expect_nothing_of_the_shipped_homework(ran.page("wrong"), ran.out)


@pytest.mark.parametrize(("rubric", "data"), [("ddpm", ["data", "mnist"]), (str(STATISTICS), [])])
def test_doctor_lists_the_data_of_the_rubric(
    capsys: pytest.CaptureFixture[str], rubric: str, data: list[str]
) -> None:
    doctor.main(["--rubric", rubric])
    lines = capsys.readouterr().out.splitlines()
    assert [name for line in lines if (name := line[:16].strip()) in ("data", "mnist")] == data


def test_a_conftest_above_the_rubrics_folder_is_not_loaded(grade: Command, tmp_path: Path) -> None:
    """It belongs to another project, and the judge would run it with all rights."""
    shutil.copytree(STATISTICS, tmp_path / "course" / "rubric")
    (tmp_path / "course" / "conftest.py").write_text("raise SystemExit('loaded')\n")
    ran = grade(notebook(tmp_path / "right.ipynb", RIGHT), "--rubric", tmp_path / "course" / "rubric")
    assert ran.grade("right")["earned"] == 10


def _expect_nothing_of_the_shipped_homework(page: str, printed: str) -> None:
    for text in (re.sub(r"data:[\w/+;,=-]+", "", page), printed):
        assert OF_THE_SHIPPED_HOMEWORK.findall(text) == []

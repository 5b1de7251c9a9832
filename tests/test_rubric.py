"""Load a rubric: what its digest covers, how it is named again, and which data it offers."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path

import pytest
from classes import notebook, run, tiny_rubric
from conftest import Command

from grader.errors import UsageError
from grader.rubric import DataOptions, Rubric


@pytest.mark.parametrize("name", ["rubric.toml", "check_answer.py", "data/numbers.json", "data/samples.npz"])
def test_the_digest_changes_with_every_file_that_decides_a_verdict(tmp_path: Path, name: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "data").mkdir()
    (folder / "data" / "numbers.json").write_text("[1]\n")
    (folder / "data" / "samples.npz").write_bytes(b"PK")
    before = Rubric.load(str(folder)).digest
    with open(folder / name, "ab") as file:
        file.write(b"\n")
    assert Rubric.load(str(folder)).digest != before


def test_the_digest_leaves_out_the_audit(tmp_path: Path) -> None:
    """The solutions that a rubric is tried on decide no student's verdict."""
    folder = tiny_rubric(tmp_path / "tiny")
    before = Rubric.load(str(folder)).digest
    (folder / "audit").mkdir()
    (folder / "audit" / "base.py").write_text("answer = 42\n")
    assert Rubric.load(str(folder)).digest == before


def test_the_command_on_the_page_grades_by_the_same_copy_of_a_rubric(tmp_path: Path) -> None:
    """An edited copy keeps the id of the shipped rubric, and must not be replaced by it."""
    folder = tiny_rubric(tmp_path / "copy", right="43")
    rules = folder / "rubric.toml"
    rules.write_text(rules.read_text().replace('id = "tiny"', 'id = "ddpm"'))
    student = notebook(tmp_path / "student.ipynb", "answer = 43")
    first = run(tmp_path / "first", student, "--rubric", folder)
    assert first.grade("student")["earned"] == 10
    _, *again = shlex.split(_command(first.page("student")))
    second = run(tmp_path / "second", *again)
    assert second.grade("student")["earned"] == 10, second.err
    assert second.grade("student")["rubric"] == first.grade("student")["rubric"]


def test_a_folder_in_the_current_one_is_named_as_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_rubric(tmp_path / "ddpm")
    monkeypatch.chdir(tmp_path)
    assert Rubric.load("ddpm").as_json()["named"] == "./ddpm"


def test_a_result_of_the_shipped_rubric_records_its_id_alone() -> None:
    assert set(Rubric.load("ddpm").as_json()) == {"id", "digest"}


def test_data_is_a_name_or_a_folder_that_the_rubric_accepts(tmp_path: Path) -> None:
    offered = DataOptions(default="small", choices=("small", "large"), folder="CSV files")
    assert offered.resolve(None) == "small"
    assert offered.resolve("large") == "large"
    assert offered.resolve(str(tmp_path)) == str(tmp_path)
    with pytest.raises(UsageError, match="takes small, large or a folder with CSV files, not 'huge'"):
        offered.resolve("huge")


def test_a_rubric_without_data_takes_none(grade: Command, tmp_path: Path) -> None:
    rubric, student = tiny_rubric(tmp_path / "tiny"), notebook(tmp_path / "student.ipynb", "answer = 42")
    ran = grade(student, "--rubric", rubric, "--data", tmp_path)
    assert ran.code == 2
    assert "--data takes no value" in ran.err


def _command(page: str) -> str:
    shown = re.search(r'<pre class="command"[^>]*><code>(.*?)</code>', page)
    assert shown
    return html.unescape(shown[1])

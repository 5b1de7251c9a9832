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


@pytest.mark.parametrize(
    "name",
    ["rubric.toml", "check_answer.py", "data/numbers.json", "data/samples.npz", "data/net.safetensors"],
)
def test_the_digest_changes_with_every_file_that_decides_a_verdict(tmp_path: Path, name: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "data").mkdir()
    (folder / "data" / "numbers.json").write_text("[1]\n")
    (folder / "data" / "samples.npz").write_bytes(b"PK")
    (folder / "data" / "net.safetensors").write_bytes(b"{}")
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
    with pytest.raises(UsageError, match=r"takes small, large or a folder with CSV files, not 'huge'"):
        offered.resolve("huge")


def test_a_rubric_without_data_takes_none(grade: Command, tmp_path: Path) -> None:
    rubric, student = tiny_rubric(tmp_path / "tiny"), notebook(tmp_path / "student.ipynb", "answer = 42")
    ran = grade(student, "--rubric", rubric, "--data", tmp_path)
    assert ran.code == 2
    assert "--data takes no value here, not" in ran.err


def _written(tmp_path: Path, rules: str = "", misconceptions: str | None = None) -> Path:
    folder = tiny_rubric(tmp_path / "tiny")
    if rules:
        (folder / "rubric.toml").write_text(rules)
    if misconceptions is not None:
        (folder / "misconceptions.toml").write_text(misconceptions)
    return folder


def test_everything_in_a_rubric_is_read(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        """
        id = "small"
        title = "A small homework"
        wanted = ["first", "second"]
        [shapes.first]
        kind = "function"
        aliases = ["one", "uno"]
        [exercises]
        1 = "The only one"
        [data]
        default = "toy"
        choices = ["toy", "real"]
        [settings]
        budget = 3
        [[criterion]]
        id = "first.works"
        exercise = 1
        title = "It works"
        points = 2.5
        hint = "Try it."
        """,
        '[odd]\ncriteria = ["first.works"]\ntitle = "Odd"\nsays = "It is odd."\ncredit = 0.5\n',
    )
    rubric = Rubric.load(str(folder))
    assert (rubric.id, rubric.title, rubric.wanted) == ("small", "A small homework", ("first", "second"))
    assert rubric.exercises == {1: "The only one"}
    assert (rubric.shapes["first"].kind, rubric.shapes["first"].aliases) == ("function", ("one", "uno"))
    assert (rubric.data.default, rubric.data.choices) == ("toy", ("toy", "real"))
    assert rubric.settings == {"budget": 3}
    (criterion,) = rubric.criteria
    assert (criterion.points, criterion.hint, criterion.visibility) == (2.5, "Try it.", "public")
    odd = rubric.misconceptions["odd"]
    assert (odd.id, odd.title, odd.says, odd.credit) == ("odd", "Odd", "It is odd.", 0.5)
    assert (rubric.folder, rubric.named) == (folder.resolve(), str(folder))


def test_tables_that_a_rubric_may_leave_out(tmp_path: Path) -> None:
    rubric = Rubric.load(str(tiny_rubric(tmp_path / "tiny")))
    assert (rubric.settings, rubric.misconceptions, rubric.shapes) == ({}, {}, {})
    assert (rubric.data.default, rubric.data.choices, rubric.data.resolve(None)) == (None, (), None)


def test_what_data_takes_depends_on_folders_being_accepted() -> None:
    with pytest.raises(UsageError, match=r"^--data takes small, not 'x'$"):
        DataOptions(choices=("small",)).resolve("x")


def test_a_folder_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_rubric(tmp_path / "rules" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert Rubric.load("rules/tiny").named == "rules/tiny"
    assert Rubric.load(str(tmp_path / "rules" / "tiny")).named == str(tmp_path / "rules" / "tiny")


def test_a_rubric_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no rubric 'nothing': give a name such as ddpm, or a folder"
    ):
        Rubric.load("nothing")


def test_criteria_are_chosen_by_id_or_by_what_stands_before_the_dot() -> None:
    rubric = Rubric.load("ddpm")
    assert rubric.only(()) == rubric.criteria
    assert [each.id for each in rubric.only(("schedule.betas",))] == ["schedule.betas"]
    chosen = [each.id for each in rubric.only(("sample", "schedule.betas"))]
    assert chosen[0] == "schedule.betas"
    assert {id.partition(".")[0] for id in chosen[1:]} == {"sample"}
    with pytest.raises(
        UsageError, match=r"the rubric ddpm has no criterion 'schedule.bet'; its criteria are no"
    ):
        rubric.only(("unet", "schedule.bet"))


def test_a_digest_is_the_same_for_equal_files_and_depends_on_names(tmp_path: Path) -> None:
    one, two = tiny_rubric(tmp_path / "one"), tiny_rubric(tmp_path / "two")
    assert Rubric.load(str(one)).digest == Rubric.load(str(two)).digest
    (one / "a.json").write_text("1")
    (two / "b.json").write_text("1")
    assert Rubric.load(str(one)).digest != Rubric.load(str(two)).digest
    (two / "b.json").rename(two / "notes.txt")
    (one / "a.json").unlink()
    assert Rubric.load(str(one)).digest == Rubric.load(str(two)).digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '@criterion("answer.given")',
            '@criterion("answer.givn")',
            "belongs to no criterion of the rubric tiny",
        ),
        ('@criterion("answer.given")', "", "belongs to no criterion of the rubric tiny"),
        (
            "def check_an_answer_is_given",
            "def an_answer_is_given",
            "no check of the rubric tiny belongs to answer.given",
        ),
        (
            "from grader.checks import Unmet",
            "from grader.checks import Umet",
            "cannot be loaded: ImportError",
        ),
    ],
)
def test_a_mistake_in_a_rubric_is_misuse_and_no_grade(
    grade: Command, tmp_path: Path, old: str, new: str, says: str
) -> None:
    """Its author reads what is wrong; no student gets a provisional zero for it."""
    rubric = tiny_rubric(tmp_path / "tiny")
    checks = rubric / "check_answer.py"
    assert old in checks.read_text()
    checks.write_text(checks.read_text().replace(old, new))
    ran = grade(notebook(tmp_path / "student.ipynb", "answer = 42"), "--rubric", rubric)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert not (ran.reports / "student.json").exists()


def _command(page: str) -> str:
    shown = re.search(r'<pre class="command"[^>]*><code>(.*?)</code>', page)
    assert shown
    return html.unescape(shown[1])

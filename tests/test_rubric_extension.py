"""A rubric that extends another changes points, words and settings, and asks nothing anew needlessly."""

from __future__ import annotations

from pathlib import Path

import pytest
from classes import grade_here, run, tiny_rubric, write_class  # noqa: F401  the fixture `grade`
from conftest import Command

from grader import cli, rubric_contradictions
from grader.errors import UsageError
from grader.rubric import Rubric

LIGHT = """
extends = "../tiny"
title = "The homework of another course"
[exercises]
1 = "Its answer"
[settings.late]
due = "2020-01-01"
timezone = "UTC"
[[criterion]]
id = "answer.right"
points = 4
title = "Die Antwort stimmt"
hint = "Sie steht im Buch."
[[criterion]]
id = "answer.secret"
visibility = "public"
"""


def _child(tmp_path: Path, text: str = LIGHT, **files: str) -> Path:
    tiny_rubric(tmp_path / "tiny")
    child = tmp_path / "child"
    child.mkdir(exist_ok=True)
    (child / "rubric.toml").write_text(text)
    for name, content in files.items():
        (child / name.replace("__", ".")).write_text(content)
    return child


def test_points_words_and_dates_of_a_child_keep_every_verdict(grade: Command, tmp_path: Path) -> None:
    child, folder = _child(tmp_path), write_class(tmp_path / "class", ann=42, ben=41)
    grade(folder, "--rubric", tmp_path / "tiny", "--jobs", "1")
    ran = grade(folder, "--rubric", child, "--jobs", "1")
    assert "2 of 2 results are in the gradebook" in ran.err
    assert "2 marks recomputed from kept verdicts" in ran.err
    ann = ran.grade("ann")
    assert (ann["earned"], ann["possible"]) == (6, 6)
    right = next(row for row in ran.grade("ben")["criteria"] if row["id"] == "answer.right")
    assert (right["title"], right["hint"]) == ("Die Antwort stimmt", "Sie steht im Buch.")
    assert "The homework of another course" in (ran.reports / "index.html").read_text()


def test_a_changed_setting_asks_anew_and_reaches_the_checks(grade: Command, tmp_path: Path) -> None:
    child = _child(tmp_path, 'extends = "../tiny"\n[settings]\nright = "41"\n')
    checks = tmp_path / "tiny" / "check_answer.py"
    checks.write_text(checks.read_text().replace('"42"', 'judge.rubric.settings.get("right", "42")'))
    folder = write_class(tmp_path / "class", ben=41)
    assert grade(folder, "--rubric", tmp_path / "tiny", "--jobs", "1").grade("ben")["earned"] == 2
    ran = grade(folder, "--rubric", child, "--jobs", "1")
    assert "0 of 1 results are in the gradebook" in ran.err
    assert ran.grade("ben")["earned"] == 10
    assert Rubric.load(str(child)).judging_digest != Rubric.load(str(tmp_path / "tiny")).judging_digest


def test_words_for_a_known_mistake_are_replaced_key_by_key(tmp_path: Path) -> None:
    child = _child(tmp_path, misconceptions__toml='[odd]\nsays = "Das ist ungerade."\n')
    known = '[odd]\ncriteria = ["answer.right"]\ntitle = "Odd"\ncredit = 0.5\n'
    (tmp_path / "tiny" / "misconceptions.toml").write_text(known)
    rubric = Rubric.load(str(child))
    odd = rubric.misconceptions["odd"]
    assert (odd.title, odd.says, odd.credit) == ("Odd", "Das ist ungerade.", 0.5)
    assert rubric.judging_digest == Rubric.load(str(tmp_path / "tiny")).judging_digest


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[odd]\nsays = "no end', "misconceptions.toml is not valid TOML"),
        (b'[odd]\nsays = "\xe4"', "misconceptions.toml is not encoded in UTF-8"),
    ],
)
def test_words_of_a_child_that_cannot_be_read_get_a_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    child = _child(tmp_path)
    (child / "misconceptions.toml").write_bytes(content)
    with pytest.raises(UsageError, match=says):
        Rubric.load(str(child))


def test_a_verdict_by_a_child_is_reproduced_after_its_rubric_has_changed(
    grade: Command, tmp_path: Path
) -> None:
    child, folder = _child(tmp_path), write_class(tmp_path / "class", ann=42)
    grade(folder, "--rubric", child, "--jobs", "1")
    (tmp_path / "tiny" / "check_answer.py").write_text("raise RuntimeError")
    ran = grade("reproduce", "ann")
    assert ran.code == 0, ran.err
    assert "Every verdict came out again." in ran.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('wanted = ["x"]', "line 2: wanted cannot be changed by a rubric that extends another"),
        ('[data]\nchoices = ["x"]', "data cannot be changed by a rubric that extends another"),
        (
            '[[criterion]]\nid = "answer.rigth"',
            'has no criterion answer.rigth; did you mean "answer.right"?',
        ),
        ('[[criterion]]\nid = "answer.right"\ncode = "x"', "criterion answer.right: code cannot be changed"),
        ('[[criterion]]\nid = "answer.right"\npoints = "8"', 'line 4, criterion answer.right: points is "8"'),
        ("[settings]\nbudget = 3", "the bounds of the checks were measured with budget"),
        (
            "[settings]\nbudgets = 3",
            "the rubric that this one extends has no setting budgets",
        ),
        (
            '[criterion]\nid = "answer.right"\npoints = 4',
            "criterion is no list; [[criterion]], in two brackets",
        ),
        ("[[criterion]]\npoints = 4", "criterion number 1: the key id is missing"),
        (
            '[[criterion]]\nid = "answer.right"\npoints = 4\n[[criterion]]\nid = "answer.right"\nhint = "x"',
            "line 6, criterion answer.right: the criterion number 1 has the same id",
        ),
        ("total = 11", "line 2: total is 11, but the points of the criteria add up to 10"),
    ],
)
def test_what_a_child_cannot_change_gets_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    child = _child(tmp_path, f'extends = "../tiny"\n{text}\n')
    rules = tmp_path / "tiny" / "rubric.toml"
    rules.write_text(
        rules.read_text().replace(
            "[exercises]", '[settings]\nbudget = 2\ncalibrated = ["budget"]\n[exercises]'
        )
    )
    with pytest.raises(UsageError) as refused:
        Rubric.load(str(child))
    assert says in str(refused.value)


def test_code_of_its_own_a_missing_base_and_a_second_level_are_refused(tmp_path: Path) -> None:
    child = _child(tmp_path, check_own__py="")
    with pytest.raises(UsageError, match=r"has no code of its own, but there is check_own\.py"):
        Rubric.load(str(child))
    with pytest.raises(UsageError, match=r"there is no rubric '\.\./tyni' to extend"):
        Rubric.load(str(_child(tmp_path, 'extends = "../tyni"\n')))
    (child / "check_own.py").unlink()
    _child(tmp_path)
    grandchild = tmp_path / "grandchild"
    grandchild.mkdir()
    (grandchild / "rubric.toml").write_text('extends = "../child"\n')
    with pytest.raises(UsageError, match=r"\.\./child extends another rubric itself"):
        Rubric.load(str(grandchild))


def test_the_shipped_rubric_can_be_extended_but_not_its_training(tmp_path: Path) -> None:
    folder = tmp_path / "berlin"
    folder.mkdir()
    points = '[[criterion]]\nid = "schedule.betas"\npoints = 6\n'
    points += '[[criterion]]\nid = "schedule.alphas"\npoints = 0\n'
    (folder / "rubric.toml").write_text(f'extends = "ddpm"\n{points}')
    child, base = Rubric.load(str(folder)), Rubric.load("ddpm")
    assert (child.judging_digest, child.folder) == (base.judging_digest, base.folder.resolve())
    assert child.digest != base.digest
    assert [each.points for each in child.criteria[1:3]] == [6, 0]
    (folder / "rubric.toml").write_text(f'extends = "ddpm"\n{points}[settings.tolerance]\nlearns = 2.5\n')
    assert Rubric.load(str(folder)).judging_digest != base.judging_digest
    (folder / "rubric.toml").write_text(f'extends = "ddpm"\n{points}[settings.training]\nbatches = 10\n')
    with pytest.raises(UsageError, match=r"line 8.*measured with training: to change it, copy the rubric"):
        Rubric.load(str(folder))


def test_the_audit_runs_on_a_child(grade: Command, tmp_path: Path) -> None:
    assert cli.main(["new-rubric", str(tmp_path / "hw_2")]) == 0
    child = tmp_path / "child"
    child.mkdir()
    (child / "rubric.toml").write_text(
        'extends = "../hw_2"\ntotal = 12\n[[criterion]]\nid = "average.window"\npoints = 6\n'
    )
    ran = grade("audit", "--rubric", child, "--jobs", "1", "--only", "window-too-few", "--only", "base")
    assert ran.code == 0, ran.out + ran.err
    assert "Mutants caught on the right criterion: 1 of 1" in ran.out
    ran = grade(tmp_path / "hw_2" / "example.ipynb", "--rubric", child)
    assert ran.grade("example")["earned"] == 12


def test_a_rubric_for_another_interface_is_told_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    rules = folder / "rubric.toml"
    rules.write_text(f"interface = 1\n{rules.read_text()}")
    before = Rubric.load(str(folder)).judging_digest
    rules.write_text(rules.read_text().replace("interface = 1", ""))
    assert Rubric.load(str(folder)).judging_digest == before
    rules.write_text(f"interface = 9\n{rules.read_text()}")
    with pytest.raises(UsageError, match="written for interface 9 of the grader, which has 1: update"):
        Rubric.load(str(folder))
    monkeypatch.setattr(rubric_contradictions, "INTERFACE", 2)
    monkeypatch.setattr(rubric_contradictions, "INTERFACE_CHANGES", {1: "import probes from grader.probes"})
    rules.write_text(rules.read_text().replace("interface = 9", "interface = 1"))
    with pytest.raises(
        UsageError, match=r"written for interface 1; for 2, import probes from grader\.probes"
    ):
        Rubric.load(str(folder))

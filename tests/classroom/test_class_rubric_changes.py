"""A rubric that changes within a term: points and words mark again, checks judge again, and both are said."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from classes import notebook, run, tiny_rubric
from stub_judge import one_criterion_rubric, run_here

from grader.classroom.storage.cache_key import describe_changes
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.rubric import Rubric
from grader.rubric_digest import deciding_parts


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return tiny_rubric(tmp_path / "tiny")


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """Two students: alice is right, bob is wrong."""
    notebook(tmp_path / "class" / "alice.ipynb", "answer = 42")
    notebook(tmp_path / "class" / "bob.ipynb", "answer = 41")
    return tmp_path / "class"


def _edit(rubric: Path, old: str, new: str, name: str = "rubric.toml") -> None:
    text = (rubric / name).read_text()
    assert old in text
    (rubric / name).write_text(text.replace(old, new, 1))


def _results(out: Path) -> int:
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        return int(book.execute("SELECT count(*) FROM result").fetchone()[0])


def _alter(out: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book, book:
        book.execute(statement, values)


def _files(out: Path) -> dict[Path, bytes]:
    """Return all files with their contents, without those that SQLite keeps beside an open database."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {path: path.read_bytes() for path in files}


def _finals(out: Path) -> dict[str, float | None]:
    with Gradebook(out) as book:
        return {entry.person.key: entry.mark.final for entry in book.entries()}


def test_a_change_of_points_regrades_nothing_and_reaches_every_mark(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _edit(rubric, "points = 8", "points = 5.5")
    _edit(rubric, "points = 2", "points = 3")
    ran = run(out, class_folder, "--rubric", rubric)
    assert ran.code == 0
    assert "2 of 2 results are in the gradebook" in ran.err
    assert "2 marks recomputed from kept verdicts" in ran.err
    assert "points of answer.right changed from 8 to 5.5" in ran.err
    assert _results(out) == 2
    assert _finals(out) == {"alice": 8.5, "bob": 3}
    result = json.loads((out / "alice.json").read_text())
    assert (result["earned"], result["possible"]) == (8.5, 8.5)
    assert result["rubric"]["digest"] == Rubric.load(str(rubric)).digest
    assert "8.5" in (out / "alice.html").read_text()
    history = run(out, "show", "alice").out
    assert (
        "answer.right: pass 8 / 8 → pass 5.5 / 5.5  (points of answer.right changed from 8 to 5.5)" in history
    )
    assert "marked: 10 / 10 → 8.5 / 8.5" in history
    # And once more: there is nothing left to say.
    again = run(out, class_folder, "--rubric", rubric)
    assert "recomputed" not in again.err
    assert run(out, "show", "alice").out == history


def test_marks_equal_those_of_a_class_graded_anew(tmp_path: Path, rubric: Path, class_folder: Path) -> None:
    kept, anew = tmp_path / "kept", tmp_path / "anew"
    run(kept, class_folder, "--rubric", rubric)
    _edit(rubric, "points = 8", "points = 3")
    _edit(rubric, "It is known from a book.", "Which book?")
    _edit(rubric, 'visibility = "hidden"', 'visibility = "public"')
    _edit(rubric, '1 = "The answer"', '1 = "An answer"')
    for out in (kept, anew):
        run(out, class_folder, "--rubric", rubric)
    for name in ("alice", "bob"):
        first, second = (json.loads((out / f"{name}.json").read_text()) for out in (kept, anew))
        for result in (first, second):
            result.pop("seconds")
            for criterion in result["criteria"]:
                criterion.pop("seconds")
        assert first == second


def test_a_hidden_criterion_made_public_shows_its_message_and_one_made_hidden_does_not(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    _edit(rubric, "points = 8\n", 'points = 8\nvisibility = "hidden"\n')
    run(out, class_folder, "--rubric", rubric)
    assert "The answer is not 42." not in (out / "student" / "bob.html").read_text()
    _edit(rubric, 'points = 8\nvisibility = "hidden"\n', "points = 8\n")
    run(out, class_folder, "--rubric", rubric)
    assert "The answer is not 42." in (out / "student" / "bob.html").read_text()
    _edit(rubric, "points = 8\n", 'points = 8\nvisibility = "hidden"\n')
    run(out, class_folder, "--rubric", rubric)
    assert "The answer is not 42." not in (out / "student" / "bob.html").read_text()
    assert _results(out) == 2


def test_students_outside_of_the_run_are_marked_again_too(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _edit(rubric, "points = 2", "points = 4")
    (class_folder / "bob.ipynb").unlink()
    notebook(class_folder / "carol.ipynb", "answer = 42")
    run(out, class_folder, "--rubric", rubric)
    assert _finals(out) == {"alice": 12, "bob": 4, "carol": 12}
    assert json.loads((out / "bob.json").read_text())["earned"] == 4


def test_a_changed_check_judges_again_and_the_history_names_the_file(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _edit(rubric, '"42" not in', '"41" not in', "check_answer.py")
    ran = run(out, class_folder, "--rubric", rubric)
    assert "0 of 2 results" in ran.err
    changed = "answer.right was fail 0 / 8, is now pass 8 / 8 (changed: rubric (check_answer.py))"
    assert f"bob: {changed}" in ran.out
    assert "judged by other checks" not in ran.err


def test_students_judged_by_other_checks_are_named(tmp_path: Path, rubric: Path, class_folder: Path) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _edit(rubric, '"42" not in', '"41" not in', "check_answer.py")
    (class_folder / "alice.ipynb").unlink()
    ran = run(out, class_folder, "--rubric", rubric)
    said = "1 of 2 graded students were judged by other checks than the rubric's present ones: alice;"
    assert said in ran.err
    page = re.sub(r"\s+", " ", (out / "index.html").read_text()).replace("&#39;", "'")
    assert said in page


def test_another_version_of_the_grader_changes_nobodys_verdict_unasked(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _alter(out, "UPDATE result SET grader = '0.0.9+abc'")
    notebook(class_folder / "carol.ipynb", "answer = 42  # carol")
    ran = run(out, class_folder, "--rubric", rubric)
    assert "2 of 3 results are in the gradebook" in ran.err
    said = "2 of 3 graded students were judged by another version of the grader"
    assert f"{said}, whose verdicts are kept: alice, bob;" in ran.err
    ran = run(out, class_folder, "--rubric", rubric, "--regrade")
    assert "1 of 3 results are in the gradebook" in ran.err
    assert said not in ran.err


def test_a_gradebook_keyed_by_the_whole_rubric_is_kept_while_the_rubric_is_the_same(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    """As early versions wrote it; once the rubric has changed, nothing proves that its checks have not."""
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _alter(out, "UPDATE result SET rubric = ?", Rubric.load(str(rubric)).digest)
    _alter(out, "DELETE FROM meta WHERE name IN ('marking', 'grader', 'editions')")
    assert "2 of 2 results are in the gradebook" in run(out, class_folder, "--rubric", rubric).err
    _edit(rubric, "points = 8", "points = 9")
    ran = run(out, class_folder, "--rubric", rubric)
    assert "0 of 2 results are in the gradebook" in ran.err
    assert _finals(out) == {"alice": 11, "bob": 2}


def test_another_homework_does_not_get_into_a_gradebook(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out = tmp_path / "out"
    run(out, class_folder, "--rubric", rubric)
    _edit(rubric, 'id = "tiny"', 'id = "other"')
    ran = run(out, class_folder, "--rubric", rubric)
    assert ran.code == 2
    assert (
        "was graded by the rubric tiny, not by other: name it with --rubric, or choose another --out"
        in ran.err
    )
    assert _finals(out) == {"alice": 10, "bob": 2}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ([("a", 1), ("b", 1)], [("a", 1), ("b", 1), ("c", 1)], "rubric (new criterion c)"),
        ([("a", 1), ("b", 1)], [("b", 1), ("a", 1)], "rubric (order of the criteria)"),
        ([("a", 1), ("b", 1)], [("a", 1)], "rubric (criterion b)"),
    ],
)
def test_the_reason_of_a_regrade_names_an_appended_criterion_and_not_its_order(
    tmp_path: Path, old: list[tuple[str, int]], new: list[tuple[str, int]], said: str
) -> None:
    parts = []
    for criteria in (old, new):
        rules = {"criterion": [{"id": id, "points": points} for id, points in criteria]}
        parts.append(deciding_parts(tmp_path, rules, {}))
    before, after = (ResultInputs(notebook="n", rubric=name, grader="g", settings="{}") for name in "xy")
    assert describe_changes(before, after, {}, {}, {"x": parts[0], "y": parts[1]}) == said


def test_a_regrade_is_compared_with_what_counts_before_anything_is_written(tmp_path: Path) -> None:
    out, rubric = tmp_path / "out", one_criterion_rubric(tmp_path / "tiny")
    for name, answer in (("alice", 5), ("bob", 7)):
        notebook(tmp_path / "class" / f"{name}.ipynb", f"answer = {answer}")
    asked = run_here(out, tmp_path / "class", "--rubric", rubric, "--compare")
    assert (asked.code, out.exists()) == (2, False)
    assert "there is no gradebook" in asked.err
    run_here(out, tmp_path / "class", "--rubric", rubric)
    _alter(out, "UPDATE result SET grader = 'an older one', grade = replace(grade, ?, ?)", "5.0", "4.0")
    _alter(out, "UPDATE result SET grade = replace(grade, ?, ?)", "0.005", "0.004")
    run_here(out, "adjust", "alice", "total", "+1", "--because", "nice")
    state = _files(out)
    compared = run_here(out, tmp_path / "class", "--rubric", rubric, "--compare")
    assert compared.code == 0
    assert "alice: answer.right was fail 4 / 1000, is now fail 5 / 1000 (changed: grader)" in compared.out
    assert "alice (alice): 5 → 6\n1 of 2 final marks would change. Nothing was written." in compared.out
    assert "bob" not in compared.out
    assert "Class page" not in compared.out
    assert _files(out) == state
    assert _finals(out) == {"alice": 5, "bob": 7}
    run_here(out, tmp_path / "class", "--rubric", rubric, "--regrade")
    assert _finals(out) == {"alice": 6, "bob": 7}


def _add_a_criterion(rubric: Path, check: str, file: str) -> None:
    toml = rubric / "rubric.toml"
    toml.write_text(
        f'{toml.read_text()}\n[[criterion]]\nid = "answer.short"\nexercise = 1\ntitle = "Short"\npoints = 4\n'
    )
    with (rubric / file).open("a") as opened:
        opened.write(check)


_SHORT = '''
from grader.checks import Unmet, criterion

@criterion("answer.short")
def check_the_answer_is_short(judge):
    """The answer has two digits."""
    if "4" not in judge.request["statements"][0]["source"]:
        raise Unmet("The answer is long.")
'''


def _counting_rubric(rubric: Path) -> Path:
    """Let the checks write down that they were asked, and return where."""
    asked = rubric.parent / "asked"
    checks = rubric / "check_answer.py"
    text = checks.read_text().replace(
        "    own, modules =", f"    open({str(asked)!r}, 'a').write('x')\n    own, modules ="
    )
    checks.write_text(text)
    return asked


def test_a_criterion_in_a_file_of_its_own_is_asked_alone(
    tmp_path: Path, rubric: Path, class_folder: Path
) -> None:
    out, asked = tmp_path / "out", _counting_rubric(rubric)
    run(out, class_folder, "--rubric", rubric)
    assert _finals(out) == {"alice": 10, "bob": 2}
    assert asked.read_text() == "xx"
    _add_a_criterion(rubric, _SHORT, "check_short.py")
    ran = run(out, class_folder, "--rubric", rubric)
    assert (ran.code, asked.read_text()) == (0, "xx")
    assert _finals(out) == {"alice": 14, "bob": 6}
    with Gradebook(out) as book:
        grade = book.entry("bob").grade
    assert grade is not None
    assert [each.id for each in grade.criteria][-1] == "answer.short"
    assert grade.rubric == Rubric.load(str(rubric)).as_json()
    assert "(changed: rubric (new check_short.py, new criterion answer.short))" in ran.out
    assert run(out, class_folder, "--rubric", rubric).code == 0
    assert asked.read_text() == "xx"
    fresh = tmp_path / "fresh"
    run(fresh, class_folder, "--rubric", rubric)
    assert _finals(fresh) == _finals(out)


@pytest.mark.parametrize(
    ("check", "file"),
    [
        (_SHORT, "check_answer.py"),  # may have changed the others
        (_SHORT.replace('"answer.short"', '"answer.right"'), "check_more.py"),  # another check of an old one
        (_SHORT, "conftest.py"),
    ],
)
def test_a_new_criterion_asks_everything_again_where_others_may_be_decided_anew(
    tmp_path: Path, rubric: Path, class_folder: Path, check: str, file: str
) -> None:
    asked = _counting_rubric(rubric)
    run(tmp_path / "out", class_folder, "--rubric", rubric)
    _add_a_criterion(rubric, check, file)
    if file != "check_answer.py":
        (rubric / "check_short.py").write_text(_SHORT)
    run(tmp_path / "out", class_folder, "--rubric", rubric)
    assert asked.read_text() == "xxxx"

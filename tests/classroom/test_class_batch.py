"""A class graded by the installed command: each notebook once, whatever is wrong with other submissions."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from classes import command, gradebook_rows, notebook, run, tiny_rubric, write_class

GRADED, NOT_GRADED, MISUSE = 0, 1, 2


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return tiny_rubric(tmp_path / "tiny")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_results_are_reused_until_one_of_their_inputs_changes(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, bob=41)
    assert run(out, submissions, "--rubric", rubric).code == GRADED
    ids = gradebook_rows(out, "SELECT id FROM result")
    assert "2 of 2 results are in the gradebook" in run(out, submissions, "--rubric", rubric).err
    assert gradebook_rows(out, "SELECT id FROM result") == ids

    write_class(submissions, bob="42  # fixed")
    ran = run(out, submissions, "--rubric", rubric)
    assert "1 of 2 results" in ran.err
    assert "bob: answer.right was fail 0 / 8, is now pass 8 / 8 (changed: notebook)" in ran.out

    tiny_rubric(rubric, right="4")
    write_class(submissions, bob="4")
    ran = run(out, submissions, "--rubric", rubric)
    assert "0 of 2 results" in ran.err
    assert "alice:" not in ran.out  # another rubric, the same verdicts

    assert "0 of 2 results" in run(out, submissions, "--rubric", rubric, "--fresh").err
    trail = gradebook_rows(
        out,
        "SELECT what, before, after, why FROM change JOIN person ON person.id = change.person "
        "WHERE key = 'bob' ORDER BY change.id",
    )
    assert ("answer.right", "fail 0 / 8", "pass 8 / 8", "notebook") in trail
    assert trail[0] == ("graded", None, "2", "first graded")
    assert [row[3] for row in trail if row[0] == "graded"][1:] == [
        "notebook",
        "notebook, rubric (check_answer.py)",
        "nothing known; graded again",
    ]


def test_the_same_bytes_are_graded_once(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, bob=42, carol=42)
    ran = run(out, submissions, "--rubric", rubric)
    assert len(gradebook_rows(out, "SELECT id FROM result")) == 1
    assert "0 of 1 results are in the gradebook (3 notebooks, some of equal content)" in ran.err
    assert [ran.grade(name)["submission"]["name"] for name in ("alice", "bob")] == ["alice", "bob"]
    assert ran.grade("carol")["submission"]["path"] == "class/carol.ipynb"


def test_a_changed_module_beside_the_notebook_is_graded_again(tmp_path, rubric, out):
    submissions = tmp_path / "class"
    notebook(submissions / "alice" / "hw.ipynb", "from model import answer")
    (submissions / "alice" / "model.py").write_text("answer = 41")
    assert run(out, submissions, "--rubric", rubric).grade("alice")["earned"] == 2
    (submissions / "alice" / "model.py").write_text("answer = 42")
    assert run(out, submissions, "--rubric", rubric).grade("alice")["earned"] == 10


def test_one_bad_submission_never_stops_the_others(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, crash="'crash'")
    (submissions / "broken.ipynb").write_text("{")
    (submissions / "empty.ipynb").write_bytes(b"")
    ran = run(out, submissions, "--rubric", rubric, "--jobs", "2")
    assert ran.code == NOT_GRADED
    assert ran.grade("alice")["earned"] == 10
    assert ran.grade("crash")["provisional"]
    assert "cut off" in ran.grade("broken")["notes"][0]
    assert "Traceback" not in ran.err
    index = (out / "index.html").read_text()
    to_review = index[index.index('id="review"') : index.index('id="students"')]
    assert all(f">{name}</a>" in to_review for name in ("crash", "broken", "empty"))
    assert ">alice</a>" not in to_review


def test_a_file_name_that_is_not_utf8_is_graded(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42)
    (submissions / os.fsdecode(b"b\xf6\x1bb.ipynb")).write_bytes((submissions / "alice.ipynb").read_bytes())
    ran = run(out, submissions, "--rubric", rubric)
    assert ran.code == GRADED, ran.err
    assert ran.grade("b-b")["earned"] == 10
    assert "\x1b" not in ran.out + ran.err


def test_a_result_is_not_reused_if_the_grader_failed(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, crash="'crash'")
    run(out, submissions, "--rubric", rubric)
    assert "1 of 2 results" in run(out, submissions, "--rubric", rubric).err


@pytest.mark.parametrize(("attempt", "points"), [("latest", 2), ("best", 10)])
def test_the_latest_or_the_best_attempt_counts(tmp_path, rubric, out, attempt, points):
    submissions = write_class(tmp_path / "class", alice_attempt1=42, alice_attempt2=41, bob=42)
    ran = run(out, submissions, "--rubric", rubric, "--attempt", attempt)
    assert ran.grade("alice")["earned"] == points
    assert "2 attempts" in (out / "index.html").read_text()


def test_student_reports_do_not_reveal_hidden_criteria(tmp_path, rubric, out):
    run(out, write_class(tmp_path / "class", alice=42, bob=41), "--rubric", rubric)
    secret = "No word of the secret list occurs"
    assert secret in (out / "alice.html").read_text()
    report = (out / "student" / "alice.html").read_text()
    assert secret not in report
    assert "Nothing forbidden" in report


def test_json_prints_one_line_per_student(tmp_path, rubric, out):
    ran = run(out, write_class(tmp_path / "class", alice=42, bob=41), "--rubric", rubric, "--json", "-q")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {line["student"]: line["earned"] for line in lines} == {"alice": 10, "bob": 2}
    assert ran.err == ""


def test_a_roster_shows_who_handed_in_nothing(tmp_path, rubric, out):
    (tmp_path / "roster.csv").write_text("name,login\nAlice Ä,alice\nBob B,bob\n", encoding="utf-8")
    submissions = write_class(tmp_path / "class", alice=42)
    run(out, submissions, "--rubric", rubric, "--roster", tmp_path / "roster.csv")
    index = (out / "index.html").read_text()
    assert "Bob B: nothing handed in" in index
    assert "Alice Ä" in (out / "alice.html").read_text()
    assert "Bob B" in run(out, "list", "--missing").out


@pytest.mark.parametrize("data", [b"not a database" * 100, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_damaged_gradebook_is_reported_and_left_unchanged(tmp_path, rubric, out, data):
    out.mkdir()
    (out / "gradebook.sqlite").write_bytes(data)
    ran = run(out, write_class(tmp_path / "class", alice=42, bob=1), "--rubric", rubric)
    assert ran.code == MISUSE
    assert "is damaged" in ran.err
    assert "restore a backup" in ran.err
    assert "Traceback" not in ran.err
    assert (out / "gradebook.sqlite").read_bytes() == data


def test_an_unwritable_output_folder_is_reported(tmp_path, rubric):
    (tmp_path / "out").write_text("a file")
    ran = run(tmp_path / "out", write_class(tmp_path / "class", alice=42, bob=1), "--rubric", rubric)
    assert ran.code == MISUSE
    assert "choose another --out" in ran.err


def test_a_full_disk_is_reported_and_finished_results_stay(tmp_path, rubric, out):
    """A limit on the size of files simulates the full disk."""
    submissions = write_class(tmp_path / "class", **{f"student{n}": n for n in range(3)})
    run(out, submissions, "--rubric", rubric)
    before = gradebook_rows(out, "SELECT id, grade FROM result")
    write_class(submissions, **{f"student{n}": n for n in range(3, 6)})

    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    done = subprocess.run(
        [*command(submissions, "--rubric", rubric), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=limit_file_size,
    )
    assert done.returncode == MISUSE
    assert "free some disk space" in done.stderr or "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert gradebook_rows(out, "PRAGMA integrity_check") == [("ok",)]
    assert gradebook_rows(out, "SELECT id, grade FROM result")[: len(before)] == before
    assert run(out, submissions, "--rubric", rubric).code == GRADED


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits on file sizes")


def test_the_last_lines_name_who_is_missing_and_who_needs_a_look(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, bob="'crash'")
    roster = tmp_path / "roster.csv"
    roster.write_text("name\nalice\nbob\ncleo\ndan\n")
    ran = run(out, submissions, "--rubric", rubric, "--roster", roster)
    *_, missing, unsure, by_name, page, _ = ran.out.splitlines()
    assert missing == "Nothing handed in (2): cleo, dan"
    assert unsure == "The grader could not decide (1): bob"
    assert by_name == "Matched by name only (2): alice, bob"
    assert page.startswith("Class page: ")
    assert "Nothing handed in" not in run(out, submissions, "--rubric", rubric, "--json").out

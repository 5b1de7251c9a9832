"""A finished term: a verdict reproduced without the download, one archive of everything, and no data left."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from classes import notebook, run, tiny_rubric, write_class
from stub_judge import run_here

from grader.classroom.storage.store import batch_lock


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A graded class whose download is gone and whose rubric has changed since."""
    out = tmp_path / "reports"
    folder = write_class(tmp_path / "class", ada=42, bob=41)
    notebook(folder / "cat" / "hw.ipynb", "from answers import answer")
    (folder / "cat" / "answers.py").write_text("answer = 42\n")
    graded = run(out, folder, "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert graded.code == 0, graded.err
    shutil.rmtree(folder)
    tiny_rubric(tmp_path / "tiny", right="41")
    return out


def test_a_verdict_is_reproduced_from_what_was_kept(graded: Path) -> None:
    """Bob would pass the changed rubric: the kept one judges him."""
    ran = run(graded, "reproduce", "bob")
    assert ran.code == 0, ran.err
    assert "Judged then: 2 / 10, now: 2 / 10" in ran.out
    assert (graded / "reproduced" / "bob.html").exists()


def test_a_reproduced_mark_counts_by_the_points_of_the_gradebook(graded: Path, tmp_path: Path) -> None:
    """Points decide no verdict: a kept rubric's older ones must not look like another mark."""
    rubric = tiny_rubric(tmp_path / "tiny")
    toml = rubric / "rubric.toml"
    toml.write_text(toml.read_text().replace("points = 8", "points = 6"))
    regraded = run(graded, write_class(tmp_path / "again", ada=42, bob=41), "--rubric", rubric)
    assert regraded.code == 0, regraded.err
    ran = run(graded, "reproduce", "ada")
    assert ran.code == 0, ran.err
    assert "Judged then: 8 / 8, now: 8 / 8" in ran.out
    result = json.loads((graded / "reproduced" / "ada.json").read_text())
    assert (result["earned"], result["possible"]) == (8, 8)


def test_modules_beside_a_notebook_are_kept_with_it(graded: Path) -> None:
    ran = run(graded, "reproduce", "cat")
    assert ran.code == 0, ran.err
    assert "now: 10 / 10" in ran.out


def test_a_kept_file_that_was_changed_is_not_judged(graded: Path) -> None:
    kept = next(
        path
        for path in (graded / "kept" / "notebooks").iterdir()
        if b"41" in zipfile.ZipFile(path).read("handed-in.ipynb")
    )
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("handed-in.ipynb", b"{}")
    ran = run(graded, "reproduce", "bob")
    assert (ran.code, ran.out) == (2, "")
    assert "was changed after it was kept" in ran.err


def test_an_unpacked_archive_works_as_before(graded: Path, tmp_path: Path) -> None:
    term = tmp_path / "term.zip"
    ran = run(graded, "archive", "--to", term)
    assert ran.code == 0, ran.err
    shutil.rmtree(graded)
    zipfile.ZipFile(term).extractall(tmp_path / "later")
    unpacked = tmp_path / "later" / "reports"
    assert "bob" in run(unpacked, "list").out
    assert run(unpacked, "reproduce", "ada").code == 0
    assert (unpacked / "student" / "ada.html").exists()


def test_an_archive_is_never_overwritten(graded: Path, tmp_path: Path) -> None:
    term = tmp_path / "term.zip"
    term.write_text("precious")
    assert run(graded, "archive", "--to", term).code == 2
    assert term.read_text() == "precious"


def test_an_archive_written_during_a_run_says_that_it_is_not_complete(graded: Path, tmp_path: Path) -> None:
    with batch_lock(graded):
        ran = run_here(graded, "archive", "--to", tmp_path / "partial.zip")
    assert ran.code == 1
    assert "the archive holds only what was finished" in ran.err
    assert (tmp_path / "partial.zip").exists()
    ran = run_here(graded, "archive", "--to", tmp_path / "whole.zip")
    assert (ran.code, ran.err) == (0, "")


def test_what_was_not_kept_is_kept_after_a_regrade_which_the_message_says(graded: Path) -> None:
    shutil.rmtree(graded / "kept")
    assert "grade the hand-in again with --regrade" in run_here(graded, "reproduce", "ada").err


def test_purging_asks_first_and_removes_only_what_grading_wrote(graded: Path) -> None:
    (graded / "notes.txt").write_text("mine")
    asked = run(graded, "purge")
    assert asked.code == 2
    assert "3 students" in asked.err
    assert (graded / "ada.html").exists()
    purged = run(graded, "purge", "--yes")
    assert purged.code == 0, purged.err
    assert "notes.txt" in purged.err
    assert [path.name for path in graded.rglob("*")] == ["notes.txt"]


def test_a_folder_that_does_not_exist_has_nothing_to_purge(tmp_path: Path) -> None:
    ran = run(tmp_path / "mistyped", "purge", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no gradebook in" in ran.err
    assert "Traceback" not in ran.err

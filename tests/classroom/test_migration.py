"""Gradebooks of older versions of grade are brought up to date, after a copy; newer ones are left alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from classes import gradebook_rows, notebook, run, tiny_rubric

DUMP = Path(__file__).parent / "gradebook-v1.sql"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Folder with a gradebook of the first schema, in which two of three students are twice."""
    with closing(sqlite3.connect(tmp_path / "gradebook.sqlite")) as book:
        book.execute("PRAGMA journal_mode = WAL")
        book.executescript(DUMP.read_text())
        book.execute("PRAGMA user_version = 1")
    return tmp_path


def points(out: Path) -> dict[str, float]:
    exported = json.loads(run(out, "export", "--format", "json").out)
    return {each["student"]: each["points"] for each in exported["students"] if each["result"]}


def test_students_who_were_there_twice_become_one_person_with_the_newest_grade(out):
    listed = run(out, "people")
    assert listed.code == 0, listed.err
    assert "aa11 (Alder, Ann, merged by identifier)" in listed.out
    assert points(out) == {"alderann": 4.0, "birchben": 10.0}  # 2 of the newest hand-in, +1 and +1
    shown = run(out, "show", "0011").out
    assert "Alder, Ann (alderann)" in shown
    history = [line.split("  ")[3] for line in shown.partition("History\n")[2].splitlines()]
    assert history[:3] == ["graded: nothing → 10", "add total: 10 → 11", "graded: nothing → 2"]
    assert "withdraw add total: 4 → 2" in history


def test_a_migrated_merge_can_be_split_with_its_adjustments(out):
    assert run(out, "people", "split", "aa11", "--because", "two students").code == 0
    assert points(out) == {"alderann": 11.0, "aa11": 3.0, "birchben": 10.0}


def test_a_copy_of_the_old_gradebook_is_kept_and_never_overwritten(out):
    (out / "gradebook.v1.sqlite").write_bytes(b"mine")
    assert "gradebook.v1-2.sqlite" in run(out, "list").err
    assert (out / "gradebook.v1.sqlite").read_bytes() == b"mine"
    with closing(sqlite3.connect(out / "gradebook.v1-2.sqlite")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT count(*) FROM student").fetchone() == (5,)
    assert gradebook_rows(out, "PRAGMA user_version") == [(4,)]
    assert run(out, "list").err == ""
    assert len(list(out.glob("gradebook.v1*"))) == 2


def test_a_gradebook_of_the_schema_before_gains_its_columns(tmp_path):
    notebook(tmp_path / "class" / "ann.ipynb", "answer = 42")
    out = tmp_path / "reports"
    run(out, tmp_path / "class", "--rubric", tiny_rubric(tmp_path / "rubric"))
    run(out, "adjust", "ann", "total", "+1", "--because", "before")
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        for column in ("items", "answer", "place"):
            book.execute(f"ALTER TABLE adjustment DROP COLUMN {column}")
        book.execute("PRAGMA user_version = 2")
    run(out, "adjust", "ann", "total", "+2", "--because", "after")
    assert points(out) == {"ann": 13.0}
    assert gradebook_rows(out, "PRAGMA user_version") == [(4,)]


def test_a_gradebook_of_a_newer_version_is_left_alone(out):
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        book.execute("PRAGMA user_version = 99")
    ran = run(out, "list")
    assert ran.code == 2
    assert "was written by a newer version of grade (schema 99, this one knows 4); update grade" in ran.err
    assert gradebook_rows(out, "SELECT count(*) FROM student") == [(5,)]


def test_a_migration_that_fails_leaves_the_gradebook_as_it_was(out):
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        book.execute("UPDATE student SET ids = '{' WHERE key = 'aa11'")
        book.commit()
    ran = run(out, "list")
    assert ran.code == 2
    assert "gradebook.sqlite is damaged" in ran.err
    assert "restore a backup" in ran.err
    assert gradebook_rows(out, "PRAGMA user_version") == [(1,)]
    assert gradebook_rows(out, "SELECT count(*) FROM student") == [(5,)]

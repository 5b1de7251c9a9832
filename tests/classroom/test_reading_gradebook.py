"""A gradebook can be read without the right to write, and is refused where locks do not hold."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from classes import run, tiny_rubric, write_class

from grader.classroom.storage import store
from grader.classroom.storage.gradebook import Gradebook
from grader.errors import UsageError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the permissions of POSIX")


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    rubric, out = tiny_rubric(tmp_path / "tiny"), tmp_path / "out"
    assert run(out, write_class(tmp_path / "class", alice=42, bob=41), "--rubric", rubric).code == 0
    return out


def _read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """For root, nothing is read-only by its mode."""
    monkeypatch.setattr(store.os, "access", lambda path, mode: mode != os.W_OK)


def test_reading_leaves_the_folder_as_it_was(graded, monkeypatch):
    before = sorted(graded.iterdir())
    _read_only(monkeypatch)
    with Gradebook(graded) as book:
        assert len(list(book.entries())) == 2
        assert sorted(graded.iterdir()) == before


def test_writing_to_it_is_refused_with_a_sentence(graded, monkeypatch):
    _read_only(monkeypatch)
    with Gradebook(graded) as book, pytest.raises(UsageError, match="make it writable"):
        book.set_setting("x", 1)


def test_a_log_that_a_killed_batch_left_is_read_too(graded, monkeypatch, tmp_path):
    with Gradebook(graded) as book:
        book.set_setting("x", "in the log")
        copy = Path(shutil.copytree(graded, tmp_path / "copy"))  # as if it had been killed now
    assert (copy / "gradebook.sqlite-wal").stat().st_size
    _read_only(monkeypatch)
    with Gradebook(copy) as book:
        assert book.setting("x") == "in the log"


def test_a_folder_whose_locks_do_not_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_TAKES_LOCK", "")  # it was given to another process, too
    with pytest.raises(UsageError, match="without working locks"), store.batch_lock(tmp_path):
        pass

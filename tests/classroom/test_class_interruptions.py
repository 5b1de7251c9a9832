"""A class run that is interrupted, killed or started twice loses no result and grades nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from classes import command, gradebook_rows, run, tiny_rubric, write_class

GRADED, NOT_GRADED, MISUSE, STOPPED = 0, 1, 2, 130


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return tiny_rubric(tmp_path / "tiny")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_second_batch_on_the_same_folder_is_refused(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, bob=41)
    first = subprocess.Popen([*command(submissions, "--rubric", rubric, "-q"), "--out", str(out)])
    _wait_for(out / "gradebook.sqlite")
    second = run(out, submissions, "--rubric", rubric)
    assert second.code == MISUSE
    assert "another batch is grading into" in second.err
    assert first.wait(60) == GRADED


def test_ctrl_c_finishes_running_notebooks_and_the_next_run_continues(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", **{f"student{n}": n for n in range(5)})
    batch = _started(submissions, rubric, out)
    _wait_for_results(out, 1)
    batch.send_signal(signal.SIGINT)
    _, errors = batch.communicate(timeout=60)
    assert batch.returncode == STOPPED
    assert re.search(r"finishing the \d running", errors)
    finished = len(gradebook_rows(out, "SELECT id FROM result"))
    assert 1 <= finished < 5
    assert (out / "index.html").exists()
    assert f"{finished} of 5 results" in run(out, submissions, "--rubric", rubric).err
    assert len(gradebook_rows(out, "SELECT DISTINCT notebook FROM result")) == 5


def test_a_second_ctrl_c_stops_at_once_and_leaves_no_process(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", **{f"student{n}": n for n in range(5)})
    batch = _started(submissions, rubric, out)
    _wait_for_results(out, 1)
    batch.send_signal(signal.SIGINT)
    time.sleep(0.2)
    batch.send_signal(signal.SIGINT)
    batch.communicate(timeout=10)
    assert batch.returncode == STOPPED
    _wait_until_gone(str(rubric))


def test_a_full_disk_behind_the_output_stops_no_class(tmp_path, rubric, out):
    submissions = write_class(tmp_path / "class", alice=42, bob=41)
    with open("/dev/full", "w") as full:
        line = [*command(submissions, "--rubric", rubric), "--out", str(out)]
        ran = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert ran.returncode == NOT_GRADED
    assert "standard output could not be written (No space left on device)" in ran.stderr
    assert gradebook_rows(out, "SELECT count(*) FROM result") == [(2,)]
    assert (out / "index.html").exists()


@pytest.mark.slow
def test_kill_9_loses_only_running_notebooks(tmp_path, rubric, out):
    """After kills at random moments, each notebook has one result, equal to that of an undisturbed run."""
    submissions = write_class(
        tmp_path / "class", **{f"student{n}": f"42  # {n}" if n % 2 else n for n in range(20)}
    )
    chance = random.Random(0)
    for _ in range(6):
        batch = _started(submissions, rubric, out)
        time.sleep(chance.uniform(0.5, 6.0))
        batch.kill()
        batch.communicate()
    assert run(out, submissions, "--rubric", rubric).code == GRADED
    assert gradebook_rows(out, "SELECT count(*), count(DISTINCT notebook) FROM result") == [(20, 20)]
    assert gradebook_rows(out, "SELECT count(*) FROM change WHERE what = 'graded'") == [(20,)]
    run(tmp_path / "undisturbed", submissions, "--rubric", rubric)
    for n in range(20):
        name = f"student{n}.json"
        assert _without_times(out / name) == _without_times(tmp_path / "undisturbed" / name)
    _wait_until_gone(str(rubric))


def _started(submissions: Path, rubric: Path, out: Path) -> subprocess.Popen[str]:
    line = [*command(submissions, "--rubric", rubric, "-q", "--jobs", "2"), "--out", str(out)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _wait_for_results(out: Path, number: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)
        try:
            if (out / "gradebook.sqlite").exists() and len(
                gradebook_rows(out, "SELECT id FROM result")
            ) >= number:
                return
        except sqlite3.OperationalError:
            continue


def _wait_until_gone(text: str) -> None:
    """Wait until no process has this text in its command line."""
    deadline = time.monotonic() + 30
    while left := [pid for pid in os.listdir("/proc") if pid.isdigit() and text in _command_line(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _command_line(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_text()
    except OSError:
        return ""


def _without_times(path: Path) -> dict[str, object]:
    result = json.loads(path.read_text())
    del result["seconds"]
    for criterion in result["criteria"]:
        del criterion["seconds"]
    return result


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

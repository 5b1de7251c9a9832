"""Judges forked from a warm process grade like judges in a new process, and do not affect each other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from classes import notebook, tiny_rubric

from grader.errors import WorkerStartError
from grader.judging.prefork import PreforkServer
from grader.judging.process import environment, start_fresh
from grader.model import Grade
from grader.options import Options
from grader.pipeline import judge_notebook
from grader.rubric import Rubric

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
QUICK = Options(quick=True, device="cpu", seed=5)
ENDS_ITS_JUDGE = '''
import os, signal
from grader.checks import criterion

@criterion("answer.given")
def check_an_answer_is_given(judge):
    """An answer is given."""
    if "kill" in judge.request["statements"][0]["source"]:
        os.kill(os.getpid(), signal.SIGKILL)

@criterion("answer.right")
def check_the_answer_is_right(judge):
    """The answer is 42."""

@criterion("answer.secret")
def check_nothing_is_forbidden(judge):
    """No word of the secret list occurs."""
'''

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")


@pytest.fixture(scope="module")
def start() -> Iterator[PreforkServer]:
    with PreforkServer() as start:
        yield start


@pytest.fixture
def rubric(tmp_path: Path) -> Rubric:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "check_answer.py").write_text(ENDS_ITS_JUDGE)
    return Rubric.load(str(folder))


@pytest.mark.parametrize("name", ["alice", "bob"])
@pytest.mark.slow
def test_a_forked_judge_gives_the_same_grade_as_a_new_process(start: PreforkServer, name: str) -> None:
    path, ddpm = SUBMISSIONS / f"{name}.ipynb", Rubric.load("ddpm")
    forked, new = (
        judge_notebook(path, name, ddpm, QUICK, lambda event: None, how) for how in (start, start_fresh)
    )
    assert _timeless(forked.grade) == _timeless(new.grade)
    assert forked.figures == new.figures


def test_a_failure_of_the_grader_names_its_place(tmp_path: Path, start: PreforkServer) -> None:
    """The innermost line outside libraries."""
    folder = tiny_rubric(tmp_path / "broken")
    broken = ENDS_ITS_JUDGE.replace("import os, signal", "import json").replace(
        'if "kill"', "json.loads('{')\n    if 'kill'"
    )
    (folder / "check_answer.py").write_text(broken)
    grade = _grade(tmp_path, "answer = 42", Rubric.load(str(folder)), start)
    assert grade.provisional
    line = broken.splitlines().index("    json.loads('{')") + 1
    assert "JSONDecodeError" in grade.criteria[0].message
    assert f"check_answer.py, line {line})." in grade.criteria[0].message


def test_the_users_glibc_tunables_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=4096")
    asked = environment()["GLIBC_TUNABLES"].split(":")
    assert asked[0] == "glibc.rtld.optional_static_tls=4096"
    assert any(one.startswith("glibc.malloc.trim_threshold=") for one in asked)


def test_a_killed_judge_costs_only_its_own_grade(
    tmp_path: Path, start: PreforkServer, rubric: Rubric
) -> None:
    assert _grade(tmp_path, "answer = 'kill'", rubric, start).provisional
    assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10


def test_killed_warm_processes_are_started_again(tmp_path: Path, rubric: Rubric) -> None:
    before = set(psutil.Process().children(recursive=True))
    with PreforkServer() as start:
        assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10
        for process in set(psutil.Process().children()) - before:
            process.kill()
            process.wait()
        assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10
    assert not _alive(set(psutil.Process().children(recursive=True)) - before)


def test_no_process_of_a_submission_outlives_its_grade(start: PreforkServer, tmp_path: Path) -> None:
    """Worker and judge have ended when the grade is there."""
    ddpm = Rubric.load("ddpm")
    judge_notebook(SUBMISSIONS / "alice.ipynb", "alice", ddpm, QUICK, lambda event: None, start)
    warm = psutil.Process().children()
    below = [child for process in warm for child in process.children(recursive=True)]
    assert not _alive(below)


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those still running after ten seconds; a zombie has ended, and is reaped with the next grade."""
    not_ended = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    _, alive = psutil.wait_procs(not_ended, timeout=10)
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def _grade(folder: Path, source: str, rubric: Rubric, start: PreforkServer) -> Grade:
    path = notebook(folder / "student.ipynb", source)
    return judge_notebook(path, "student", rubric, Options(seed=0), lambda event: None, start).grade


def _timeless(grade: Grade) -> dict[str, Any]:
    result = grade.as_json()
    del result["seconds"]
    for criterion in result["criteria"]:
        del criterion["seconds"]
    return result


def test_a_host_that_is_killed_while_it_starts_is_started_again(
    tmp_path: Path, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That says nothing about this machine, however often it happens."""
    kill = [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL]
    start_processes = PreforkServer._open

    def start_and_kill(server: PreforkServer) -> None:
        start_processes(server)
        if kill:
            server._host.send_signal(kill.pop())

    monkeypatch.setattr(PreforkServer, "_open", start_and_kill)
    with PreforkServer() as start:
        assert not _grade(tmp_path, "answer = 42", rubric, start).provisional
    assert not kill


def test_a_host_that_fails_three_times_is_given_up(
    tmp_path: Path, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its last words, as where a package is missing."""
    starts = []

    def fails(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        if "grader.judging.prefork_host" in command:
            starts.append(command)
            command = [sys.executable, "-c", "import no_such_package"]
        return popen(command, **options)

    popen = subprocess.Popen
    monkeypatch.setattr("grader.judging.prefork.subprocess.Popen", fails)
    with PreforkServer() as start, pytest.raises(WorkerStartError, match="No module named 'no_such_package'"):
        start(["--version"], tmp_path)
    assert len(starts) == 3

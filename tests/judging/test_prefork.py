"""Judges forked from a warm process give the grades of judges started afresh, and do not hurt each other."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from classes import notebook, tiny_rubric

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
def test_a_forked_judge_gives_the_grade_of_one_started_afresh(start: PreforkServer, name: str) -> None:
    path, ddpm = SUBMISSIONS / f"{name}.ipynb", Rubric.load("ddpm")
    forked, afresh = (
        judge_notebook(path, name, ddpm, QUICK, lambda event: None, how) for how in (start, start_fresh)
    )
    assert _timeless(forked.grade) == _timeless(afresh.grade)
    assert forked.figures == afresh.figures


def test_a_failure_of_ours_says_where_it_was(tmp_path: Path, start: PreforkServer) -> None:
    """The place of ours, not that of the library in which it came up."""
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


def test_what_the_user_asks_of_the_c_library_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=4096")
    asked = environment()["GLIBC_TUNABLES"].split(":")
    assert asked[0] == "glibc.rtld.optional_static_tls=4096"
    assert any(one.startswith("glibc.malloc.trim_threshold=") for one in asked)


def test_a_judge_that_is_killed_costs_one_grade(tmp_path: Path, start: PreforkServer, rubric: Rubric) -> None:
    assert _grade(tmp_path, "answer = 'kill'", rubric, start).provisional
    assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10


def test_warm_processes_that_are_killed_are_started_again(tmp_path: Path, rubric: Rubric) -> None:
    before = set(psutil.Process().children(recursive=True))
    with PreforkServer() as start:
        assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10
        for process in set(psutil.Process().children()) - before:
            process.kill()
            process.wait()
        assert _grade(tmp_path, "answer = 42", rubric, start).earned == 10
    assert not _alive(set(psutil.Process().children(recursive=True)) - before)


def test_nothing_handed_in_stays_with_the_warm_processes(start: PreforkServer, tmp_path: Path) -> None:
    """A student's worker is gone when the grade is there, and so is its judge."""
    ddpm = Rubric.load("ddpm")
    judge_notebook(SUBMISSIONS / "alice.ipynb", "alice", ddpm, QUICK, lambda event: None, start)
    warm = psutil.Process().children()
    below = [child for process in warm for child in process.children(recursive=True)]
    assert not _alive(below)


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended ten seconds on. A warm process collects its dead with the next grade only."""
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

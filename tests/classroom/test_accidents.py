"""A process that is killed or stopped from outside costs nobody a grade: the notebook is judged once more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from classes import command, notebook, tiny_rubric

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs the processes and signals of Linux"),
    pytest.mark.slow,
]

GRADED, NOT_GRADED = 0, 1
_CHECKS = '''
from grader.checks import Unmet, criterion

@criterion("answer.given")
def check_an_answer_is_given(student):
    """An answer is given."""
    student.start()

@criterion("answer.right")
def check_the_answer_is_right(student):
    """The answer is 42."""
    if (answer := student.call("answer", timeout=30.0)) != 42:
        raise Unmet(f"The answer is {answer}, not 42.")

@criterion("answer.secret")
def check_nothing_is_forbidden(judge):
    """No word of the secret list occurs."""
'''
# Two seconds of processor time, long enough to be found at work.
_WORKS = """
def answer():
    import time
    while time.process_time() < STARTED + 2.0:
        pass
    return 42
import time
STARTED = time.process_time()
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "check_answer.py").write_text(_CHECKS)
    return folder


class _Class:
    """A class of three under way, whose processes can be found and hit."""

    def __init__(self, folder: Path, rubric: Path) -> None:
        for name in ("ada", "bob", "cyd"):
            notebook(folder / "class" / f"{name}.ipynb", f"# {name}\n{_WORKS}")
        self.out = folder / "out"
        line = [*command(folder / "class", "--rubric", rubric, "-q", "--jobs", "1"), "--out", str(self.out)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._family = psutil.Process(self.process.pid)

    def hit(self, find: Callable[[_Class], psutil.Process | None], signals: list[int], after: float) -> None:
        """Send each signal to the first process found that was not hit before, ``after`` it appeared."""
        hit: set[int] = set()
        for number in signals:
            while self.process.poll() is None:
                try:
                    found = find(self)
                    if found and found.pid not in hit:
                        time.sleep(after)
                        found.send_signal(number)
                        hit.add(found.pid)
                        break
                except psutil.Error:
                    pass
                time.sleep(0.01)

    def child(self, word: str) -> psutil.Process | None:
        return next((each for each in self._family.children() if word in " ".join(each.cmdline())), None)

    def grades(self) -> dict[str, tuple[float, bool]]:
        found = [json.loads(path.read_text()) for path in self.out.rglob("*.json")]
        return {
            each["submission"]["name"]: (each["earned"], each["provisional"])
            for each in found
            if "submission" in each
        }


def _host(run: _Class) -> psutil.Process | None:
    return run.child("prefork_host")


def _zygote(run: _Class) -> psutil.Process | None:
    return run.child("--control")


def _below(find: Callable[[_Class], psutil.Process | None]) -> Callable[[_Class], psutil.Process | None]:
    def child(run: _Class) -> psutil.Process | None:
        parent = find(run)
        living = [c for c in parent.children() if c.status() != psutil.STATUS_ZOMBIE] if parent else []
        return living[-1] if living else None

    return child


_FIND = {
    "host": _host,
    "zygote": _zygote,
    "judge": _below(_host),
    "branch": _below(_zygote),
    "worker": _below(_below(_zygote)),
}
_EARLY, _AT_WORK = 0.0, 0.7


@pytest.mark.parametrize("when", [_EARLY, _AT_WORK], ids=["early", "at work"])
@pytest.mark.parametrize("victim", ["host", "zygote", "judge", "branch", "worker"])
def test_a_killed_process_costs_nobody_a_grade(tmp_path, rubric, victim, when):
    run = _Class(tmp_path, rubric)
    run.hit(_FIND[victim], [signal.SIGKILL], when)
    _, errors = run.process.communicate(timeout=900)
    assert run.process.returncode == GRADED, errors
    assert run.grades() == dict.fromkeys(("ada", "bob", "cyd"), (10.0, False))


@pytest.mark.parametrize("victim", ["judge", "worker"])
def test_a_process_killed_twice_makes_one_grade_provisional_with_its_reason(tmp_path, rubric, victim):
    run = _Class(tmp_path, rubric)
    run.hit(_FIND[victim], [signal.SIGKILL, signal.SIGKILL], _AT_WORK)
    _, errors = run.process.communicate(timeout=900)
    assert run.process.returncode == NOT_GRADED, errors
    grades = run.grades()
    assert grades["ada"][1]
    assert grades["bob"] == grades["cyd"] == (10.0, False)
    report = next(run.out.rglob("ada.json")).read_text()
    assert "was killed" in report


@pytest.mark.parametrize("victim", ["worker", "host", "zygote", "judge"])
def test_a_stopped_process_costs_nobody_a_grade(tmp_path, rubric, victim):
    """Found by its silence: a worker's after ten seconds, a judge's after a minute."""
    run = _Class(tmp_path, rubric)
    run.hit(_FIND[victim], [signal.SIGSTOP], _AT_WORK if victim != "host" else 5.0)
    _, errors = run.process.communicate(timeout=900)
    assert run.process.returncode == GRADED, errors
    assert run.grades() == dict.fromkeys(("ada", "bob", "cyd"), (10.0, False))

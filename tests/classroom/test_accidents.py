"""A process that is killed or stopped from outside costs nobody a grade: the notebook is judged once more."""

from __future__ import annotations

import json
import random
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
    """A class under way, whose processes can be found and hit."""

    def __init__(self, folder: Path, rubric: Path, *names: str) -> None:
        for name in names:
            notebook(folder / "class" / f"{name}.ipynb", f"# {name}\n{_WORKS}")
        self.names = names
        self.out = folder / "out"
        line = [*command(folder / "class", "--rubric", rubric, "-q", "--jobs", "1"), "--out", str(self.out)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._family = psutil.Process(self.process.pid)
        self._hit: set[int] = set()

    def hit(self, victim: str, number: int, after: float, *, graded: int) -> None:
        """Send a signal to a process that was not hit before, ``after`` it appeared.

        Args:
            graded: the number of notebooks to wait for first, so that every notebook suffers one accident.
        """
        while self.process.poll() is None:
            try:
                found = _FIND[victim](self) if len(self.grades()) >= graded else None
                if found and found.pid not in self._hit:
                    time.sleep(after)
                    found.send_signal(number)
                    self._hit.add(found.pid)
                    return
            except psutil.Error:
                pass
            time.sleep(0.01)
        pytest.fail(f"the class ended before its {victim} was hit")

    def child(self, word: str) -> psutil.Process | None:
        return next((each for each in self._family.children() if word in " ".join(each.cmdline())), None)

    def grades(self) -> dict[str, tuple[float, bool]]:
        found = [json.loads(path.read_text()) for path in self.out.rglob("*.json")]
        return {
            each["submission"]["name"]: (each["earned"], each["provisional"])
            for each in found
            if "submission" in each
        }

    def ended(self) -> str:
        """Wait for the class to end, and return its messages."""
        _, errors = self.process.communicate(timeout=600)
        return errors


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


# One class for all victims, each of which is hit at another notebook: what takes time is to start a class.
@pytest.mark.parametrize("when", [_EARLY, _AT_WORK], ids=["early", "at work"])
def test_killed_processes_cost_nobody_a_grade(tmp_path, rubric, when):
    run = _Class(tmp_path, rubric, "ada", "bob", "cyd", "dot", "eve", "fay")
    for graded, victim in enumerate(["host", "zygote", "judge", "branch", "worker"]):
        run.hit(victim, signal.SIGKILL, when, graded=graded)
    errors = run.ended()
    assert run.process.returncode == GRADED, errors
    assert run.grades() == dict.fromkeys(run.names, (10.0, False))


def test_a_process_killed_twice_makes_one_grade_provisional_with_its_reason(tmp_path, rubric):
    run = _Class(tmp_path, rubric, "ada", "bob", "cyd")
    for graded, victim in enumerate(["judge", "worker"]):
        run.hit(victim, signal.SIGKILL, _AT_WORK, graded=graded)
        run.hit(victim, signal.SIGKILL, _AT_WORK, graded=graded)
    errors = run.ended()
    assert run.process.returncode == NOT_GRADED, errors
    grades = run.grades()
    assert grades["ada"][1]
    assert grades["bob"][1]
    assert grades["cyd"] == (10.0, False)
    for name in ("ada", "bob"):
        assert "was killed" in next(run.out.rglob(f"{name}.json")).read_text()


def test_stopped_processes_cost_nobody_a_grade(tmp_path, rubric):
    """The system says that a process is stopped; after ten seconds it is taken for lost."""
    run = _Class(tmp_path, rubric, "ada", "bob", "cyd", "dot", "eve", "fay")
    for graded, victim in enumerate(["worker", "judge", "branch", "zygote", "host"]):
        run.hit(victim, signal.SIGSTOP, _AT_WORK, graded=graded)
    errors = run.ended()
    assert run.process.returncode == GRADED, errors
    assert run.grades() == dict.fromkeys(run.names, (10.0, False))
    assert not [each for each in psutil.process_iter() if each.pid in run._hit and _is_stopped(each)]


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_at_random_moments_decide_no_grade(tmp_path, rubric, seed):
    """Whatever is hit, and however often: a grade is right or provisional, and the next run completes it."""
    names = [f"s{number}" for number in range(8)]
    run, chance = _Class(tmp_path, rubric, *names), random.Random(seed)
    hits = [(chance.uniform(1, 4), chance.choice(list(_FIND)), chance.choice(_SIGNALS)) for _ in range(8)]
    for pause, victim, number in hits:
        time.sleep(pause)
        try:
            if found := _FIND[victim](run):
                found.send_signal(number)
        except psutil.Error:
            pass  # it has ended, or the class has
    errors = run.ended()
    assert set(run.grades()) == set(names), errors
    assert [each for each in run.grades().values() if each != (10.0, False) and not each[1]] == []
    again = _Class(tmp_path, rubric, *names)
    assert again.ended() is not None
    assert again.grades() == dict.fromkeys(names, (10.0, False))


_SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGSTOP)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False

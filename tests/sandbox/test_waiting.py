"""A process that was stopped from outside is not waited for, and it is said; a slow one is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from grader.errors import WorkerStartError
from grader.sandbox import waiting
from grader.sandbox.waiting import Unanswered, wait_until_readable
from grader.sandbox.worker_process import is_stopped
from grader.sandbox.zygote import Zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the processes and signals of Linux")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "STOPPED_SECONDS", 1.0)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_a_stopped_process_is_not_waited_for(sleeper: subprocess.Popen[bytes]) -> None:
    reader, writer = os.pipe()
    told: list[str] = []
    sleeper.send_signal(signal.SIGSTOP)
    with pytest.raises(Unanswered, match="stopped from outside"):
        wait_until_readable(reader, lambda: (sleeper.pid,), 600, told.append)
    assert "waiting for a process that was stopped" in told[0]
    os.close(reader)
    os.close(writer)


def test_a_slow_process_is_waited_for(sleeper: subprocess.Popen[bytes]) -> None:
    reader, writer = os.pipe()
    told: list[str] = []
    threading.Timer(2.5, os.write, (writer, b"x")).start()
    wait_until_readable(reader, lambda: (sleeper.pid,), 600, told.append)
    assert told == []
    assert os.read(reader, 1) == b"x"
    os.close(reader)
    os.close(writer)


def test_a_stopped_zygote_ends_the_wait_for_its_workers() -> None:
    """Also for a judge, which has a branch of it; ``close`` leaves no stopped process behind."""
    with Zygote() as zygote:
        zygote.worker()
        os.kill(zygote.pids[0], signal.SIGSTOP)
        with Zygote(control=zygote.branch(), parents=zygote.pids) as branch:
            with pytest.raises(WorkerStartError, match="stopped from outside"):
                branch.worker()
            assert branch.accidents


def test_a_stopped_branch_ends_the_wait_for_its_workers() -> None:
    with Zygote() as zygote:
        with Zygote(control=zygote.branch(), parents=zygote.pids) as branch:
            branch.worker()
            pid = branch.pids[-1]
            assert pid != zygote.pids[0]
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(WorkerStartError, match="stopped from outside"):
                branch.worker()
        assert not is_stopped(pid)
        zygote.worker()

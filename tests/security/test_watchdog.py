"""What a worker takes is limited, whoever takes it is told so, and nothing of it is left behind."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.watchdog import ResourceLimits, disk_usage, remove_tree
from grader.sandbox.zygote import Zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are for Linux")
MIB = 1 << 20


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    limits = ResourceLimits(memory=2500 * MIB, disk=40 * MIB, files=300, threads=40)
    with Zygote(limits=limits) as zygote:
        yield zygote


def ask(zygote: Zygote, body: str, timeout: float = 20.0) -> Any:
    lines = "\n    ".join(body.strip().splitlines())
    source = f"import os, mmap, threading, time, signal, torch\ndef f():\n    {lines}\n"
    student = Student(
        zygote=zygote, source=WorkerSource(statements=[{"source": source, "cell": 1, "line": 1, "flags": 0}])
    )
    try:
        return student.call("f", timeout=timeout)
    finally:
        student.close()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "for n in range(10_000): open(f'f{n % 200}', 'ab').write(b'x' * (1 << 20))\ntime.sleep(9)",
            "because it wrote more than 40 MB of files",
        ),
        (
            "for n in range(2000): open(f'f{n}', 'w').close()\ntime.sleep(9)",
            "because it made more than 300 files",
        ),
        (
            "for n in range(99): threading.Thread(target=time.sleep, args=(9,)).start()\ntime.sleep(9)",
            "because it started more than 40 threads",
        ),
        (
            "for n in range(250):\n    os.mkdir('x' * 200); os.chdir('x' * 200)\ntime.sleep(9)",
            "because it made a folder that cannot be read",
        ),
    ],
)
def test_who_goes_beyond_the_budget_is_ended_and_told(zygote: Zygote, body: str, sentence: str) -> None:
    with pytest.raises(StudentError, match=sentence):
        ask(zygote, body)


@pytest.mark.parametrize(
    "body",
    [
        "while True: held.append(bytearray(8 << 20))",
        "while True: held.append(mmap.mmap(-1, 8 << 20)); held[-1].write(b'x' * (8 << 20))",
    ],
)
def test_memory_is_watched_where_it_cannot_be_limited(body: str) -> None:
    """As beside a GPU, whose driver reserves more addresses than there is memory."""
    with Zygote(
        layers=("descriptors", "landlock", "seccomp"), limits=ResourceLimits(memory=300 * MIB)
    ) as zygote:
        with pytest.raises(StudentError, match="because it used more than 300 MB of memory"):
            ask(zygote, f"held = []\n{body}")
        assert ask(zygote, "return 1") == 1


@pytest.mark.parametrize(
    "body",
    [
        "return torch.ones(1 << 30).sum().item()",
        "held = []\nwhile True: held.append(bytearray(8 << 20))",
    ],
)
def test_too_large_a_tensor_is_an_error_at_its_line(zygote: Zygote, body: str) -> None:
    """Not the end of the process: the student is told which line asked for too much."""
    with pytest.raises(
        StudentError, match=r"cell 1, line \d: .*memory|cell 1, line \d: MemoryError"
    ) as error:
        ask(zygote, body)
    assert error.value.type in ("RuntimeError", "MemoryError")


def test_a_file_has_a_largest_size(zygote: Zygote) -> None:
    body = "file = os.open('big', os.O_CREAT | os.O_WRONLY)\nreturn os.ftruncate(file, 300 << 20)"
    with pytest.raises(StudentError, match="File too large"):
        ask(zygote, body)


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "for n in {*range(1, 32)} - {9, 19}: signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        "time.sleep(1e6)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "def work():\n    while True: torch.rand(300, 300) @ torch.rand(300, 300)\n"
        "for n in range(8): threading.Thread(target=work).start()\ntime.sleep(9)",
        "os.closerange(0, 1024); time.sleep(60)",
    ],
    ids=["loop", "deaf loop", "sleep", "stop", "threads", "closed"],
)
def test_nobody_outlasts_the_deadline(zygote: Zygote, body: str) -> None:
    started = time.monotonic()
    with pytest.raises(StudentError, match=r"no answer within 1 seconds|ended without an answer"):
        ask(zygote, body, timeout=1.0)
    assert time.monotonic() - started < 30  # far more than it takes, far less than it would last


def test_every_worker_has_a_folder_of_its_own_that_goes_with_it(zygote: Zygote) -> None:
    """However deep, and whatever its folders' modes."""
    body = """
os.makedirs('a/b/c'); open('a/b/c/file', 'w').write('x'); os.mkdir('closed', 0)
for n in range(60):
    os.mkdir('deep'); os.chdir('deep')
return os.environ['HOME']
"""
    first, second = Path(ask(zygote, body)), Path(ask(zygote, "return os.environ['HOME']"))
    assert first != second
    deadline = time.monotonic() + 10
    while (first.exists() or second.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not first.exists()
    assert not second.exists()


def test_folders_deeper_than_any_path_can_be_removed(tmp_path: Path) -> None:
    home, folder = os.getcwd(), tmp_path / "deep"
    folder.mkdir()
    os.chdir(folder)
    try:
        for _ in range(1500):
            os.mkdir("x" * 50)
            os.chdir("x" * 50)
        Path("file").write_text("x")
    finally:
        os.chdir(home)
    with pytest.raises(OSError, match="name too long"):
        disk_usage(folder, 10_000)
    remove_tree(folder)
    assert not folder.exists()


def test_nothing_is_left_of_a_nursery() -> None:
    """Neither its processes nor its folder."""
    with Zygote() as zygote:
        connection = zygote.worker()
        assert connection.watchdog is not None
        folder, pid, parent = Path(zygote._scratch.name), connection.watchdog._pid, zygote._process.pid
        assert folder.exists()
    assert not folder.exists()
    for number in (pid, parent):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)

"""A worker that exceeds a limit is killed, the student gets the reason, and nothing is left behind."""

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
from grader.sandbox.values import StudentError, WorkerLost
from grader.sandbox.watchdog import ResourceLimits, disk_usage, remove_tree
from grader.sandbox.zygote import Zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandbox layers are for Linux")
MIB = 1 << 20


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    limits = ResourceLimits(memory=2500 * MIB, disk=40 * MIB, files=300, threads=40)
    with Zygote(limits=limits) as zygote:
        yield zygote


def run(zygote: Zygote, body: str, timeout: float = 20.0) -> Any:
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
            "held = []\nfor n in range(60):\n    held.append(os.open('f', os.O_CREAT | os.O_WRONLY))\n"
            "    os.unlink('f'); os.write(held[-1], b'x' * (1 << 20))\ntime.sleep(9)",
            "because it wrote more than 40 MB of files",
        ),
        (
            "held = [os.open('.', os.O_TMPFILE | os.O_WRONLY) for _ in range(60)]\n"
            "for file in held: os.write(file, b'x' * (1 << 20))\ntime.sleep(9)",
            "because it wrote more than 40 MB of files",
        ),
        (
            "file = os.open('.', os.O_TMPFILE | os.O_RDWR); os.write(file, b'x' * (20 << 20))\n"
            "import ctypes; ctypes.CDLL(None).mmap(0, 4096, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)\n"
            "os.close(file); time.sleep(9)",
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
def test_a_worker_over_a_limit_is_killed_with_the_reason(zygote: Zygote, body: str, sentence: str) -> None:
    with pytest.raises(StudentError, match=sentence):
        run(zygote, body)


def test_small_files_without_a_name_are_allowed(zygote: Zygote) -> None:
    """As ``tempfile`` makes them, in memory or not."""
    body = """
import tempfile, numpy
files = [tempfile.TemporaryFile() for _ in range(20)]
for file in files: file.write(b'x' * (1 << 20)); file.flush()
shared = mmap.mmap(-1, 100 << 20); mapped = numpy.memmap(files[0], mode='r')
time.sleep(0.5)
return len(mapped)
"""
    assert run(zygote, body) == 1 << 20


@pytest.mark.parametrize(
    "body",
    [
        "while True: held.append(bytearray(8 << 20))",
        "while True: held.append(mmap.mmap(-1, 8 << 20)); held[-1].write(b'x' * (8 << 20))",
    ],
)
def test_memory_is_measured_where_it_cannot_be_limited(body: str) -> None:
    """As with a GPU, whose driver reserves more address space than there is memory."""
    with Zygote(
        layers=("descriptors", "landlock", "seccomp"), limits=ResourceLimits(memory=300 * MIB)
    ) as zygote:
        with pytest.raises(StudentError, match="because it used more than 300 MB of memory"):
            run(zygote, f"held = []\n{body}")
        assert run(zygote, "return 1") == 1


@pytest.mark.parametrize(
    "body",
    [
        "return torch.ones(1 << 30).sum().item()",
        "held = []\nwhile True: held.append(bytearray(8 << 20))",
    ],
)
def test_a_tensor_that_is_too_large_is_an_error_at_its_line(zygote: Zygote, body: str) -> None:
    """The process goes on, and the student sees which line allocated too much."""
    with pytest.raises(
        StudentError, match=r"cell 1, line \d: .*memory|cell 1, line \d: MemoryError"
    ) as error:
        run(zygote, body)
    assert error.value.type in ("RuntimeError", "MemoryError")


def test_the_size_of_a_file_is_limited(zygote: Zygote) -> None:
    body = "file = os.open('big', os.O_CREAT | os.O_WRONLY)\nreturn os.ftruncate(file, 300 << 20)"
    with pytest.raises(StudentError, match="File too large"):
        run(zygote, body)


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "for n in {*range(1, 32)} - {9, 19}: signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        "time.sleep(1e6)",
        "def work():\n    while True: torch.rand(300, 300) @ torch.rand(300, 300)\n"
        "for n in range(8): threading.Thread(target=work).start()\ntime.sleep(9)",
        "os.closerange(0, 1024); time.sleep(60)",
    ],
    ids=["loop", "loop that ignores signals", "sleep", "threads", "closed"],
)
def test_no_worker_outlasts_its_deadline(zygote: Zygote, body: str) -> None:
    started = time.monotonic()
    with pytest.raises(StudentError, match=r"no answer within 10? seconds|ended without an answer"):
        run(zygote, body, timeout=1.0)
    assert (
        time.monotonic() - started < 30
    )  # far longer than the kill takes, far shorter than the code would run


@pytest.mark.parametrize("signal", ["SIGSTOP", "SIGKILL"])
def test_a_signal_that_may_come_from_outside_is_no_verdict_on_the_code(zygote: Zygote, signal: str) -> None:
    with pytest.raises(WorkerLost, match=r"stopped from outside|killed from outside"):
        run(zygote, f"os.kill(os.getpid(), signal.{signal})", timeout=1.0)


def test_every_worker_has_its_own_scratch_folder_that_is_removed(zygote: Zygote) -> None:
    """Whatever its depth and the modes of its folders."""
    body = """
os.makedirs('a/b/c'); open('a/b/c/file', 'w').write('x'); os.mkdir('closed', 0)
for n in range(60):
    os.mkdir('deep'); os.chdir('deep')
return os.environ['HOME']
"""
    first, second = Path(run(zygote, body)), Path(run(zygote, "return os.environ['HOME']"))
    assert first != second
    deadline = time.monotonic() + 10
    while (first.exists() or second.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not first.exists()
    assert not second.exists()


def test_folders_nested_beyond_any_path_are_removed(tmp_path: Path) -> None:
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


def test_a_closed_zygote_leaves_nothing_behind() -> None:
    """Neither processes nor the scratch folder."""
    with Zygote() as zygote:
        connection = zygote.worker()
        assert connection.watchdog is not None
        folder, pid, parent = Path(zygote._scratch.name), connection.watchdog.pid, zygote._process.pid
        assert folder.exists()
    assert not folder.exists()
    for number in (pid, parent):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)

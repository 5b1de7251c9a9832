"""In the sandbox every attack fails and leaves everything unchanged; without it the attack succeeds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attacks
import pytest
from victims import Victims, victims

from grader.sandbox.isolation import IsolationLevel, measure
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.zygote import WorkerConnection, Zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandbox layers are for Linux")
each_attack = pytest.mark.parametrize("name", attacks.ALL)

Load = Callable[[str], Student]


class GpuZygote(Zygote):
    """A zygote whose workers may use a GPU, whichever device is requested."""

    def worker(self, *, gpu: bool = False) -> WorkerConnection:
        return super().worker(gpu=True)


@pytest.fixture(scope="module", params=[Zygote, GpuZygote], ids=["processor", "gpu"])
def sandboxed(request: pytest.FixtureRequest) -> Iterator[Zygote]:
    if (isolation := measure()).level is not IsolationLevel.STRONG:
        pytest.skip(f"this machine's isolation is {isolation.level}: {dict(isolation.missing)}")
    with request.param() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def unsandboxed() -> Iterator[Zygote]:
    with Zygote(layers=()) as zygote:
        yield zygote


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[Victims]:
    with victims(tmp_path) as targets:
        yield targets


def attack(zygote: Zygote, name: str, targets: Victims) -> tuple[bool, str]:
    """Run an attack; return whether it succeeded, and how it ended."""
    statement = {"source": attacks.source(name), "cell": 1, "line": 1, "flags": 0}
    student = Student(zygote=zygote, source=WorkerSource(statements=[statement]))
    try:
        return student.call("attack", targets.values, timeout=10.0) is True, "returned"
    except StudentError as error:
        return False, error.type
    finally:
        student.close()


@each_attack
def test_attacks_fail_in_the_sandbox(sandboxed: Zygote, targets: Victims, name: str) -> None:
    succeeded, ending = attack(sandboxed, name, targets)
    # With a GPU, address space is not limited, as CUDA reserves much; the watchdog counts resident memory.
    assert succeeded is (isinstance(sandboxed, GpuZygote) and name == "reserve a tebibyte of memory")
    assert ending not in ("Died", "Timeout", "NameError", "SyntaxError", "TypeError", "AttributeError")
    assert targets.changed() == []


@each_attack
def test_attacks_succeed_without_the_sandbox(unsandboxed: Zygote, targets: Victims, name: str) -> None:
    """Otherwise their failure in the sandbox would prove nothing."""
    if name in attacks.FAIL_ANYWAY:
        pytest.skip("this attack fails without a sandbox, too")
    if name in attacks.ONLY_AS_ROOT and os.geteuid():
        pytest.skip("this attack needs root")
    succeeded, ending = attack(unsandboxed, name, targets)
    assert succeeded, ending

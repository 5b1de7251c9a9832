"""Behind the walls every attack fails, and leaves everything as it was; without them it would succeed."""

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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are for Linux")
each_attack = pytest.mark.parametrize("name", attacks.ALL)

Load = Callable[[str], Student]


class ForTheGpu(Zygote):
    """Workers that may reach a GPU, whatever they compute on."""

    def worker(self, *, gpu: bool = False) -> WorkerConnection:
        return super().worker(gpu=True)


@pytest.fixture(scope="module", params=[Zygote, ForTheGpu], ids=["processor", "gpu"])
def walled(request: pytest.FixtureRequest) -> Iterator[Zygote]:
    if (isolation := measure()).level is not IsolationLevel.STRONG:
        pytest.skip(f"this machine's walls are {isolation.level}: {dict(isolation.missing)}")
    with request.param() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def open_field() -> Iterator[Zygote]:
    with Zygote(layers=()) as zygote:
        yield zygote


@pytest.fixture
def prey(tmp_path: Path) -> Iterator[Victims]:
    with victims(tmp_path) as prey:
        yield prey


def attack(zygote: Zygote, name: str, prey: Victims) -> tuple[bool, str]:
    """Whether an attack got what it wanted, and how it ended."""
    statement = {"source": attacks.source(name), "cell": 1, "line": 1, "flags": 0}
    student = Student(zygote=zygote, source=WorkerSource(statements=[statement]))
    try:
        return student.call("attack", prey.values, timeout=10.0) is True, "returned"
    except StudentError as error:
        return False, error.type
    finally:
        student.close()


@each_attack
def test_the_walls_hold(walled: Zygote, prey: Victims, name: str) -> None:
    succeeded, ending = attack(walled, name, prey)
    # Addresses alone are CUDA's to reserve, too; the watchdog counts the memory behind them.
    assert succeeded is (isinstance(walled, ForTheGpu) and name == "reserve a tebibyte")
    assert ending not in ("Died", "Timeout", "NameError", "SyntaxError", "TypeError", "AttributeError")
    assert prey.harmed() == []


@each_attack
def test_it_is_the_walls_that_hold(open_field: Zygote, prey: Victims, name: str) -> None:
    """An attack that could not succeed anywhere would test nothing."""
    if name in attacks.ANYWAY:
        pytest.skip("it fails without walls as well")
    if name in attacks.ONLY_AS_ROOT and os.geteuid():
        pytest.skip("it takes root")
    succeeded, ending = attack(open_field, name, prey)
    assert succeeded, ending

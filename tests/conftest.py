"""What several test files share: the real command, and a warm grader for breadth."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chromium import browser  # noqa: F401  a fixture for all
from workers import load_student  # noqa: F401  a fixture for all

from grader.audit.warm import WarmGrader
from grader.sandbox.zygote import Zygote

if "GRADE_TESTS_CACHE" not in os.environ:  # one for all workers of a run; the user's own is left alone
    os.environ["GRADE_TESTS_CACHE"] = tempfile.mkdtemp(prefix="grade-tests-cache-")
    atexit.register(shutil.rmtree, os.environ["GRADE_TESTS_CACHE"], ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = os.environ["GRADE_TESTS_CACHE"]

SUBMISSIONS = Path(__file__).parent.parent / "submissions"
_SLOW_SECONDS = 1800  # for a slow test with its fixtures, in place of the timeout in pyproject.toml


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time, unless they say themselves how much they need."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_SECONDS))


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command: what it printed, how it ended, and where it wrote."""

    code: int
    out: str
    err: str
    reports: Path

    def grade(self, name: str) -> dict[str, Any]:
        """The JSON result of one notebook."""
        result: dict[str, Any] = json.loads((self.reports / f"{name}.json").read_text())
        return result

    def page(self, name: str) -> str:
        """The HTML report of one notebook."""
        return (self.reports / f"{name}.html").read_text()


Command = Callable[..., Ran]


@pytest.fixture
def grade(tmp_path: Path) -> Command:
    """Runs the real ``grade`` from a neutral folder."""
    reports, elsewhere = tmp_path / "reports", tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*arguments: str | Path) -> Ran:
        command = [str(Path(sys.executable).with_name("grade")), *map(str, arguments), "--out", str(reports)]
        done = subprocess.run(
            command,
            cwd=elsewhere,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=1200,
        )
        return Ran(done.returncode, done.stdout, done.stderr, reports)

    return run


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder, beside what a test makes."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """What workers are forked from."""
    with Zygote() as zygote:
        yield zygote


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmGrader]:
    """Grades notebooks without starting Python anew for each."""
    with WarmGrader() as grader:
        yield grader

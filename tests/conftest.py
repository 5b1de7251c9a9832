"""Fixtures for all tests: the real command, and a warm grader for tests of many notebooks."""

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

if "GRADE_TESTS_CACHE" not in os.environ:  # one cache for all workers of a run, apart from the user's
    os.environ["GRADE_TESTS_CACHE"] = tempfile.mkdtemp(prefix="grade-tests-cache-")
    atexit.register(shutil.rmtree, os.environ["GRADE_TESTS_CACHE"], ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = os.environ["GRADE_TESTS_CACHE"]

SUBMISSIONS = Path(__file__).parent.parent / "submissions"
_SLOW_SECONDS = 1800  # for a slow test with its fixtures, in place of the timeout in pyproject.toml


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time, unless they say themselves how much they need, and run their files first."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    for item in slow:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_SECONDS))
    long = {item.path for item in slow}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(optionalhook=True)  # only pytest-xdist calls it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, so that what they share is made once."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # the longest files would come last
    return LoadFileScheduling(config, log)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command: exit code, output, and the folder it wrote to."""

    code: int
    out: str
    err: str
    reports: Path

    def grade(self, name: str) -> dict[str, Any]:
        """Return the JSON result of one notebook."""
        result: dict[str, Any] = json.loads((self.reports / f"{name}.json").read_text())
        return result

    def page(self, name: str) -> str:
        """Return the HTML report of one notebook."""
        return (self.reports / f"{name}.html").read_text()


Command = Callable[..., Ran]


@pytest.fixture
def grade(tmp_path: Path) -> Command:
    """Function that runs the real ``grade`` from a neutral folder."""
    reports, elsewhere = tmp_path / "reports", tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*arguments: str | Path) -> Ran:
        command = [str(Path(sys.executable).with_name("grade")), *map(str, arguments), "--out", str(reports)]
        completed = subprocess.run(
            command,
            cwd=elsewhere,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=1200,
        )
        return Ran(completed.returncode, completed.stdout, completed.stderr, reports)

    return run


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder, apart from the files of the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that workers are forked from."""
    with Zygote() as zygote:
        yield zygote


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmGrader]:
    """Grader that needs no new Python process for each notebook."""
    with WarmGrader() as grader:
        yield grader

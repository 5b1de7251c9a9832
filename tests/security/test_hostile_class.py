"""A class in which every other notebook attacks: the grades of the others do not change."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import nbformat
import psutil
import pytest
from corpus import CORPUS, wrong

from grader.audit import corpus
from grader.sandbox.isolation import IsolationLevel, measure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="sandbox layers are for Linux"),
]

HONEST = ("handout_code", "numpy_schedule", "class_hierarchy", "in_place", "own_names", "products_by_loop")
CRITERIA = ("schedule", "forward", "unet.shape_1ch", "train.zero_grad", "sample.formula")
GRADE = str(Path(sys.executable).with_name("grade"))
_BECOME_SUBREAPER = 36


@pytest.fixture(scope="module")
def solutions() -> dict[str, list[str]]:
    """Cells of honest notebooks, right and wrong, by name."""
    right = {name: [cell.source for cell in CORPUS.right_cells(name)] for name in HONEST}
    return {**right, "mistaken": wrong("betas_reversed", "image_root_missing")}


@pytest.fixture
def orphans() -> Iterator[psutil.Process]:
    """This process, made the reaper of orphans: processes left behind become its children."""
    libc = ctypes.CDLL(None)
    libc.prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)
    yield psutil.Process()
    libc.prctl(_BECOME_SUBREAPER, 0, 0, 0, 0)


def test_attackers_do_not_change_the_grades_of_others(
    solutions: dict[str, list[str]], orphans: psutil.Process, tmp_path: Path
) -> None:
    if (isolation := measure()).level is not IsolationLevel.STRONG:
        pytest.skip(f"this machine's isolation is {isolation.level}: {dict(isolation.missing)}")
    alone = graded(tmp_path / "alone", solutions, orphans)
    attackers = {name: hostile.sources(name, tmp_path / "beside") for name in hostile.NAMES}
    beside = graded(tmp_path / "beside", solutions | attackers, orphans)
    assert {name: verdicts(beside[name]) for name in solutions} == {
        name: verdicts(alone[name]) for name in solutions
    }
    assert alone["mistaken"]["earned"] < min(alone[name]["earned"] for name in HONEST)
    for name in hostile.NAMES:
        assert_no_gain(beside[name], alone["mistaken"])
        page = (tmp_path / "beside" / "reports" / f"{name}.html").read_text()
        assert "<script" not in page
        assert "\x1b" not in page


def graded(
    folder: Path, solutions: dict[str, list[str]], orphans: psutil.Process
) -> dict[str, dict[str, Any]]:
    """Grade a class; check that nothing else was changed or left behind; return the results by name."""
    submissions, temporary, reports = folder / "class", folder / "temporary", folder / "reports"
    submissions.mkdir(parents=True)
    temporary.mkdir()
    for name, cells in solutions.items():
        nbformat.write(corpus.notebook(cells), submissions / f"{name}.ipynb")
    before = {path: path.read_bytes() for path in submissions.iterdir()}
    only = [option for name in CRITERIA for option in ("--only", name)]
    children = set(orphans.children(recursive=True))
    ran = subprocess.run(
        [GRADE, str(submissions), "--quick", *only, "--out", str(reports), "--jobs", "2"],
        env=os.environ | {"NO_COLOR": "1", "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    assert "\x1b" not in ran.stdout
    assert left_behind(orphans, children) == set()
    assert list(temporary.iterdir()) == []
    assert {path: path.read_bytes() for path in submissions.iterdir()} == before
    assert sorted(path.name for path in folder.iterdir()) == ["class", "reports", "temporary"]
    results = {path.stem: json.loads(path.read_text()) for path in reports.glob("*.json")}
    assert set(results) == set(solutions)  # and no planted file
    return results


def left_behind(orphans: psutil.Process, before: set[psutil.Process]) -> set[psutil.Process]:
    """Return processes that still run after ten seconds, without zombies."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = set(orphans.children(recursive=True)) - before
        alive = {process for process in left if process.status() != psutil.STATUS_ZOMBIE}
        if not alive:
            return set()
        time.sleep(0.1)
    return alive


def verdicts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the criteria of a result without their times."""
    return [
        {key: value for key, value in criterion.items() if key != "seconds"}
        for criterion in result["criteria"]
    ]


def assert_no_gain(attacker: dict[str, Any], honest: dict[str, Any]) -> None:
    """Assert that every criterion is decided and earns no more than the same mistakes without an attack."""
    earned = {criterion["id"]: criterion["earned"] for criterion in honest["criteria"]}
    assert [criterion["id"] for criterion in attacker["criteria"]] == list(earned)
    for criterion in attacker["criteria"]:
        assert criterion["earned"] <= earned[criterion["id"]], criterion
        assert criterion["verdict"] in ("pass", "fail", "blocked"), criterion
        assert criterion["message"]
    assert not attacker["provisional"]
    assert attacker["environment"]["isolation_level"] == "strong"

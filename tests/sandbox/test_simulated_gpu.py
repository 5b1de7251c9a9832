"""Grading on a simulated GPU: everything but speed, memory and the driver (see ``simulated_gpu.py``)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SUBMISSIONS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the grader whose workers simulate a GPU."""
    folder = tmp_path_factory.mktemp("grader")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("grader", "reference", "rubrics"):
        shutil.copytree(SUBMISSIONS.parent / name, folder / name, ignore=unwanted)
    simulated = SUBMISSIONS.parent / "tests" / "support" / "simulated_gpu.py"
    shutil.copy(simulated, folder / "grader/sandbox/worker/gpu.py")
    return folder


def run(copied: Path, *arguments: str | Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, arguments), "--out", str(out)],
        cwd=copied,
        env=os.environ | {"PYTHONPATH": str(copied), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )


def verdicts(result: dict[str, Any]) -> dict[str, tuple[str, float]]:
    return {one["id"]: (one["verdict"], one["earned"]) for one in result["criteria"]}


@pytest.mark.parametrize(("name", "options"), [("alice", []), ("bob", ["--quick"])])
def test_the_verdicts_are_those_of_the_cpu(
    copied: Path, tmp_path: Path, name: str, options: list[str]
) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        order = (SUBMISSIONS / f"{name}.ipynb", "--device", device, "--seed", "0:0", *options)
        ran = run(copied, *order, out=tmp_path)
        result = json.loads((tmp_path / f"{name}.json").read_text())
        assert result["environment"]["device"] == device, ran.stderr
        found[device] = verdicts(result)
    assert found["cuda"] == found["cpu"]


def test_the_audit_passes(copied: Path, tmp_path: Path) -> None:
    """A tenth of it, to save time.

    The device is chosen as it is for users, since what fails on a GPU alone is graded again without one:
    layers that are not registered stay behind when the network is moved.
    """
    ran = run(copied, "audit", "--device", "auto", "--quick", "--part", "5/10", out=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_code_that_only_works_on_a_cpu_loses_no_points(copied: Path, tmp_path: Path) -> None:
    """Its noise is drawn on the CPU and meets an image on the GPU; without a GPU that is correct."""
    notebook = json.loads((SUBMISSIONS / "alice.ipynb").read_text())
    text = json.dumps(notebook)
    moved = text.replace("torch.randn_like(image)", "torch.randn(image.shape)")
    assert moved != text
    path = tmp_path / "forgetful.ipynb"
    path.write_text(moved)
    ran = run(copied, path, "--device", "cuda", "--only", "forward", "--seed", "0:0", out=tmp_path)
    assert ran.returncode == 1
    assert "which works without a GPU" in " ".join(ran.stdout.split())
    result = json.loads((tmp_path / "forgetful.json").read_text())
    assert result["provisional"]
    assert {verdict for verdict, _ in verdicts(result).values()} <= {"pass", "error"}

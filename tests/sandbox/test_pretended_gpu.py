"""All that a GPU changes but speed, memory and the driver: ``pretended_gpu.py`` says what is pretended."""

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
    pytest.mark.skipif(sys.platform != "linux", reason="walls are for Linux"),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the grader whose workers pretend."""
    folder = tmp_path_factory.mktemp("grader")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("grader", "reference", "rubrics"):
        shutil.copytree(SUBMISSIONS.parent / name, folder / name, ignore=unwanted)
    pretended = SUBMISSIONS.parent / "tests" / "support" / "pretended_gpu.py"
    shutil.copy(pretended, folder / "grader/sandbox/worker/gpu.py")
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
def test_the_verdicts_are_the_processors(copied: Path, tmp_path: Path, name: str, options: list[str]) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        order = (SUBMISSIONS / f"{name}.ipynb", "--device", device, "--seed", "0:0", "--no-reuse", *options)
        ran = run(copied, *order, out=tmp_path)
        result = json.loads((tmp_path / f"{name}.json").read_text())
        assert result["environment"]["device"] == device, ran.stderr
        found[device] = verdicts(result)
    assert found["cuda"] == found["cpu"]


def test_the_corpus_comes_to_what_it_should(copied: Path, tmp_path: Path) -> None:
    """A fifth of it."""
    ran = run(copied, "audit", "--device", "cuda", "--quick", "--part", "2/5", out=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_code_for_a_processor_alone_loses_nothing(copied: Path, tmp_path: Path) -> None:
    """Noise that is drawn on the processor meets an image on the GPU: right where there is none."""
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

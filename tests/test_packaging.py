"""The wheel contains everything that a grade needs, and works from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import SUBMISSIONS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_grades_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    """Rubric, reference, weights and templates are found in the package, not in the current folder."""
    command = [sys.executable, "-m", "grader", str(SUBMISSIONS / "alice.ipynb"), "--quick", "--json", "-q"]
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["earned"] == 96
    assert (tmp_path / "reports" / "alice.html").is_file()


def test_the_wheel_contains_nothing_else(unpacked: Path) -> None:
    """Three packages and their metadata: no tests, no notebooks."""
    names = {path.name.partition("-")[0] for path in unpacked.iterdir()}
    assert names == {"grader", "reference", "rubrics", "ddpm_grader"}

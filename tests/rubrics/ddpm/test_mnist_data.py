"""Grading with MNIST instead of the embedded digits."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SUBMISSIONS, Command

MNIST = Path(__file__).parents[4] / "shared" / "data" / "mnist"


@pytest.mark.skipif(not MNIST.is_dir(), reason=f"no MNIST files at {MNIST}")
def test_a_folder_with_mnist_is_used(grade: Command) -> None:
    ran = grade(
        SUBMISSIONS / "alice.ipynb", "--quick", "--data", MNIST, "--only", "notebook", "--only", "schedule"
    )
    assert ran.code == 0, ran.err
    assert ran.grade("alice")["environment"]["data"] == str(MNIST.resolve())


def test_a_folder_without_mnist_is_a_usage_error(grade: Command, tmp_path: Path) -> None:
    ran = grade(SUBMISSIONS / "alice.ipynb", "--quick", "--data", tmp_path / "elsewhere")
    assert ran.code == 2
    assert ran.err.startswith("grade: ")
    assert "Traceback" not in ran.err

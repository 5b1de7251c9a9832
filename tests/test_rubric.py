"""Load a rubric: which files its digest covers."""

from __future__ import annotations

from pathlib import Path

import pytest
from classes import tiny_rubric

from grader.rubric import Rubric


@pytest.mark.parametrize("name", ["rubric.toml", "check_answer.py", "data/numbers.json", "data/samples.npz"])
def test_the_digest_changes_with_every_file_that_decides_a_verdict(tmp_path: Path, name: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "data").mkdir()
    (folder / "data" / "numbers.json").write_text("[1]\n")
    (folder / "data" / "samples.npz").write_bytes(b"PK")
    before = Rubric.load(str(folder)).digest
    with open(folder / name, "ab") as file:
        file.write(b"\n")
    assert Rubric.load(str(folder)).digest != before


def test_the_digest_leaves_out_the_audit(tmp_path: Path) -> None:
    """The solutions that a rubric is tried on decide no student's verdict."""
    folder = tiny_rubric(tmp_path / "tiny")
    before = Rubric.load(str(folder)).digest
    (folder / "audit").mkdir()
    (folder / "audit" / "base.py").write_text("answer = 42\n")
    assert Rubric.load(str(folder)).digest == before

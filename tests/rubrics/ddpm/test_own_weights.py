"""Weights handed in beside the notebook: samples are shown, not judged; only the worker opens the file."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from classes import zipped
from conftest import Command

from grader.audit.corpus import Corpus, notebook
from grader.classroom.handins.collect import collect
from grader.extraction.local_modules import content_digest
from grader.notebook.submission import read_notebook
from reference.pretrained import load_pretrained

RUBRIC = Path(__file__).parents[3] / "rubrics" / "ddpm"
SHOWN = "all your own, with your weights"


@pytest.fixture
def homework(tmp_path: Path) -> Path:
    """A correct notebook, in a folder of its own, that loads weights in its last cell."""
    content = notebook([cell.source for cell in Corpus(RUBRIC).base])
    last = "model = UNet(1, 1)\nmodel.load_state_dict(torch.load('weights/mine.pth'))"
    content.cells.append(nbformat.v4.new_code_cell(last))
    path = tmp_path / "homework" / "alice.ipynb"
    path.parent.mkdir()
    nbformat.write(content, path)
    return path


@pytest.mark.slow
def test_samples_from_own_weights_are_shown(grade: Command, homework: Path) -> None:
    namespace: dict[str, Any] = {}
    for cell in Corpus(RUBRIC).base:
        if cell.part in ("setup", "unet"):
            exec(cell.source, namespace)
    checkpoint = {"epoch": 3, "state_dict": namespace["UNet"](1, 1).state_dict()}
    torch.save(checkpoint, homework.parent / "mine.pth")
    ran = grade(homework, "--quick", "--only", "sample.quality")
    assert ran.code == 0, ran
    assert SHOWN in ran.page("alice")
    assert "mine.pth, for you to see; they are not judged" in ran.page("alice")


@pytest.mark.slow
def test_weights_of_another_network_cost_nothing(grade: Command, homework: Path) -> None:
    torch.save(load_pretrained().state_dict(), homework.parent / "mine.pth")
    ran = grade(homework, "--quick", "--only", "sample.quality")
    assert ran.code == 0, ran
    assert "was it changed after the training?" in ran.page("alice")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> object:
        return Path.touch, (self._path,)


@pytest.mark.slow
def test_a_file_that_is_no_state_dict_costs_nothing_and_runs_nothing(
    grade: Command, homework: Path, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    (homework.parent / "mine.pth").write_bytes(pickle.dumps(Trap(sprung)))
    ran = grade(homework, "--quick", "--only", "sample.quality")
    assert ran.code == 0, ran
    assert SHOWN not in ran.page("alice")
    assert "the file holds no plain state dict" in ran.page("alice")
    assert not sprung.exists()


def test_weights_are_part_of_the_digest_and_are_extracted_from_a_zip(
    homework: Path, tmp_path: Path, scratch: Path
) -> None:
    weights = homework.parent / "mine.pth"
    weights.write_bytes(b"one")
    before = content_digest(homework)
    weights.write_bytes(b"two")
    assert content_digest(homework) != before
    members = {"work/hw.ipynb": homework.read_bytes(), "work/mine.pth": b"one", "work/other.pth": b"other"}
    collected = collect([str(zipped(tmp_path / "alice.zip", members))], scratch, [])
    assert not collected.refused
    (attempt,) = collected.attempts
    found = read_notebook(attempt.path, "alice").checkpoint
    assert found is not None
    assert found.read_bytes() == b"one"


def test_a_symlink_to_another_students_weights_is_not_followed(homework: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.pth").write_bytes(b"theirs")
    (homework.parent / "mine.pth").symlink_to(tmp_path / "theirs.pth")
    assert read_notebook(homework, "alice").checkpoint is None
    (homework.parent / "mine.pth").unlink()
    shutil.copy(tmp_path / "theirs.pth", homework.parent / "mine.pth")
    assert read_notebook(homework, "alice").checkpoint is not None

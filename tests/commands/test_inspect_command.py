"""``grade inspect``: what a TA sees of a notebook before any point is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import SUBMISSIONS, Ran
from corpus import CORPUS

from grader.audit.corpus import notebook as make


@pytest.fixture
def inspect(tmp_path: Path):
    def run(*arguments: str | Path) -> Ran:
        command = [str(Path(sys.executable).with_name("grade")), "inspect", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=600
        )
        return Ran(done.returncode, done.stdout, done.stderr, tmp_path)

    return run


def test_a_notebook_is_shown_with_its_parts_and_how_they_are_called(inspect):
    ran = inspect(SUBMISSIONS / "alice.ipynb")
    assert ran.code == 0, ran.err
    sections = [line for line in ran.out.splitlines() if line and not line.startswith(" ")]
    assert sections[:4] == ["alice.ipynb", "Definitions", "Dependencies", "Calling conventions"]
    for part in ("NoiseDiffuser, cell", "UNet, cell", "train, cell", "generate_samples, cell"):
        assert f"  {part}" in ran.out
    assert "noise_diffusion: t as a list of ints; returns a tuple (noisy image, noise)" in ran.out
    assert "points" not in ran.out


def test_a_messy_notebook_is_shown_with_what_was_done(inspect, tmp_path):
    """Other names, a module beside it, code that was left behind, a cell that cannot be read."""
    parts = dict(CORPUS.base)
    (tmp_path / "net.py").write_text(
        parts["setup"] + "\n" + parts["unet"].replace("class UNet", "class Unet")
    )
    cells = [
        parts["setup"] + "\nfrom net import Unet\nimport wandb, lpips",
        parts["diffuser"],
        "for epoch in range(3)\n    pass",
        "epochs = int(input())",
        parts["train"].replace("range(num_epochs)", "range(epochs)"),
    ]
    nbformat.write(make(cells), tmp_path / "messy.ipynb")
    ran = inspect("messy.ipynb")
    assert ran.code == 0, ran.err
    for sentence in (
        "UNet is your Unet (the most similar name), net.py, line",
        "generate_samples: not found.",
        "net: a local module",
        "epochs is set in cell 4, line 1, but that was not run",
        "cell 3, line 1: SyntaxError: expected ':'",
        "train also reads these notebook variables: epochs (cell 5, line",
    ):
        assert sentence in ran.out, sentence
    found = json.loads(inspect("messy.ipynb", "--json").out)
    assert found["missing"] == ["generate_samples"]
    assert "noise_diffusion" in found["conventions"]


def test_what_cannot_be_inspected_is_said_in_one_sentence(inspect, tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    ran = inspect("broken.ipynb")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("broken.ipynb: the notebook is cut off")
    assert inspect("nowhere.ipynb").code == 2
    ran = inspect(SUBMISSIONS / "alice.ipynb", "--map", "Unet=UNet")
    assert ran.code == 2
    assert "--map must be NAME=YOURS, where NAME is one of NoiseDiffuser, UNet" in ran.err

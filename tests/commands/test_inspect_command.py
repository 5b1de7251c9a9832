"""``grade inspect``: definitions, dependencies and calling conventions of a notebook."""

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


def test_definitions_dependencies_and_calling_conventions_are_shown(inspect):
    ran = inspect(SUBMISSIONS / "alice.ipynb")
    assert ran.code == 0, ran.err
    sections = [line for line in ran.out.splitlines() if line and not line.startswith(" ")]
    assert sections[:4] == ["alice.ipynb", "Definitions", "Dependencies", "Calling conventions"]
    for definition in ("NoiseDiffuser, cell", "UNet, cell", "train, cell", "generate_samples, cell"):
        assert f"  {definition}" in ran.out
    assert "noise_diffusion: t as a list of ints; returns a tuple (noisy image, noise)" in ran.out
    assert "points" not in ran.out


@pytest.mark.slow
def test_a_messy_notebook_shows_what_was_skipped_and_why(inspect, tmp_path):
    """It has other names, a local module, code that was skipped, and a cell that cannot be parsed."""
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


def test_errors_of_inspect_are_one_sentence(inspect, tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    ran = inspect("broken.ipynb")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("broken.ipynb: the notebook is cut off")
    assert inspect("nowhere.ipynb").code == 2
    ran = inspect(SUBMISSIONS / "alice.ipynb", "--map", "Unet=UNet")
    assert ran.code == 2
    assert "--map must be NAME=YOURS, where NAME is one of NoiseDiffuser, UNet" in ran.err

"""The kit on a machine without the project: installed by pip, it checks notebooks as the full grader does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import SUBMISSIONS

from grader.audit.corpus import Corpus, notebook
from grader.audit.warm import WarmGrader
from grader.kit.build import build_kit
from grader.options import Options
from grader.rubric import Rubric

pytestmark = pytest.mark.slow

Check = Callable[..., "subprocess.CompletedProcess[str]"]
# Slips of every part, of which some leave the reference's part in place of the student's.
SLIPS = (
    *("noise_root_missing", "noise_not_returned", "outer_skip_zeros", "one_channel_only"),
    *("loss_against_clean_image", "zero_grad_missing", "z_times_beta", "one_sample_only"),
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a fresh environment with the kit in it.

    PyTorch and the other packages are those of this environment, by a path file: it runs no path files of
    that place, so the project itself is not found.
    """
    folder = tmp_path_factory.mktemp("student")
    kit = build_kit(Rubric.load("ddpm"), folder)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    (own / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv"), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", str(kit.wheel)], check=True, timeout=300)
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def check(python: Path, tmp_path: Path) -> Check:
    """Function that runs the installed ``grade`` in an empty folder."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command, environment = [str(python.with_name("grade")), *map(str, arguments)], _environment()
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    return run


def _environment() -> dict[str, str]:
    """Return the variables of this process but for those of Python, which may lead to the project."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _result(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def test_it_runs_without_the_project(python: Path, tmp_path: Path) -> None:
    code = "import grader, rubrics, reference; print(grader.__file__, rubrics.__file__, reference.__file__)"
    ran = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=True
    )
    assert all(Path(each).is_relative_to(python.parents[1]) for each in ran.stdout.split())


def test_alice_is_told_that_it_is_no_grade(check: Check, tmp_path: Path) -> None:
    ran = check(SUBMISSIONS / "alice.ipynb", "-q")
    assert ran.returncode == 0, ran.stderr
    assert "100 / 100 of what was asked" in ran.stdout
    assert "This is no grade" in ran.stdout
    assert "Self-check of alice.ipynb" in (tmp_path / "reports" / "alice.html").read_text()


def test_bob_learns_of_his_three_mistakes(check: Check) -> None:
    result = _result(check(SUBMISSIONS / "bob.ipynb", "--quick", "--json", "-q"))
    lost = {each["id"] for each in result["criteria"] if each["earned"] < each["possible"]}
    assert lost == {"forward.noise_coefficient", "unet.skip_level1", "train.zero_grad"}
    assert result["self_check_of"] == 100


def test_the_blank_handout_earns_nothing(check: Check) -> None:
    assert _result(check(SUBMISSIONS / "handout.ipynb", "--quick", "--json", "-q"))["earned"] == 0


def test_what_needs_the_reference_is_asked_at_hand_in(check: Check, tmp_path: Path) -> None:
    """A network that fails is not replaced: there is none to replace it by."""
    cells = [
        source.replace("def forward(self, x", "def other(self, x") if "nn.Module" in source else source
        for _, source in Corpus(Rubric.load("ddpm").folder).base
    ]
    nbformat.write(notebook(cells), tmp_path / "broken.ipynb")
    ran = check("broken.ipynb", "-q", "--only", "train.learns", "--only", "sample")
    assert "it needs the reference's network, so it is asked at hand-in" in " ".join(ran.stdout.split())
    assert "28 / 28" in ran.stdout  # the sampler is tried without a network


def test_its_verdicts_are_those_of_the_full_grader(check: Check, warm: WarmGrader, tmp_path: Path) -> None:
    mutants = {each.name: each for each in Corpus(warm.rubric.folder).solutions()}
    for name in SLIPS:
        content = mutants[name].notebook()
        nbformat.write(content, tmp_path / f"{name}.ipynb")
        own = _result(check(f"{name}.ipynb", "--quick", "--json", "-q"))
        full = warm.grade(content, Options(quick=True))
        found = {each["id"]: (each["earned"], each["misconception"]) for each in own["criteria"]}
        assert found == {each.id: (each.earned, each.misconception) for each in full.criteria}, name

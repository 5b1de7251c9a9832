"""``grade audit`` passes a sound rubric, and reports every deviation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import Command
from corpus import CORPUS

pytestmark = pytest.mark.slow


def _rubric_with(folder: Path, mutants: str, right: dict[str, str] | None = None) -> Path:
    """Copy the rubric, with these mutants and these correct solutions."""
    copy = folder / "my_rubric"
    shutil.copytree(CORPUS.folder.parent, copy, ignore=shutil.ignore_patterns("right", "__pycache__"))
    (copy / "audit" / "mutants.toml").write_text(mutants)
    (copy / "audit" / "right").mkdir()
    for name, text in (right or {}).items():
        (copy / "audit" / "right" / f"{name}.py").write_text(text)
    return copy


def test_a_sound_rubric_passes_and_writes_a_table(grade: Command) -> None:
    ran = grade("audit", "--quick", "--only", "base", "--only", "no-zero-grad", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    assert "Mutants caught on the right criterion: 1 of 1 (100%)" in ran.out
    assert "Correct solutions that lose nothing: 1 of 1 (100%)" in ran.out
    trials = {trial["name"]: trial for trial in json.loads((ran.reports / "audit.json").read_text())}
    assert trials["zero_grad_missing"]["losses"][0]["criterion"] == "train.zero_grad"
    page = ran.page("audit")
    assert "zero_grad_missing" in page
    assert "<script" not in page


def test_a_mutant_that_loses_nothing_is_reported(grade: Command, tmp_path: Path) -> None:
    harmless = """
[[mutant]]
name = "harmless"
misconception = "image-not-faded"
part = "diffuser"
old = "signal * image"
new = "image * signal"
loses = ["forward.image_coefficient"]
"""
    ran = grade("audit", "--quick", "--only", "harmless", "--rubric", _rubric_with(tmp_path, harmless))
    assert ran.code == 1
    assert "harmless: not caught: forward.image_coefficient; not named: image-not-faded" in ran.out


def test_a_mutant_that_loses_another_criterion_is_reported(grade: Command, tmp_path: Path) -> None:
    greedy = """
[[mutant]]
name = "two_at_once"
misconception = "alphas-are-betas"
part = "diffuser"
old = "self.alphas = 1 - self.betas"
new = "self.alphas = self.betas; self.betas = self.betas.flip(0)"
loses = ["schedule.alphas"]
"""
    ran = grade("audit", "--quick", "--only", "mutant", "--rubric", _rubric_with(tmp_path, greedy))
    assert ran.code == 1
    assert "also lost: schedule.betas" in ran.out


def test_a_correct_solution_that_loses_points_is_reported(grade: Command, tmp_path: Path) -> None:
    sampler = "def generate_samples(*args):\n    return args[0]\n"
    wrong = f'"""Not right."""\n\n# base: paper\n\n# %% sampler\n{sampler}'
    rubric = _rubric_with(tmp_path, "", {"wronged": wrong})
    ran = grade("audit", "--quick", "--only", "wronged", "--rubric", rubric)
    assert ran.code == 1
    assert "Correct solutions that lose nothing: 0 of 1 (0%)" in ran.out
    assert "sample.formula" in ran.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "no_such"], "there is no solution 'no_such'"),
        (["--part", "3"], "--part must be I/N"),
        (["--jobs", "0"], "this takes a whole number from 1 on, not '0'"),
        (["--pairs", "-1"], "this takes a whole number from 0 on, not '-1'"),
        (["--part", "4/3"], "--part must be I/N"),
        (["--rubric", "nowhere"], "there is no rubric 'nowhere'"),
        (["--rubric", "attention", "--rewrites", "1"], "attention has no audit/numbers.py"),
        (["--rubric", "attention", "--slips", "1"], "attention has no audit/numbers.py"),
    ],
)
def test_misuse_is_one_sentence(grade: Command, arguments: list[str], sentence: str) -> None:
    ran = grade("audit", *arguments)
    assert ran.code == 2
    assert sentence in ran.err
    assert "Traceback" not in ran.err


def test_pairs_lose_what_their_mutants_lose() -> None:
    pairs = CORPUS.pairs(40, seed=0)
    assert len(pairs) == 40
    assert pairs == CORPUS.pairs(40, seed=0)
    for pair in pairs:
        assert len(pair.loses) >= 2
        compile("\n".join(pair.cells), pair.name, "exec")

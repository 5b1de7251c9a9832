"""``grade --watch``: after a save only what the change touches is graded again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import report_samples as samples
from conftest import SUBMISSIONS

from grader.commands.watch import code_of, merged, touched_criteria
from grader.model import Verdict
from grader.options import Options
from grader.pipeline import JudgedNotebook, read_source
from grader.rubric import Rubric

NAMES = ("NoiseDiffuser", "UNet", "train", "generate_samples")
BEFORE = dict.fromkeys(NAMES, "old")


def judged(**changes) -> JudgedNotebook:
    return JudgedNotebook(grade=samples.grade(changes=changes), figures=(), readable=True)


def test_a_change_touches_its_definition_what_trains_and_what_was_not_checked():
    last = judged(**{"sample.quality": {"verdict": Verdict.BLOCKED, "message": "Not yet."}})
    ids = touched_criteria(Rubric.load("ddpm"), Options(), last, BEFORE, {**BEFORE, "UNet": "new"})
    assert {id.partition(".")[0] for id in ids} == {"notebook", "unet", "train", "sample"}
    assert [id for id in ids if id.startswith(("train", "sample"))] == ["train.learns", "sample.quality"]


def test_a_change_of_a_method_touches_the_function_that_gets_the_instance(tmp_path):
    """The sampler is handed a diffuser, so its verdicts are those of the diffuser's methods as well."""
    rubric, texts = Rubric.load("ddpm"), []
    for sign in "+-":
        path = tmp_path / f"{sign}.ipynb"
        cells = [
            f"class NoiseDiffuser:\n    def mean(self, x, e):\n        return x {sign} e",
            "def generate_samples(x_t, model, n, steps, diffuser, device):\n    return diffuser.mean(x_t, 1)",
            "def train(model, loader):\n    model.train()",
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)
        _, source = read_source(path, "a", rubric, Options())
        texts.append(code_of(source, rubric))
    ids = touched_criteria(
        rubric, Options(only=("sample.formula", "train.eval_mode_no_grad")), judged(), *texts
    )
    assert ids == ("sample.formula",)


def test_a_changed_answer_touches_its_criterion_and_trains_nothing():
    rubric = Rubric.load("attention")
    before = {**dict.fromkeys(rubric.wanted, "old"), "written.scaling": "Because."}
    after = {**before, "written.scaling": "Because of the variance."}
    assert touched_criteria(rubric, Options(), judged(), before, after) == ("written.scaling",)


def test_a_save_without_a_change_of_code_touches_nothing():
    assert touched_criteria(Rubric.load("ddpm"), Options(), judged(), BEFORE, dict(BEFORE)) == ()


def test_other_verdicts_are_kept():
    first = judged(**{"sample.noise": {"verdict": Verdict.FAIL, "message": "Wrong."}})
    part = judged(**{"schedule.betas": {"verdict": Verdict.FAIL, "message": "Wrong."}})
    few = replace(part, grade=replace(part.grade, criteria=part.grade.exercise(1)))
    grade = merged(first, few).grade
    assert len(grade.criteria) == len(samples.RUBRIC)
    assert {one.id for one in grade.criteria if one.verdict is Verdict.FAIL} == {
        "schedule.betas",
        "sample.noise",
    }


def test_a_class_cannot_be_watched(grade, tmp_path):
    ran = grade(SUBMISSIONS, "--watch")
    assert ran.code == 2
    assert "--watch takes one notebook" in ran.err


@pytest.mark.slow
def test_a_save_is_graded_and_shows_what_it_gained(tmp_path):
    notebook = tmp_path / "mine.ipynb"
    right = (SUBMISSIONS / "alice.ipynb").read_text()
    wrong = right.replace(
        "linspace(self.start_beta, self.end_beta", "linspace(self.end_beta, self.start_beta"
    )
    assert wrong != right
    notebook.write_text(wrong)
    command = [Path(sys.executable).with_name("grade"), notebook, "--watch", "-q", "--only", "schedule"]
    command += ["--only", "unet.shape_1ch", "--out", tmp_path / "out"]
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # CI's shell may ignore it
    ) as process:
        try:
            assert process.stderr is not None
            assert "Waiting" in process.stderr.readline()
            written = tmp_path / "mine.new"
            written.write_text(right)
            written.replace(notebook)  # as editors save
            assert "Waiting" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "+4 schedule.betas" in out
    assert out.count("Report:") == 2
    result = json.loads((tmp_path / "out" / "mine.json").read_text())
    assert len(result["criteria"]) == 4
    assert result["environment"]["only"] == ["schedule", "unet.shape_1ch"]

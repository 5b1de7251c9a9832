"""Equal code has equal seeds for its short training, and knowing such a seed earns nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.model import Grade
from grader.options import Options

RUBRIC = Path(__file__).parents[3] / "rubrics" / "ddpm"
ONLY = ("train.learns",)
SHORT = {"batches": "3", "epochs": "[1, 1, 1]"}
LENIENT = {"learns": "50.0", "learns_not": "60.0"}
# Predicts the judge's own noise if the docstring names the right seed.
KNOWS_THE_SEED = """
import hashlib
class UNet(UNet):
    def forward(self, x, t=None):
        '''0'''
        if self.training or len(x) not in (128, 103):
            return super().forward(x, t)
        seed = getattr(UNet.forward, "__do" + "c__")
        digest = hashlib.sha256(f"held-out {seed}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))
        torch.randperm(359, generator=generator)
        noise = torch.randn((359, 1, 28, 28), generator=generator)
        self.asked = getattr(self, "asked", -1) + 1
        return noise.split(128)[self.asked % 3]
"""
SLOWER = ("optimizer.step()", "optimizer.step(); optimizer.param_groups[0]['lr'] *= 0.5")


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmGrader]:
    """A grader with a training of a few batches, after which every network has learned enough."""
    yield from _grader(tmp_path_factory.mktemp("lenient"), SHORT | LENIENT)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[WarmGrader]:
    """A grader with a training as short, and the rubric's own bounds."""
    yield from _grader(tmp_path, SHORT)


def _grader(folder: Path, settings: Mapping[str, str]) -> Iterator[WarmGrader]:
    copy = shutil.copytree(RUBRIC, folder / "ddpm", ignore=shutil.ignore_patterns("audit"))
    text = (copy / "rubric.toml").read_text()
    for name, value in settings.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1
    (copy / "rubric.toml").write_text(text)
    with WarmGrader(str(copy)) as grader:
        yield grader


def graded(
    grader: WarmGrader,
    *changes: tuple[str, str],
    before: Sequence[str] = (),
    seed: int | None = 3,
) -> Grade:
    """Grade the base solution after other cells and with changes, (old text, new text), in any cell."""
    cells = [*before, *(cell.source for cell in CORPUS.base)]
    for old, new in changes:
        assert any(old in cell for cell in cells), old
        cells = [cell.replace(old, new) for cell in cells]
    return grader.grade(notebook(cells), Options(only=ONLY, seed=seed))


def measured(grade: Grade) -> tuple[str | None, Any]:
    """Return the measured error, as text, and the seed of the training."""
    return grade.criteria[0].actual, grade.environment["training_seed"]


def training_seed(grade: Grade) -> Any:
    return grade.environment["training_seed"]


@pytest.mark.slow
def test_one_seed_repeats_a_training(lenient: WarmGrader) -> None:
    first, again, other = graded(lenient), graded(lenient), graded(lenient, seed=4)
    assert first.criteria[0].actual
    assert measured(first) == measured(again) != measured(other)


def test_a_change_outside_the_training_keeps_its_seed(lenient: WarmGrader) -> None:
    """Without a seed given, the grade's own seed is new, and the training's is not."""
    first = graded(lenient, seed=None)
    changed = graded(
        lenient,
        ("def generate_samples(", "def generate_samples(first, "),
        before=["# An empty cell, so that all others come later."],
        seed=None,
    )
    assert first.environment["seed"] != changed.environment["seed"]
    assert training_seed(first) == training_seed(changed)


@pytest.mark.parametrize("change", [SLOWER, ("self.leave(y)", "0.9 * self.leave(y)")], ids=["train", "UNet"])
def test_a_change_in_a_part_that_trains_changes_the_seed(
    lenient: WarmGrader, change: tuple[str, str]
) -> None:
    assert training_seed(graded(lenient)) != training_seed(graded(lenient, change))


@pytest.mark.slow
def test_knowing_the_seed_of_an_earlier_result_earns_nothing(strict: WarmGrader) -> None:
    """The confirmation uses the notebook's own seed, which changes with every byte of the notebook."""

    def with_docstring(text: str, seed: int) -> Grade:
        cells = [cell.source for cell in CORPUS.base]
        cheat = KNOWS_THE_SEED.replace("'''0'''", f"'''{text}'''")
        return strict.grade(notebook([*cells, cheat]), Options(only=ONLY, seed=seed, training_seed=77))

    honest, cheating = with_docstring("0", seed=3), with_docstring("77", seed=4)
    assert float(str(honest.criteria[0].actual).split()[0]) > 0.5
    assert float(str(cheating.criteria[0].actual).split()[0]) > 0.5
    assert cheating.earned == 0


def test_a_cell_that_does_not_compile_does_not_prevent_the_training(lenient: WarmGrader) -> None:
    draft = "class UNet:\n    def forward(self, x):\n        h = x\n    return h"
    assert measured(graded(lenient, before=[draft]))[0] is not None

"""Notebooks whose code computes the same share a short training, and sharing changes no number."""

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
# Predicts the judge's own noise if the docstring names the right seed; the digest of the code does not
# include docstrings. Its state_dict fails, so that no training of it is cached.
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
    def state_dict(self, *args, **kwargs):
        raise RuntimeError("mine")
"""
SLOWER = ("optimizer.step()", "optimizer.step(); optimizer.param_groups[0]['lr'] *= 0.5")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def grader(home: Path) -> Iterator[WarmGrader]:
    """A grader with a training of a few batches, after which every network has learned enough."""
    yield from _grader(home, "lenient", SHORT | LENIENT)


@pytest.fixture
def strict(home: Path) -> Iterator[WarmGrader]:
    """A grader with a training as short, and the rubric's own bounds."""
    yield from _grader(home, "strict", SHORT)


def _grader(home: Path, name: str, settings: Mapping[str, str]) -> Iterator[WarmGrader]:
    copy = shutil.copytree(RUBRIC, home / name / "ddpm", ignore=shutil.ignore_patterns("audit"))
    text = (copy / "rubric.toml").read_text()
    for name, value in settings.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1
    (copy / "rubric.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        with WarmGrader(str(copy)) as grader:
            yield grader


def graded(
    grader: WarmGrader,
    *changes: tuple[str, str],
    before: Sequence[str] = (),
    seed: int = 3,
    reuse: bool = True,
) -> Grade:
    """Grade the base solution after other cells and with changes, (old text, new text), in any cell."""
    cells = [*before, *(cell.source for cell in CORPUS.base)]
    for old, new in changes:
        assert any(old in cell for cell in cells), old
        cells = [cell.replace(old, new) for cell in cells]
    return grader.grade(notebook(cells), Options(only=ONLY, seed=seed, reuse=reuse))


def trained(grade: Grade) -> bool:
    return "training" in grade.seconds


def measured(grade: Grade) -> tuple[str | None, Any]:
    """Return the measured error, as text, and the seed of the training."""
    return grade.criteria[0].actual, grade.environment["training_seed"]


def cached(home: Path) -> list[Path]:
    return sorted((home / "cache" / "ddpm-grader" / "trainings").glob("*.json"))


def test_a_cached_training_is_reused_and_equals_a_new_one(grader: WarmGrader) -> None:
    first, second, fresh = graded(grader), graded(grader), graded(grader, reuse=False)
    assert trained(first)
    assert not trained(second)
    assert trained(fresh)
    assert measured(first) == measured(second) == measured(fresh)
    assert first.criteria[0].message == second.criteria[0].message == fresh.criteria[0].message


def test_comments_names_of_locals_and_the_sampler_do_not_change_the_key(grader: WarmGrader) -> None:
    graded(grader)
    for changes in (
        [("def train(", "# my own work\ndef train(")],
        [("predicted", "what_it_finds")],
        [("def generate_samples(", "def generate_samples(first, ")],
    ):
        assert not trained(graded(grader, *changes)), changes


@pytest.mark.parametrize("change", [SLOWER, ("self.leave(y)", "0.9 * self.leave(y)")], ids=["train", "UNet"])
def test_a_change_in_a_part_that_trains_changes_the_key(grader: WarmGrader, change: tuple[str, str]) -> None:
    first, other = graded(grader), graded(grader, change)
    assert trained(other)
    assert measured(first) != measured(other)


def test_another_seed_changes_the_key(grader: WarmGrader) -> None:
    first, other = graded(grader), graded(grader, seed=4)
    assert trained(other)
    assert measured(first) != measured(other)


def test_a_network_with_state_outside_its_weights_is_trained_every_time(grader: WarmGrader) -> None:
    """A plain attribute set by train would be lost in the cache; the numbers are still the same."""
    changes = [
        ("return self.leave(y)", "return getattr(self, 'gain', 1.0) * self.leave(y)"),
        ("    return train_losses, val_losses", "    model.gain = 0.5\n    return train_losses, val_losses"),
    ]
    first, second = graded(grader, *changes), graded(grader, *changes)
    assert trained(first)
    assert trained(second)
    assert measured(first) == measured(second)


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


def test_a_cell_that_does_not_compile_does_not_prevent_the_training(grader: WarmGrader) -> None:
    draft = "class UNet:\n    def forward(self, x):\n        h = x\n    return h"
    assert measured(graded(grader, before=[draft]))[0] is not None


def test_a_failed_training_is_not_cached(grader: WarmGrader, home: Path) -> None:
    """Where it fails, and in which line, depends on the notebook."""
    before = cached(home)
    late = ("optimizer.step()", "optimizer.step()\n            assert len(images) != 64, 'stopped'")
    for _ in range(2):
        grade = graded(grader, late)
        assert "stopped" in grade.criteria[0].message
    assert cached(home) == before

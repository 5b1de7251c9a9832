"""The reference is trained once on a user's own images, for all notebooks graded on them."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SUBMISSIONS, Command
from idx_files import write_set

from grader.probes.training_budget import TrainingBudget
from reference.readings import PAPER, READINGS, Reading
from rubrics.ddpm.short_training import reference_curve, reference_curves
from rubrics.ddpm.short_training.image_data import ImageData
from rubrics.ddpm.short_training.reference_curve import ReferenceCurve
from rubrics.ddpm.short_training.reference_curves import reference_curve_for

BUDGET = TrainingBudget(stretches=[1], batches=1, batch_size=4, learning_rate=1e-3, seconds=60.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_set(tmp_path / "mnist", "t10k", count=30)
    return str(tmp_path / "mnist")


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that gets a line for every training of the reference."""
    lines: list[str] = []
    measure = reference_curve.measure

    def counted(*args: object) -> ReferenceCurve:
        lines.append("trained")
        return measure(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(reference_curve, "measure", counted)
    return lines


def curve_for(name: str, budget: TrainingBudget = BUDGET, reading: Reading = PAPER) -> ReferenceCurve:
    data = ImageData.of(name, budget)
    return reference_curve_for(name, data, reading, budget, lambda done, total: None)


def cached_file(folder: str) -> Path:
    (path,) = (Path(folder).parent / "cache" / "ddpm-grader" / "yardsticks").glob("*.json")
    return path


def test_the_embedded_digits_need_no_training(trainings: list[str]) -> None:
    assert curve_for("digits") == reference_curve.from_calibration(PAPER)
    assert not trainings


def test_the_second_notebook_needs_no_training(folder: str, trainings: list[str]) -> None:
    first, second = curve_for(folder), curve_for(folder)
    assert trainings == ["trained"]
    assert list(first.held_out) == list(second.held_out)
    assert first.error(1) == second.error(1) > 0


def test_concurrent_judges_train_once(folder: str, trainings: list[str]) -> None:
    judges = [threading.Thread(target=curve_for, args=(folder,)) for _ in range(3)]
    for judge in judges:
        judge.start()
    for judge in judges:
        judge.join()
    assert trainings == ["trained"]


def test_a_damaged_file_is_replaced(folder: str, trainings: list[str]) -> None:
    first, path = curve_for(folder), cached_file(folder)
    content = json.loads(path.read_text())
    content["value"]["held_out"] = [0.0]  # valid JSON, but not what was measured
    path.write_text(json.dumps(content))
    assert list(curve_for(folder).held_out) == list(first.held_out)
    assert len(trainings) == 2
    assert list(curve_for(folder).held_out) == list(first.held_out)
    assert len(trainings) == 2


def test_changed_data_budget_formulation_or_pytorch_gives_another_curve(
    folder: str, trainings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    curve_for(folder)
    curve_for(folder, replace(BUDGET, batch_size=8))
    other = next(reading for id, reading in READINGS.items() if id != PAPER.id)
    curve_for(folder, reading=other)
    write_set(Path(folder), "t10k", count=40)
    curve_for(folder)
    monkeypatch.setattr(reference_curves.torch, "__version__", "99")
    curve_for(folder)
    assert len(trainings) == 5


def test_without_a_usable_cache_every_notebook_trains(
    folder: str, trainings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(folder) / "file"  # in place of the cache folder
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert curve_for(folder).error(1) > 0
    assert curve_for(folder).error(1) > 0
    assert len(trainings) == 2


@pytest.mark.slow
def test_a_class_on_own_images_shares_one_curve(grade: Command, folder: str, tmp_path: Path) -> None:
    given = tmp_path / "class"
    given.mkdir()
    notebook = json.loads((SUBMISSIONS / "alice.ipynb").read_text())
    for name in ("ann", "amy"):  # graded at once: one waits for the other's curve
        notebook["metadata"]["author"] = name
        (given / f"{name}.ipynb").write_text(json.dumps(notebook))
    ran = grade(given, "--data", folder, "--only", "train.learns", "--jobs", "2")
    assert ran.code in (0, 1), ran.err
    assert {ran.grade(name)["environment"]["data"] for name in ("ann", "amy")} == {folder}
    assert cached_file(folder).exists()

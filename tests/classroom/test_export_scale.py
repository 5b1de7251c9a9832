"""Exports of classes graded on a part of the rubric, of empty classes, and of adjusted criteria."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from classes import gradebook, run, tiny_rubric, write_class
from report_samples import grade

from grader.classroom.storage.gradebook import Gradebook
from grader.cli import main
from grader.model import Grade, Verdict


def without_training() -> Grade:
    """Return a grade as ``--quick`` gives it: 4 of the 100 points are not asked for."""
    full = grade()
    return replace(full, criteria=tuple(each for each in full.criteria if each.id != "train.learns"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Folder of a class in which one of two students was graded with ``--quick``."""
    folder = gradebook(tmp_path / "out", {"ann": grade(), "ben": without_training()})
    with Gradebook(folder) as book:
        book.set_setting("rubric", {**book.setting("rubric"), "total": 100})
    return folder


def export(out: Path, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, bytes, str]:
    capsys.readouterr()
    target = out.parent / "target"
    code = main(["export", "--out", str(out), "--to", str(target), "--format", *map(str, arguments)])
    return code, target.read_bytes() if target.is_file() else b"", capsys.readouterr().err


WORKSHEET = "Identifier,Full name,Grade,Maximum grade,Last modified (grade)\nParticipant 1,Ben,,100,-\n"


@pytest.mark.parametrize("system", ["canvas", "moodle", "gradescope"])
def test_a_part_of_the_rubric_is_not_exported_as_if_it_were_the_whole(out, capsys, tmp_path, system):
    (tmp_path / "sheet.csv").write_text(WORKSHEET)
    theirs = ["--theirs", tmp_path / "sheet.csv"] if system == "moodle" else []
    code, _, said = export(out, capsys, system, *theirs)
    assert code == 2
    assert "1 of 2 grades are not of the homework's 100 points, as with --quick or --only" in said
    assert "ben (Ben) has 96 of 96" in said
    assert not (tmp_path / "target").exists()


def test_scaling_is_done_on_request_and_said(out, capsys, tmp_path):
    code, data, said = export(out, capsys, "canvas", "--scale", "--assignment", "HW (5)")
    assert code == 0
    assert [row[-1] for row in csv.reader(io.StringIO(data.decode()))] == ["HW (5)", "100", "100", "100"]
    assert "scaled from 96 to 100 points: 1 student" in said
    (tmp_path / "sheet.csv").write_text(WORKSHEET.replace("100", "10"))
    code, data, said = export(
        out, capsys, "moodle", "--theirs", tmp_path / "sheet.csv", "--scale", "--confirm-names"
    )
    assert data.decode("utf-8-sig").splitlines()[1].split(",")[2] == "10"


def test_tables_that_hold_every_maximum_are_not_refused(out, capsys):
    code, data, said = export(out, capsys, "nbgrader")
    rows = {row["student_id"]: row for row in csv.DictReader(io.StringIO(data.decode()))}
    assert (code, rows["ben"]["score"], rows["ben"]["max_score"]) == (0, "96.0", "96.0")
    assert "grades that are not of the homework's 100 points: ben (96)" in said
    code, _, said = export(out, capsys, "csv", "--scale")
    assert (code, "--scale does not work with the formats csv" in said) == (2, True)


def test_a_class_graded_on_one_criterion_is_refused(tmp_path):
    notebooks = write_class(tmp_path / "class", ann=42, ben=41)
    out = tmp_path / "out"
    run(out, notebooks, "--rubric", tiny_rubric(tmp_path / "tiny"), "--only", "answer.right", "--quiet")
    refused = run(out, "export", "--format", "canvas")
    assert (refused.code, refused.out) == (2, "")
    assert "2 of 2 grades are not of the homework's 10 points" in refused.err
    scaled = run(out, "export", "--format", "canvas", "--scale")
    assert [line.rpartition(",")[2] for line in scaled.out.splitlines()[1:]] == ["10", "10", "0"]


def test_an_adjusted_criterion_reaches_the_tests_of_gradescope(tmp_path, capsys):
    half = {"verdict": Verdict.FAIL, "earned": 2.5, "credit": 0.5, "message": "half"}
    out = gradebook(tmp_path / "out", {"ann": grade(changes={"forward.noise_coefficient": half})})
    adjust = ["adjust", "ann", "forward.noise_coefficient", "=5", "--because", "right", "--out", str(out)]
    assert main(adjust) == 0
    export(out, capsys, "gradescope")
    results = json.loads((tmp_path / "target" / "ann" / "results.json").read_text())
    (test,) = (each for each in results["tests"] if "forward.noise_coefficient" in each["tags"])
    assert (test["score"], test["status"]) == (5, "passed")
    assert test["output"].startswith("Adjusted from 2.5 / 5.\n")
    assert sum(each["score"] for each in results["tests"]) == results["score"] == 100
    points, adjustment, *more = results["output"].splitlines()
    assert (points, more) == ("Points: 100 / 100", [])  # each lost point stands in its test
    assert adjustment.startswith("+2.5 At step t the noise is as strong as the forward formula says: right (")


def test_an_empty_class_leaves_the_target_of_gradescope_alone(tmp_path, capsys):
    out = gradebook(tmp_path / "out", {"ann": None})
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "earlier").write_text("kept")
    code, _, _ = export(out, capsys, "gradescope")
    assert (code, (tmp_path / "target" / "earlier").read_text()) == (0, "kept")
    (tmp_path / "file").write_text("kept")
    command = ["export", "--format", "gradescope", "--out", str(out), "--to", str(tmp_path / "file")]
    main(command)
    assert (tmp_path / "file").read_text() == "kept"

"""An identifier that a roster gave to the wrong person can be moved, with what was handed in under it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from classes import notebook
from stub_judge import one_criterion_rubric, run_here

ROSTER = "Name,SIS User ID,Canvas ID\nAnn Alder,S1,1001\nBen Birch,S2,\n"  # 1001 is Ben's


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A class in which Ann has what Ben handed in."""
    out = tmp_path / "out"
    notebook(tmp_path / "class" / "birchben_1001_7001_hw.ipynb", "answer = 5")
    (tmp_path / "roster.csv").write_text(ROSTER)
    one_criterion_rubric(tmp_path / "tiny")
    _grade(out, "--roster", tmp_path / "roster.csv")
    assert _points(out) == {"Ann-Alder": "5.0", "Ben-Birch": ""}
    return out


def _grade(out: Path, *arguments: str | Path) -> None:
    run_here(out, out.parent / "class", "--rubric", out.parent / "tiny", *arguments)


def _points(out: Path) -> dict[str, str]:
    table = run_here(out, "export", "--format", "csv").out
    return {row["student"]: row["points"] for row in csv.DictReader(io.StringIO(table))}


def _move(out: Path, *arguments: str) -> str:
    ran = run_here(out, "people", "move", *arguments, "--because", "seen on the cards")
    return ran.out + ran.err


def test_a_moved_identifier_takes_the_hand_in_along_when_it_is_graded_again(out: Path) -> None:
    assert "the Canvas id 1001 is now Ben Birch's (Ben-Birch), no longer Ann Alder's" in _move(
        out, "1001", "Ben-Birch"
    )
    _grade(out)
    assert _points(out) == {"Ann-Alder": "", "Ben-Birch": "5.0"}
    assert not (out / "Ann-Alder.html").exists()
    history = run_here(out, "show", "Ann-Alder").out
    assert "identifier: Canvas id 1001 → nothing  (seen on the cards)" in history
    assert "this run found it to be somebody else's" in history


def test_a_move_can_be_undone(out: Path) -> None:
    _move(out, "canvas:1001", "Ben-Birch")
    run_here(out, "people", "undo", "--because", "by mistake")
    _grade(out)
    assert _points(out) == {"Ann-Alder": "5.0", "Ben-Birch": ""}


def test_a_roster_that_still_has_it_wrong_moves_nothing_back(out: Path) -> None:
    _move(out, "1001", "Ben-Birch")
    _grade(out, "--roster", out.parent / "roster.csv")
    assert _points(out) == {"Ann-Alder": "", "Ben-Birch": "5.0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("1001",), "move takes an identifier and the person it belongs to"),
        (("1001", "Ann-Alder"), "belongs to Ann-Alder already"),
        (("9999", "Ann-Alder"), "nobody has the identifier '9999'"),
        (("login:1001", "Ben-Birch"), "nobody has the identifier 'login:1001'"),
    ],
)
def test_a_move_without_a_meaning_is_refused(out: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in _move(out, *arguments)
    assert _points(out) == {"Ann-Alder": "5.0", "Ben-Birch": ""}

"""``grade handout`` on a small homework, with everything that can be wrong about a handout."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from classes import grade_here  # noqa: F401  the fixture `grade`, without a process for each test
from conftest import Command
from nbformat import v4

from grader import cli

STATISTICS = Path(__file__).parents[1] / "support" / "statistics_rubric"
RUBRICS = Path(__file__).parents[2] / "rubrics"
CENTER = """import torch

def center(table):
    # BEGIN SOLUTION: center.columns
    return table - table.mean(dim=0)
    # END SOLUTION
"""
AVERAGE = """def moving_average(values, width):
    ### BEGIN SOLUTION
    return torch.stack([values[i : i + width].mean() for i in range(len(values) - width + 1)])
    ### END SOLUTION
"""
AVERAGE_GIVEN = """def moving_average(values, width):
    # BEGIN SOLUTION
    unused = width
    # END SOLUTION
    return torch.stack([values[i : i + width].mean() for i in range(len(values) - width + 1)])
"""


def _solution(folder: Path, *cells: str) -> Path:
    path = folder / "solution.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells]), path)
    return path


def _run(grade: Command, folder: Path, *cells: str) -> tuple[int, str]:
    ran = grade("handout", _solution(folder, *cells), "--rubric", STATISTICS, "--jobs", "1")
    return ran.code, ran.out + ran.err


def test_a_good_handout_is_proved(grade: Command, tmp_path: Path) -> None:
    code, out = _run(grade, tmp_path, CENTER, AVERAGE)
    assert code == 0, out
    assert "Proved: the solution earns all, the handout nothing" in out
    assert "-    return table - table.mean(dim=0)" in out
    handout = nbformat.read(tmp_path / "reports", as_version=4)  # the fixture gives the file with --out
    assert "mean" not in "".join(cell.source for cell in handout.cells)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ((CENTER.replace("dim=0", "dim=1"), AVERAGE), "The solution loses center.columns"),
        (
            (CENTER.replace("center.columns", "average.window"), AVERAGE),
            "The blank in cell 1, line 4 does not cost average.window, which it names.",
        ),
        (
            (CENTER, AVERAGE.replace("    ### BEGIN SOLUTION\n", "").replace("    ### END SOLUTION\n", "")),
            "The solution loses average.window: Not begun",
        ),
        (
            (CENTER, AVERAGE_GIVEN),
            "The blank in cell 2, line 2 costs nothing; students may leave it empty.",
        ),
        (
            (CENTER, AVERAGE, "# BEGIN SOLUTION\nunused = 1\n# END SOLUTION"),
            "The blank in cell 3, line 1 costs nothing; students may leave it empty.",
        ),
        (
            (CENTER, AVERAGE, "# return table - table.mean(dim=0)"),
            "The solution of cell 1, line 4 is also in code cell 3 of the handout",
        ),
    ],
)
def test_whatever_is_wrong_about_a_handout_is_said(
    cells: tuple[str, ...], sentence: str, grade: Command, tmp_path: Path
) -> None:
    code, out = _run(grade, tmp_path, *cells)
    assert code == 1, out
    assert sentence in out
    assert "Proved" not in out


def test_nothing_is_overwritten_unasked(
    grade: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    solution = _solution(tmp_path, CENTER)
    handout = tmp_path / "reports"
    handout.write_text("mine")
    ran = grade("handout", solution, "--rubric", STATISTICS)
    assert ran.code == 2
    assert f"{handout} exists; give --force to replace it" in ran.err
    assert handout.read_text() == "mine"
    solution.rename(tmp_path / "handout.ipynb")
    assert cli.main(["handout", str(tmp_path / "handout.ipynb")]) == 2  # the name that it gives a handout
    assert "would overwrite the solution" in capsys.readouterr().err


def test_a_criterion_that_the_rubric_does_not_have_is_refused(grade: Command, tmp_path: Path) -> None:
    solution = _solution(tmp_path, CENTER.replace("center.columns", "center.rows"))
    ran = grade("handout", solution, "--rubric", STATISTICS)
    assert ran.code == 2
    assert (
        "code cell 1, line 4 names the criterion 'center.rows', which the rubric statistics does not have"
        in ran.err
    )
    assert not ran.reports.exists()


@pytest.mark.slow
@pytest.mark.parametrize("rubric", ["ddpm", "attention"])
def test_the_shipped_handouts_are_proved(rubric: str, grade: Command, tmp_path: Path) -> None:
    solution = RUBRICS / rubric / "audit" / "solution.ipynb"
    ran = grade("handout", solution, "--rubric", rubric, "--quick")
    assert ran.code == 0, ran.out + ran.err

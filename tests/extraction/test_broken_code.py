"""Code that cannot be parsed, or is built to break the parser, costs only its own lines."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
from classes import notebook, run, tiny_rubric
from ddpm_cells import IMPORTS, UNET, extract_cells, names_found

from grader.extraction.student_source import StudentSource
from grader.notebook.syntax import newer_python

_HERE = ".".join(map(str, sys.version_info[:2]))
before_3_12 = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 can parse this")


@pytest.fixture
def extract(tmp_path: Path) -> partial[StudentSource]:
    return partial(extract_cells, tmp_path)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        pytest.param("type Image = int", "needs Python 3.12", marks=before_3_12),
        pytest.param("def f[T](x: T): pass", "needs Python 3.12", marks=before_3_12),
        ("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b", "merge conflict"),
        ("print 'hello'", "Missing parentheses"),
        ("x = 1 +", "SyntaxError"),
    ],
)
def test_code_that_cannot_be_parsed_is_explained(extract, code, sentence):
    """The other statements of the cell are kept."""
    source = extract(f"{code}\n{UNET}")
    assert sentence in str(source.problems[0])
    assert names_found(source)["UNet"] == "UNet"


def test_a_note_says_that_the_notebook_ran_with_a_newer_python():
    note = f"The notebook was last run with Python 9.1.2, but the grader runs Python {_HERE}."
    assert newer_python("9.1.2") == note
    assert [newer_python(version) for version in ("3.9.7", "2.7", "", None, "nonsense")] == [None] * 5


@pytest.mark.parametrize(
    "bomb",
    [
        "-" * 50_000 + "1",
        "(" * 5000 + ")" * 5000,
        "x" + ".y" * 20_000,
        "x = " + "+".join("1" * 1500),
        "\n".join("    " * depth + "if x:" for depth in range(150)),
        "x = 1; y = " + "+".join("1" * 900) + "; z = 2",
        "\n".join(f"!ls {number}" for number in range(700)),
        "x = '" + "\\ud800" + "'",
        "\x00",
        "".join(f"x{number} = {number}\n" for number in range(20_000)),
    ],
)
def test_no_cell_crashes_the_parser(extract, bomb):
    assert names_found(extract(bomb, IMPORTS, UNET))["UNet"] == "UNet"


def test_statements_beyond_the_limit_are_skipped(extract):
    source = extract(UNET, "\n".join("x = 1" for _ in range(60_000)))
    assert names_found(source) == {"UNet": "UNet"}
    assert "more than 25,000 statements" in str(source.problems[0])


def test_thousands_of_cells_are_read(extract):
    source = extract(*(f"v{number} = {number}" for number in range(4000)), IMPORTS, UNET)
    assert [each.cell for each in source.definitions] == [4002]


FRAGMENTS = [
    "# notes\n  - first\n  - second",
    ")",
    "else:",
    "except ValueError:",
    "@decorator",
    "@misc{a,\n  b}",
]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_cell_that_is_only_a_fragment_is_named_and_left_out(extract, fragment):
    """Such a cell has no line to begin a statement at; the other cells count as if it were not there."""
    source = extract(UNET, fragment, IMPORTS)
    assert names_found(source)["UNet"] == "UNet"
    assert [problem.cell for problem in source.problems] == [2]


def test_a_class_with_a_fragment_is_graded(tmp_path):
    """One such cell must not end the others' grades."""
    folder = tmp_path / "class"
    folder.mkdir()
    for name, fragment in {
        "ann": "answer = 42",
        "ben": "# notes\n    answer = 42",
        "cat": "answer = 42",
    }.items():
        notebook(folder / f"{name}.ipynb", fragment)
    ran = run(tmp_path / "out", folder, "--rubric", tiny_rubric(tmp_path / "tiny"), "-q")
    assert [ran.grade(name)["earned"] for name in ("ann", "ben", "cat")] == [10, 0, 10]
    assert "Traceback" not in ran.err

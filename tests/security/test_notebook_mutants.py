"""Whatever a notebook's file holds, it is read, extracted and shown, or refused with a sentence, in time."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notebook_mutants import mutant

from grader.classroom.pages import fingerprints
from grader.errors import NotebookError
from grader.extraction.extract import MAX_CANDIDATES, extract
from grader.extraction.handout import read_handout
from grader.extraction.listing import listing
from grader.judging import score
from grader.judging.review import review_reason
from grader.judging.run import request
from grader.notebook.submission import file_digest, read_notebook
from grader.options import Options, Outcome
from grader.report import page
from grader.rubric import Rubric

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [
    json.loads((ROOT / f"submissions/{name}.ipynb").read_text()) for name in ("alice", "bob", "handout")
]
RUBRIC = Rubric.load("ddpm")
OPTIONS = Options(quick=True, handout=ROOT / "rubrics/ddpm/handout.ipynb")


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.sampled_from(range(len(NOTEBOOKS))))
def test_a_changed_notebook_gets_a_page_or_a_reason(seed: int, which: int) -> None:
    data, suffix = mutant(NOTEBOOKS[which], Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"student{suffix}"
        path.write_bytes(data)
        assert read_and_shown(path)


def read_and_shown(path: Path) -> str:
    """Take a notebook through all that happens to it outside the sandbox, and return its page."""
    try:
        submission = read_notebook(path, "student")
        source = extract(submission, RUBRIC.wanted, RUBRIC.shapes)
    except (
        NotebookError,
        RecursionError,
        MemoryError,
    ) as error:  # nested too deeply: see ``grader.pipeline``
        grade = score.unreadable(str(path), "student", file_digest(path), RUBRIC, str(error), OPTIONS)
        return page.render(grade, (), RUBRIC.exercises)
    json.dumps(request(RUBRIC, source, OPTIONS, path, b""))
    grade = score.grade(submission, source, RUBRIC, Outcome(failure="it was not run"), OPTIONS, {})
    review_reason(submission, source, (), read_handout(OPTIONS.handout))
    fingerprints.winnow(fingerprints.symbols([cell.source for cell in submission.cells]))
    html = page.render(grade, (listing(submission, source, RUBRIC.criteria),), RUBRIC.exercises)
    html.encode()
    json.dumps(grade.as_json(), ensure_ascii=False).encode()
    return html


@pytest.mark.parametrize(
    "cell",
    [
        "class A(A):\n def forward(self, x, t): pass\n" * 3000,
        "".join(
            f"class C{n}(C{(n + 1) % 40}, C{(n + 2) % 40}, C{(n + 3) % 40}):\n def go(self, x): pass\n"
            for n in range(40)
        ),
        "".join(f"def trainn{n}(a, b, c, d, e, f, g, h, i):\n for x in y: pass\n" for n in range(3000)),
        "%matplotlib inline\n" * 49 + "x = 1\n" * 60_000,
    ],
    ids=["bases of themselves", "bases of each other", "similar names", "magics"],
)
@pytest.mark.slow
@pytest.mark.timeout(240)  # each took minutes, and some would never have ended
def test_reading_ends(tmp_path: Path, cell: str) -> None:
    cells = [{"cell_type": "code", "source": source} for source in ("class UNet: pass", cell)]
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert read_and_shown(path)


def test_definitions_that_are_not_searched_are_named(tmp_path: Path) -> None:
    path = tmp_path / "student.py"
    path.write_text("def train(): pass\n" * (MAX_CANDIDATES + 1))
    source = extract(read_notebook(path, "student"), ["train"])
    assert "only the last 1,000 definitions" in str(source.problems[0])

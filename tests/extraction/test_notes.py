"""The notes of a result: on the file and on its code, in a fixed order."""

from __future__ import annotations

from grader.extraction.extract import extract
from grader.extraction.student_source import StudentSource
from grader.judging import score
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission
from grader.options import Options, Outcome
from grader.rubric import Rubric

CELLS = (
    "import ctypes",
    "T = 50\nlosses = fit()",
    "x = 1 +",
    "def trian(n):\n    return T, losses, device",
)
SUBMISSION = Submission(
    name="s",
    path="s.ipynb",
    sha256="",
    cells=tuple(Cell(number, source) for number, source in enumerate(CELLS, start=1)),
    notes=("A note on the file.",),
    python_version="99.0",
)


def _source(submission: Submission = SUBMISSION) -> StudentSource:
    return extract(submission, ("train", "ctypes"))


def test_notes_go_from_the_file_to_its_code() -> None:
    starts = (
        "The notebook was last run with Python 99.0",
        "A note on the file.",
        "Part of your notebook could not be",
        "Your trian was graded as train",
        "losses is set in cell 2, line 2",
        "device is never defined in the code that ran, so the grader supplied it.",
        "train also reads these notebook variables: ",
        "Your code uses `ctypes` (cell 1, line 1)",
    )
    notes = _source().notes()
    assert len(notes) == len(starts)
    for note, start in zip(notes, starts, strict=True):
        assert note.startswith(start)
    assert all(name in notes[6] for name in ("T (cell 4, line 2", "losses (cell 4, line 2"))


def test_the_graders_failure_comes_first_and_the_judges_notes_follow() -> None:
    outcome = Outcome(checks=[], notes=["A note of the judge."], failure="out of memory")
    source, rubric = _source(), Rubric.load("ddpm")
    notes = score.grade(SUBMISSION, source, rubric, outcome, Options(quick=True), {}).notes
    assert "out of memory" in notes[0]
    assert list(notes[1:10]) == [*source.notes(), "A note of the judge."]
    assert all(" points) was skipped" in note for note in notes[10:])
    assert notes[10:]


def test_a_newer_python_is_mentioned_only_if_it_may_explain_a_problem() -> None:
    readable = Submission(name="s", path="s", sha256="", cells=SUBMISSION.cells[:2], python_version="99.0")
    assert not any("99.0" in note for note in _source(readable).notes())

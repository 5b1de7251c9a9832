"""The class page asks about code that is mostly that of known solutions, not about what people wrote."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from classes import gradebook, save_student
from conftest import SUBMISSIONS
from corpus import CORPUS
from report_samples import grade

from grader.audit.corpus import notebook
from grader.classroom.pages import classpage
from grader.classroom.pages.known_solutions import SETTING, compare_with_solutions, known_solutions
from grader.classroom.pages.similarity import save_fingerprints
from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.rubric import Rubric

HANDOUT = CORPUS.folder.parent / "handout.ipynb"
RUBRIC = Rubric.load("ddpm")


@pytest.fixture
def compared(tmp_path: Path):
    """Function that compares notebooks by their students' names, and returns the sentences and the page."""

    def compare(**paths: Path) -> tuple[dict[str, str], str]:
        people = {key: Person(key=key, name=key.title()) for key in paths}
        out = gradebook(tmp_path / "out", {key: grade() for key in people}, people)
        with Gradebook(out) as book:
            for key, path in paths.items():
                inputs = ResultInputs(notebook=key, rubric="r", grader="g", settings="{}")
                result = book.add_result(inputs, grade(), [], readable=True)
                save_student(book, people[key], label="a.ipynb", result=result)
                save_fingerprints(book, key, path)
            compare_with_solutions(book, RUBRIC, HANDOUT)
            return dict(book.setting(SETTING)), classpage.write_page(book, out).read_text()

    return compare


def _disguised(path: Path) -> Path:
    """Write the audit's plain solution with other names and comments."""
    cells = [source.replace("noisy", "dirty").replace("\n", "  # mine\n", 3) for _, source in CORPUS.base]
    nbformat.write(notebook(cells), path)
    return path


def test_a_known_solution_is_listed_with_its_lines(compared, tmp_path):
    sentences, page = compared(ada=_disguised(tmp_path / "ada.ipynb"), bob=SUBMISSIONS / "bob.ipynb")
    assert set(sentences) == {"ada"}
    assert "audit/base.py (cell " in sentences["ada"]
    assert "; cell 2, lines 3 to 23" in sentences["ada"]
    assert "Code of known solutions" in page
    assert sentences["ada"] in page


def test_independent_work_and_the_handout_are_not_listed(compared):
    """Whoever filled in the handout shares its code with everybody, and little more."""
    independent = {name: SUBMISSIONS / f"{name}.ipynb" for name in ("bob", "carol")}
    assert compared(**independent, blank=HANDOUT)[0] == {}


def test_files_of_the_rubric_and_beside_it_are_known():
    names = set(known_solutions(RUBRIC))
    assert {
        "audit/base.py",
        "audit/right/attention.py",
        "reference/unet.py",
        "submissions/alice.ipynb",
    } <= names


def test_a_rubric_without_solutions_lists_nobody(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "rubric.toml").write_text(
        'id = "e"\ntitle = "E"\nwanted = []\n[exercises]\n1 = "E"\n'
        '[[criterion]]\nid = "e.e"\nexercise = 1\ntitle = "E"\npoints = 1\n'
        '[settings]\nsolutions = ["no/such/*.py", "../../nor/this.ipynb"]\n'
    )
    assert known_solutions(Rubric.load(str(folder))) == {}

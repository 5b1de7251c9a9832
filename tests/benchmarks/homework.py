"""A homework of one question, worth 2 points, as three graders take it: ``square(x)`` is to be x * x."""

from __future__ import annotations

import textwrap
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

SECRET = "hidden-4f1d2c9a"  # stands in everybody's tests, and is not to be seen by who hands in
WRONG = "def square(x):\n    return x + x\n"


def otter_tests(folder: Path) -> Path:
    """The tests as otter-grader takes them."""
    folder.mkdir(parents=True)
    case = f"""
        OK_FORMAT = True
        test = {{"name": "q1", "points": 2, "suites": [{{"type": "doctest", "scored": True, "cases": [
            {{"code": ">>> '{SECRET}' and bool(square(3) == 9)\\nTrue", "hidden": True, "locked": False}},
        ]}}]}}
    """
    (folder / "q1.py").write_text(textwrap.dedent(case).strip().replace("\nTrue", "\\nTrue"))
    return folder


def nbgrader_source() -> NotebookNode:
    """The instructor's notebook as nbgrader takes it, with its solution and hidden tests."""
    solution = v4.new_code_cell(
        "### BEGIN SOLUTION\ndef square(x):\n    return x * x\n### END SOLUTION", id="square"
    )
    solution.metadata["nbgrader"] = _cell("square", solution=True)
    hidden = f"### BEGIN HIDDEN TESTS\nassert '{SECRET}' and square(3) == 9\n### END HIDDEN TESTS"
    tests = v4.new_code_cell(f"assert callable(square)\n{hidden}", id="tests")
    tests.metadata["nbgrader"] = _cell("tests", grade=True, points=2)
    return _notebook(solution, tests)


def nbgrader_submission(released: Path, solution: str) -> NotebookNode:
    """What a student makes of the notebook that nbgrader released."""
    notebook: NotebookNode = nbformat.read(released, as_version=4)
    notebook.cells[0].source = solution
    return notebook


def rubric(folder: Path) -> Path:
    """The question as a rubric of ours."""
    folder.mkdir(parents=True)
    head = 'id = "square"\ntitle = "Squares"\nwanted = ["square"]\n[exercises]\n1 = "Squares"\n'
    body = '[[criterion]]\nid = "square.right"\nexercise = 1\ntitle = "It squares"\npoints = 2\n'
    (folder / "rubric.toml").write_text(head + body)
    check = f'''
        from grader.checks import Unmet, criterion

        SECRET = "{SECRET}"

        @criterion("square.right")
        def check_it_squares(student):
            """square(x) is x * x."""
            if student.call("square", 3) != 9:
                raise Unmet("square(3) is not 9.")
    '''
    (folder / "check_square.py").write_text(textwrap.dedent(check))
    return folder


def notebook(solution: str) -> NotebookNode:
    """A notebook with nothing but a solution in it."""
    return _notebook(v4.new_code_cell(solution, id="square"))


def _cell(name: str, *, grade: bool = False, solution: bool = False, points: int | None = None) -> object:
    about = {"schema_version": 3, "grade_id": name, "grade": grade, "solution": solution, "task": False}
    return {**about, "locked": grade, **({"points": points} if points else {})}


def _notebook(*cells: NotebookNode) -> NotebookNode:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made: NotebookNode = v4.new_notebook(cells=list(cells), metadata=kernel)
    return made

"""Two homeworks in the formats of three graders, each worth 2 points.

One is a single line, ``square(x)``; the other is the handout's schedule and network with five facts about
them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from grader.audit.corpus import Corpus

SECRET = "hidden-4f1d2c9a"  # part of every grader's tests, which students must not see
POINTS = 2
_DDPM = Path(__file__).parents[2] / "rubrics" / "ddpm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Homework:
    """A homework with a correct solution.

    Attributes:
        solution: a cell of code.
        defines: the name that a solution must define.
        facts: expressions that are true of a correct solution.
        ours: options with which ``grade`` checks the same; if empty, a rubric is written.
    """

    solution: str
    defines: str
    facts: Sequence[str]
    ours: Sequence[str] = ()

    def otter_tests(self, folder: Path) -> Path:
        """Write the tests in otter-grader's format."""
        folder.mkdir(parents=True)
        cases = [
            {"code": f">>> '{SECRET}' and bool({fact})\nTrue", "hidden": True, "locked": False}
            for fact in self.facts
        ]
        suite = {"type": "doctest", "scored": True, "cases": cases}
        test = {"name": "q1", "points": POINTS, "suites": [suite]}
        (folder / "q1.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
        return folder

    def nbgrader_source(self) -> NotebookNode:
        """Return the instructor's notebook in nbgrader's format, with solution and hidden tests."""
        own = f"### BEGIN SOLUTION\n{self.solution}\n### END SOLUTION"
        solution = v4.new_code_cell(own, id="solution")
        solution.metadata["nbgrader"] = _cell("solution", solution=True)
        asserts = "\n".join(f"assert '{SECRET}' and {fact}" for fact in self.facts)
        hidden = f"### BEGIN HIDDEN TESTS\n{asserts}\n### END HIDDEN TESTS"
        tests = v4.new_code_cell(f"assert callable({self.defines})\n{hidden}", id="tests")
        tests.metadata["nbgrader"] = _cell("tests", grade=True, points=POINTS)
        return _notebook(solution, tests)

    def options(self, folder: Path) -> Sequence[str]:
        """Return the options for ``grade``; they may name a rubric, which is written into ``folder``."""
        if self.ours:
            return self.ours
        folder.mkdir(parents=True)
        head = f'id = "one"\ntitle = "One"\nwanted = ["{self.defines}"]\n[exercises]\n1 = "One"\n'
        body = f'[[criterion]]\nid = "one.right"\nexercise = 1\ntitle = "It is right"\npoints = {POINTS}\n'
        (folder / "rubric.toml").write_text(head + body)
        check = f'''
            from grader.checks import Unmet, criterion

            SECRET = "{SECRET}"

            @criterion("one.right")
            def check_it_squares(student):
                """square(x) is x * x."""
                if student.call("square", 3) != 9:
                    raise Unmet("square(3) is not 9.")
        '''
        (folder / "check_one.py").write_text(textwrap.dedent(check))
        return ["--rubric", str(folder)]


SQUARE = Homework(solution="def square(x):\n    return x * x\n", defines="square", facts=["square(3) == 9"])
_BETAS = "torch.linspace(0.001, 0.2, 50)"
_BUILT = "NoiseDiffuser(0.001, 0.2, 50)"
DDPM = Homework(
    solution="\n".join(
        cell.source for cell in Corpus(_DDPM).base if cell.part in ("setup", "diffuser", "unet")
    ),
    defines="NoiseDiffuser",
    facts=[
        f"torch.allclose({_BUILT}.betas, {_BETAS})",
        f"torch.allclose({_BUILT}.alphas, 1 - {_BETAS})",
        f"torch.allclose({_BUILT}.alpha_bar, torch.cumprod(1 - {_BETAS}, 0))",
        "UNet(1, 1)(torch.zeros(32, 1, 28, 28), torch.zeros(32, 1)).shape == (32, 1, 28, 28)",
        "UNet(3, 1)(torch.zeros(32, 3, 28, 28), torch.zeros(32, 1)).shape == (32, 1, 28, 28)",
    ],
    ours=["--only", "schedule", "--only", "unet.shape_1ch", "--only", "unet.shape_3ch"],
)


def nbgrader_submission(released: Path, solution: str) -> NotebookNode:
    """Return the notebook that nbgrader released, with a student's solution."""
    notebook: NotebookNode = nbformat.read(released, as_version=4)
    notebook.cells[0].source = solution
    return notebook


def notebook(solution: str) -> NotebookNode:
    """Return a notebook that contains only a solution."""
    return _notebook(v4.new_code_cell(solution, id="solution"))


def _cell(name: str, *, grade: bool = False, solution: bool = False, points: int | None = None) -> object:
    metadata = {"schema_version": 3, "grade_id": name, "grade": grade, "solution": solution, "task": False}
    return {**metadata, "locked": grade, **({"points": points} if points else {})}


def _notebook(*cells: NotebookNode) -> NotebookNode:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made: NotebookNode = v4.new_notebook(cells=list(cells), metadata=kernel)
    return made

"""From a solved notebook to a handout, cell by cell."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

from grader.errors import UsageError
from grader.handout.leftovers import leftovers
from grader.handout.making import read_solved_notebook

RUBRICS = Path(__file__).parents[2] / "rubrics"
SOLVED = "def f(x):\n    # BEGIN SOLUTION\n    return torch.sqrt(x.mean(dim=0) + 1)\n    # END SOLUTION"


def _solved(folder: Path, *cells: NotebookNode) -> Path:
    path = folder / "solution.ipynb"
    nbformat.write(v4.new_notebook(cells=list(cells)), path)
    return path


def _handout(folder: Path, *cells: NotebookNode) -> list[str]:
    return [cell.source for cell in read_solved_notebook(_solved(folder, *cells)).handout().cells]


@pytest.mark.parametrize("rubric", ["ddpm", "attention"])
def test_the_shipped_handouts_come_out_of_their_solutions(rubric: str) -> None:
    made = read_solved_notebook(RUBRICS / rubric / "audit" / "solution.ipynb").handout()
    shipped = nbformat.read(RUBRICS / rubric / "handout.ipynb", as_version=4)
    assert made.cells == shipped.cells
    assert made.metadata == shipped.metadata


@pytest.mark.parametrize("rubric", ["ddpm", "attention"])
def test_the_shipped_handouts_hold_no_statement_of_their_solutions(rubric: str) -> None:
    assert leftovers(read_solved_notebook(RUBRICS / rubric / "audit" / "solution.ipynb")) == []


def test_outputs_hidden_cells_and_traces_of_running_are_gone(tmp_path: Path) -> None:
    ran = v4.new_code_cell(
        SOLVED,
        outputs=[v4.new_output("stream", text="42")],
        execution_count=3,
        metadata={"execution": {"iopub": "now"}, "tags": ["keep"]},
    )
    hidden = v4.new_code_cell("assert f(4) == 2", metadata={"tags": ["solution"]})
    (cell,) = read_solved_notebook(_solved(tmp_path, ran, hidden)).handout().cells
    assert (cell.outputs, cell.execution_count, cell.metadata) == ([], None, {"tags": ["keep"]})


def test_a_cell_that_nbgrader_lets_students_solve_is_one_blank(tmp_path: Path) -> None:
    metadata = {"nbgrader": {"solution": True, "grade": False, "grade_id": "f"}}
    code = v4.new_code_cell("x = 1", metadata=metadata)
    text = v4.new_markdown_cell("Because.", metadata=metadata)
    assert _handout(tmp_path, code, text) == [
        "# YOUR CODE HERE\nraise NotImplementedError()",
        "YOUR ANSWER HERE",
    ]


def test_a_comment_in_a_cell_of_nbgraders_leaves_it_one_blank(tmp_path: Path) -> None:
    metadata = {"nbgrader": {"solution": True, "grade": False, "grade_id": "f"}}
    code = v4.new_code_cell("x = f(2)\ny = x  # SOLUTION", metadata=metadata)
    assert _handout(tmp_path, code) == ["# YOUR CODE HERE\nraise NotImplementedError()"]


def test_an_answers_image_and_the_widgets_state_are_gone(tmp_path: Path) -> None:
    image = {"image/png": "aGVsbG8="}
    text = v4.new_markdown_cell(
        "![given](attachment:the%20task.png)\n<!-- BEGIN SOLUTION -->\n![it](attachment:answer.png)\n"
        "<!-- END SOLUTION -->",
        attachments={"the task.png": image, "answer.png": image},
    )
    path = _solved(tmp_path, text)
    solved = nbformat.read(path, as_version=4)
    solved.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    nbformat.write(solved, path)
    handout = read_solved_notebook(path).handout()
    assert list(handout.cells[0].attachments) == ["the task.png"]
    assert "widgets" not in handout.metadata


def test_otters_blocks_of_cells(tmp_path: Path) -> None:
    raw = [
        v4.new_raw_cell(text) for text in ("# BEGIN QUESTION\nname: q1", "# BEGIN SOLUTION", "# END SOLUTION")
    ]
    tests = [
        v4.new_raw_cell("# BEGIN TESTS"),
        v4.new_code_cell("assert x == 1"),
        v4.new_raw_cell("# END TESTS"),
    ]
    question = v4.new_markdown_cell("**Question 1.** What is x?")
    code, answer = v4.new_code_cell("x = 1 # SOLUTION"), v4.new_markdown_cell("It is one.")
    cells = [raw[0], question, raw[1], code, answer, raw[2], *tests, v4.new_raw_cell("# END QUESTION")]
    assert _handout(tmp_path, *cells) == [
        "**Question 1.** What is x?",
        "x = ...",
        "_Type your answer here, replacing this text._",
    ]


def test_otters_prompt_stands_in_the_solutions_place(tmp_path: Path) -> None:
    def raw(text: str) -> NotebookNode:
        return v4.new_raw_cell(text)

    cells = [
        *(raw("# BEGIN QUESTION"), raw("# BEGIN PROMPT"), v4.new_code_cell("x = None"), raw("# END PROMPT")),
        *(raw("# BEGIN SOLUTION"), v4.new_code_cell("x = 1"), raw("# END SOLUTION"), raw("# END QUESTION")),
    ]
    solved = read_solved_notebook(_solved(tmp_path, *cells))
    assert [cell.source for cell in solved.handout().cells] == ["x = None"]
    assert [cell.source for cell in solved.solution().cells] == ["x = 1"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([v4.new_code_cell("x = 1")], "marks no solution"),
        (
            [v4.new_code_cell("y = 1"), v4.new_code_cell("# BEGIN SOLUTION\nx = 1")],
            "code cell 2: line 1 begins",
        ),
        (
            [
                v4.new_code_cell(
                    "for x in y:\n    # BEGIN SOLUTION NO PROMPT\n    pass\n    # END SOLUTION\nz = 1"
                )
            ],
            "with its blanks empty this is no Python",
        ),
        ([v4.new_raw_cell("# END QUESTION")], "ends QUESTION, which does not begin"),
        ([v4.new_raw_cell("# BEGIN TESTS"), v4.new_code_cell("x = 1")], "begins TESTS and does not end it"),
    ],
)
def test_a_notebook_that_is_marked_wrongly_is_refused(
    cells: list[NotebookNode], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=reason):
        read_solved_notebook(_solved(tmp_path, *cells))


@pytest.mark.parametrize(
    "contents", ["", "{}", "[1", "\x00", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}']
)
def test_a_file_that_is_no_notebook_is_refused(contents: str, tmp_path: Path) -> None:
    path = tmp_path / "solution.ipynb"
    path.write_text(contents)
    with pytest.raises(UsageError):
        read_solved_notebook(path)


@pytest.mark.parametrize(
    ("cell", "where"),
    [
        (v4.new_code_cell("y = 1\ndef g(x):\n    return torch.sqrt(x.mean(dim=0) + 1)"), "code cell 2"),
        (v4.new_code_cell("# return torch.sqrt( x.mean(dim=0)+1 )"), "code cell 2"),
        (v4.new_code_cell('print(f"{torch.sqrt(x.mean(dim=0) + 1):.3f}")'), "code cell 2"),
        (
            v4.new_markdown_cell("The result is `torch.sqrt(x.mean(dim=0) + 1)`."),
            "the text after code cell 1",
        ),
        (v4.new_markdown_cell("Use `return torch.sqrt(x.mean(dim=0) + 1)`."), "the text after code cell 1"),
    ],
)
def test_a_statement_of_the_solution_is_found_wherever_it_is_left(
    cell: NotebookNode, where: str, tmp_path: Path
) -> None:
    (left,) = leftovers(read_solved_notebook(_solved(tmp_path, v4.new_code_cell(SOLVED), cell)))
    assert (left.text, left.where) == ("return torch.sqrt(x.mean(dim=0) + 1)", where)


def test_a_statement_of_the_solution_is_found_with_either_quotes(tmp_path: Path) -> None:
    solved = v4.new_code_cell('# BEGIN SOLUTION\ny = f(x["a"])\n# END SOLUTION')
    text = v4.new_markdown_cell('Write `y = f(x["a"])`.')
    (left,) = leftovers(read_solved_notebook(_solved(tmp_path, solved, text)))
    assert left.where == "the text after code cell 1"


def test_what_says_nothing_of_a_solution_may_stand_elsewhere(tmp_path: Path) -> None:
    solved = v4.new_code_cell(
        "# BEGIN SOLUTION\nx = x.to(device)\ny = 0\n# END SOLUTION\nx = x.to(device)\ny = 0"
    )
    assert leftovers(read_solved_notebook(_solved(tmp_path, solved))) == []


def test_a_written_answer_that_stands_elsewhere_is_named_by_its_line(tmp_path: Path) -> None:
    answer = "Because the sum of many numbers has a larger spread."
    asked = v4.new_markdown_cell(f"Why?\n\n<!-- BEGIN SOLUTION -->\n{answer}\n<!-- END SOLUTION -->")
    (left,) = leftovers(read_solved_notebook(_solved(tmp_path, asked, v4.new_code_cell(f"# {answer}"))))
    assert (left.blank.place, left.where) == ("a text, line 3", "code cell 1")

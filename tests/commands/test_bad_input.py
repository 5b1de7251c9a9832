"""Bad input: one clear message, the right exit code, and everything else still graded."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from classes import grade_here  # noqa: F401  the fixture `grade`, without a process for each test
from conftest import SUBMISSIONS, Command
from corpus import CORPUS
from IPython.core.inputtransformer2 import TransformerManager

from grader.audit.corpus import notebook

MISUSE, NOT_GRADED, GRADED = 2, 1, 0


@pytest.fixture
def alice() -> nbformat.NotebookNode:
    return nbformat.read(SUBMISSIONS / "alice.ipynb", as_version=4)


def _saved(notebook: nbformat.NotebookNode, folder: Path, name: str = "student.ipynb") -> Path:
    path = folder / name
    nbformat.write(notebook, path)
    return path


def test_a_missing_file_is_a_usage_error(grade: Command) -> None:
    ran = grade("nowhere.ipynb")
    assert ran.code == MISUSE
    assert ran.err == "grade: there is no file nowhere.ipynb; check the name and the folder you are in\n"


def test_a_folder_without_notebooks_is_a_usage_error(grade: Command, tmp_path: Path) -> None:
    ran = grade(tmp_path / "elsewhere")
    assert ran.code == MISUSE
    assert "contains no notebooks" in ran.err


def test_an_unknown_rubric_or_criterion_is_a_usage_error(grade: Command) -> None:
    alice = SUBMISSIONS / "alice.ipynb"
    assert "there is no rubric 'gan'" in grade(alice, "--rubric", "gan").err
    ran = grade(alice, "--only", "unet.skips")
    assert ran.code == MISUSE
    assert "no criterion 'unet.skips'; its criteria are notebook.extracts" in ran.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b'{"cells": [{"cell_type": "code", "source": ["import tor', "the notebook is cut off at line 1"),
        (b"import torch\n", "this is not a notebook: line 1, column 1 is not JSON"),
        (b'{"answer": 42}', "this is JSON, but not a notebook"),
        (b'{"cells": [], "nbformat": 4}', "the notebook has no code cells"),
        (b'{"cells": [7, {"cell_type": 3}], "nbformat": 4}', "notebook"),
        (b"[" * 100_000, "notebook"),
    ],
)
def test_a_file_that_is_not_a_notebook_gets_a_report_with_the_reason(
    grade: Command, tmp_path: Path, content: bytes, sentence: str
) -> None:
    """It earns no points, the grade is provisional, and the exit code is 1."""
    path = tmp_path / "student.ipynb"
    path.write_bytes(content)
    ran = grade(path)
    result = ran.grade("student")
    assert ran.code == NOT_GRADED
    assert result["earned"] == 0
    assert result["provisional"]
    assert sentence in " ".join(ran.out.split())
    assert sentence in result["notes"][0]
    assert sentence.split(",")[0] in ran.page("student")
    assert "Traceback" not in ran.out + ran.err


def test_one_unreadable_notebook_does_not_stop_the_others(grade: Command, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "broken.ipynb").write_text("{")
    (tmp_path / "class" / "fine.ipynb").write_bytes((SUBMISSIONS / "alice.ipynb").read_bytes())
    ran = grade(tmp_path / "class", "--quick", "--only", "schedule")
    assert ran.code == NOT_GRADED
    assert ran.grade("fine")["earned"] == 10
    assert "cut off" in ran.grade("broken")["notes"][0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings_are_read(
    grade: Command, tmp_path: Path, alice: nbformat.NotebookNode, encoding: str
) -> None:
    path = tmp_path / "student.ipynb"
    for cell in alice.cells:
        cell.source = cell.source.encode("ascii", "ignore").decode() + (
            "\n# caf\xe9" if cell.cell_type == "code" else ""
        )
    path.write_bytes(
        json.dumps(alice, ensure_ascii=False)
        .encode("ascii", "xmlcharrefreplace")
        .decode()
        .replace("&#233;", "\xe9")
        .encode(encoding)
    )
    ran = grade(path, "--quick", "--only", "schedule")
    assert ran.grade("student")["earned"] == 10, ran.out
    assert ran.code == GRADED


def test_fifty_megabytes_of_outputs_are_skipped(
    grade: Command, tmp_path: Path, alice: nbformat.NotebookNode
) -> None:
    """Outputs are not read, and never reach the report."""
    code = next(cell for cell in alice.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="epoch\n" * 9_000_000)]
    ran = grade(_saved(alice, tmp_path), "--quick", "--only", "schedule")
    assert ran.code == GRADED
    assert ran.grade("student")["earned"] == 10
    assert len(ran.page("student")) < 2_000_000


def test_an_old_notebook_format_is_read(grade: Command, tmp_path: Path, alice: nbformat.NotebookNode) -> None:
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(nbformat.convert(alice, 3)))
    ran = grade(path, "--quick", "--only", "schedule")
    assert ran.grade("student")["earned"] == 10, ran.out


def test_a_script_and_a_truncated_notebook_are_graded(
    grade: Command, tmp_path: Path, alice: nbformat.NotebookNode
) -> None:
    """A script as nbconvert exports it, and a notebook as a full disk leaves it."""
    code = [cell.source for cell in alice.cells if cell.cell_type == "code"]
    exported = [f"# In[{n}]:\n\n{TransformerManager().transform_cell(cell)}" for n, cell in enumerate(code)]
    (tmp_path / "script.py").write_text("\n\n".join(exported))
    text = json.dumps(alice, indent=1)
    (tmp_path / "cut.ipynb").write_text(text[: text.index("class UNet")])
    only = ("--quick", "--only", "schedule", "--only", "unet.shape_1ch")
    ran = grade(tmp_path / "script.py", tmp_path / "cut.ipynb", *only)
    assert ran.code == NOT_GRADED  # a person looks at what was cut off
    assert not ran.grade("script")["provisional"]
    assert ran.grade("cut")["provisional"]
    assert ran.grade("script")["earned"] == 14
    assert ran.grade("cut")["earned"] == 10
    assert "The file is cut off at line" in ran.grade("cut")["notes"][0]


def test_a_syntax_error_costs_only_its_own_cell(
    grade: Command, tmp_path: Path, alice: nbformat.NotebookNode
) -> None:
    """The note names the cell and the line, and everything else is graded."""
    alice.cells.append(nbformat.v4.new_code_cell("x = 1\nfor epoch in range(10)\n    pass"))
    number = sum(cell.cell_type == "code" for cell in alice.cells)
    ran = grade(_saved(alice, tmp_path), "--quick", "--only", "schedule", "--only", "notebook")
    assert ran.grade("student")["earned"] == 10
    assert f"cell {number}, line 2: SyntaxError: expected ':'" in ran.grade("student")["notes"][0]


@pytest.mark.parametrize(
    ("old", "new", "lost", "sentence"),
    [
        ("class NoiseDiffuser:", "class NoiseDiffuser(Base):", "schedule.betas", "name 'Base'"),
        ("self.linear_scheduler()", "linear_schedule()", "schedule.betas", "name 'linear_schedule'"),
        ("self.linear_scheduler()", "open('gone')", "schedule.betas", "FileNotFoundError"),
        ("self.linear_scheduler()", "[][0]", "schedule.betas", "IndexError"),
        ("self.linear_scheduler()", "exit()", "schedule.betas", "raised an error"),
        ("self.linear_scheduler()", "__import__('os')._exit(3)", "schedule.betas", "ended without an answer"),
    ],
)  # fmt: skip
def test_a_definition_that_raises_is_explained(
    grade: Command, tmp_path: Path, old: str, new: str, lost: str, sentence: str
) -> None:
    """The message says what happened; the other exercises are graded."""
    cells = [cell.source.replace(old, new) for cell in CORPUS.base]
    assert cells != [cell.source for cell in CORPUS.base]
    ran = grade(_saved(notebook(cells), tmp_path), "--quick", "--only", "schedule", "--only", "unet")
    criteria = {c["id"]: c for c in ran.grade("student")["criteria"]}
    assert criteria[lost]["verdict"] in ("fail", "blocked")
    assert sentence in criteria[lost]["message"]
    assert all(c["verdict"] == "pass" for id, c in criteria.items() if id.startswith("unet."))
    assert ran.code == GRADED


@pytest.mark.slow
def test_an_endless_loop_costs_only_its_own_criterion(grade: Command, tmp_path: Path) -> None:
    """The worker is killed at its deadline, and the next check gets a fresh one."""
    cells = [
        c.source.replace(
            "def forward(self, x",
            "def forward(self, x, *_):\n        while True: pass\n    def unused(self, x",
        )
        for c in CORPUS.base
    ]
    ran = grade(
        _saved(notebook(cells), tmp_path), "--quick", "--only", "unet.shape_1ch", "--only", "schedule.alphas"
    )
    criteria = {c["id"]: c for c in ran.grade("student")["criteria"]}
    assert "no answer within" in criteria["unet.shape_1ch"]["message"]
    assert criteria["schedule.alphas"]["verdict"] == "pass"


def test_an_output_folder_that_cannot_be_written_is_a_usage_error(grade: Command, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file, not a folder")
    ran = grade(SUBMISSIONS / "alice.ipynb")
    assert ran.code == MISUSE
    assert "choose another --out" in ran.err

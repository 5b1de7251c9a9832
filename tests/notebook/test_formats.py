"""Files of every kind are read as far as possible, with a note, or refused with one sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from conftest import SUBMISSIONS

from grader.errors import NotebookError
from grader.notebook.submission import Submission, read_notebook

ALICE = (SUBMISSIONS / "alice.ipynb").read_text()
CELLS = sum(cell["cell_type"] == "code" for cell in json.loads(ALICE)["cells"])


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes | str, name: str = "student.ipynb") -> Submission:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_notebook(path, "student")

    return read


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_gives_the_same_cells(read, encoding):
    assert read(ALICE.encode(encoding)).cells == read(ALICE).cells


def test_latin_1_is_read_with_a_note(read):
    submission = read(b'{"cells": [{"cell_type": "code", "source": "# caf\xe9"}]}')
    assert submission.cells[0].source == "# café"
    assert "read as Latin-1" in submission.notes[0]


def test_the_complete_cells_of_a_truncated_notebook_are_read(read):
    submission = read(ALICE[: len(ALICE) * 2 // 3])
    assert 5 < len(submission.cells) < CELLS
    assert submission.cells == read(ALICE).cells[: len(submission.cells)]
    assert "The file is cut off at line" in submission.notes[0]
    assert "complete cells were recovered" in submission.notes[0]


def test_a_corrupt_cell_costs_only_itself(read):
    cells = [{"cell_type": "code", "source": f"x = {number}"} for number in range(9)]
    text = json.dumps({"cells": cells}).replace('"x = 4"', '"x = 4')
    submission = read(text)
    assert [cell.source for cell in submission.cells] == [f"x = {n}" for n in (0, 1, 2, 3, 5, 6, 7, 8)]
    assert "damaged" in submission.notes[0]


def test_the_first_version_of_a_merge_conflict_is_read(read):
    rows = json.dumps({"cells": [{"cell_type": "code", "source": "ours"}]}, indent=1).splitlines()
    place = next(number for number, row in enumerate(rows) if "ours" in row)
    theirs = rows[place].replace("ours", "theirs")
    rows[place:place] = ["<<<<<<< HEAD"]
    rows[place + 2 : place + 2] = ["||||||| base", "old", "=======", theirs, ">>>>>>> branch"]
    submission = read("\n".join(rows))
    assert submission.cells[0].source == "ours"
    assert f"merge conflict (line {place + 1})" in submission.notes[0]


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"]},
        {"cell_type": "code", "source": ["a = 1", "b = 2"]},
        {"cell_type": "code", "source": "a = 1\r\nb = 2"},
        {"cell_type": "code", "source": "a = 1\rb = 2", "outputs": None, "metadata": None, "id": 7},
        {"cell_type": "code", "input": "a = 1\nb = 2", "prompt_number": 3},
    ],
)
def test_cells_that_break_the_schema_are_read(read, cell):
    """Missing metadata, duplicate ids, no outputs, source as text or list, with or without line endings."""
    cell = {"id": "same", **cell}
    assert read(json.dumps({"cells": [cell, cell]})).cells[1].source == "a = 1\nb = 2"


def test_worksheets_are_read_as_one_notebook(read):
    sheets = [{"cells": [{"cell_type": "code", "input": [f"x = {number}"]}]} for number in range(2)]
    submission = read(json.dumps({"worksheets": [*sheets, 7], "nbformat": 3, "metadata": {"name": ""}}))
    assert [cell.source for cell in submission.cells] == ["x = 0", "x = 1"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"%PDF-1.7", "a PDF"),
        (gzip.compress(ALICE.encode()), "a gzip archive"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"[1, 2]", "JSON, but not a notebook"),
        (b'{"cells": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"cells": [' + b"1" * 9000 + b"]}", "no code cells"),
        (b'{"cells": 7}', "no code cells"),
        (b'{"cells": [' + b"[]," * 6_000_000 + b"7]}", "more values than any notebook"),
        (b'{"cells": [{"cell_type": "code", "source": "  "}]}', "no code cells"),
        (b"\xff\xfe\x00", "neither UTF-8 nor valid UTF-16"),
        (b"\x00\x01\x02\x03", "not JSON"),
        (b'{"cells": [{"cell_type": "code", "sour', "cut off at line 1"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused_with_one_sentence(read, data, sentence):
    with pytest.raises(NotebookError, match=sentence) as error:
        read(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["import torch\n", "# %%\nimport torch\n# %% [markdown]\n# # Title\n", "# In[3]:\n\nimport torch"]
)
def test_a_script_is_one_cell_with_the_line_numbers_of_the_file(read, text):
    submission = read(text, "student.py")
    assert [cell.source for cell in submission.cells] == [text]
    assert "counts as one cell" in submission.notes[0]


def test_a_cell_that_is_too_large_is_skipped_with_a_note(read):
    cells = [{"cell_type": "code", "source": source} for source in ("a = 1", "x = '" + "y" * 3_000_000 + "'")]
    submission = read(json.dumps({"cells": cells}))
    assert [cell.source for cell in submission.cells] == ["a = 1", ""]
    assert "Cell 2 has 3,000,006 characters and was skipped" in submission.notes[0]


def test_a_hundred_megabytes_of_outputs_are_ignored(read):
    cell = {"cell_type": "code", "source": "a = 1", "outputs": [{"text": "epoch\n" * 17_000_000}]}
    assert read(json.dumps({"cells": [cell]})).cells[0].source == "a = 1"


def test_lone_surrogates_are_replaced(read):
    assert (
        read('{"cells": [{"cell_type": "code", "source": "x = \\"\\ud800\\""}]}').cells[0].source == 'x = "�"'
    )

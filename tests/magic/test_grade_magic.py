"""``%grade`` in a real kernel: what it judges, what it shows, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

pytestmark = pytest.mark.slow

STATISTICS = Path(__file__).parents[1] / "support" / "statistics_rubric"
LOAD = "%load_ext grader"
CENTER = "import torch\n\ndef center(table):\n    return table - table.mean(dim=0)"
WRONG = CENTER.replace("dim=0", "")
AVERAGE = (
    "from helper import windows\n\ndef moving_average(values, width):\n    return windows(values, width)"
)
HELPER = "def windows(values, width):\n    return values.unfold(0, width, 1).mean(dim=1)\n"


def _ran(folder: Path, *sources: str) -> list[NotebookNode]:
    """Run cells in a new kernel; return them with their outputs."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return list(notebook.cells)


def _shown(cell: NotebookNode) -> NotebookNode:
    (output,) = cell.outputs
    assert output.output_type == "display_data"
    data: NotebookNode = output.data
    return data


def test_what_the_kernel_has_defined_is_judged_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "random.py").write_text("raise SystemExit('not the module of this name')")
    grade = f"%grade --rubric {STATISTICS}"
    cells = _ran(tmp_path, LOAD, WRONG, grade, CENTER, AVERAGE, grade, f"%grade CENTER --rubric {STATISTICS}")
    first, second, third = (_shown(cells[place]) for place in (2, 5, 6))
    assert "The columns keep different means." in first["text/plain"]
    assert "defines no moving_average" in first["text/plain"]
    assert first["text/html"].startswith("<iframe srcdoc=")
    assert "The columns keep different means." in first["text/html"]
    assert "10 / 10" in second["text/plain"]
    assert "A moving average of width 3" in second["text/html"]  # the figure's title
    assert "4 / 4" in third["text/plain"]
    assert ".grade-" not in third["text/html"]  # the file that the cells were in
    assert sorted(path.name for path in tmp_path.iterdir()) == ["helper.py", "random.py"]


def test_a_mistake_in_the_words_is_one_sentence(tmp_path: Path) -> None:
    rubric = f"--rubric {STATISTICS}"
    cells = _ran(
        tmp_path, LOAD, f"%grade {rubric}", CENTER, f"%grade centre {rubric}", "%grade 'one", "%grade --help"
    )
    assert "nothing has been run yet" in cells[1].outputs[0].text
    assert _shown(cells[3])["text/plain"].startswith(
        "%grade: the rubric statistics has no criterion 'centre'; its criteria are"
    )
    assert cells[4].outputs[0].text == "%grade: No closing quotation\n"
    assert "%grade unet" in cells[5].outputs[0].text

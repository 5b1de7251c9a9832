"""``%grade`` in a real kernel: what it judges, what it shows, and what it leaves alone."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import start_new_kernel
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
        *(
            tmp_path,
            LOAD,
            f"%grade {rubric}",
            CENTER,
            f"%grade centre {rubric}",
            "%grade 'one",
            "%grade --help",
        ),
        "%grade --device tpu",
    )
    assert "nothing has been run yet" in cells[1].outputs[0].text
    assert _shown(cells[3])["text/plain"].startswith(
        "%grade: the rubric statistics has no criterion 'centre'; its criteria are"
    )
    assert cells[4].outputs[0].text == "%grade: No closing quotation\n"
    assert "%grade ID" in cells[5].outputs[0].text
    assert _shown(cells[6])["text/plain"].startswith("%grade: argument --device: invalid choice: 'tpu'")


def test_a_kernel_whose_folder_is_gone_is_told_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    cells = _ran(folder, LOAD, CENTER, f"import os\nos.rmdir({str(folder)!r})", "%grade")
    assert cells[3].outputs[0].text.startswith("%grade: the folder that this kernel works in is gone")


def test_an_interrupted_check_leaves_no_process_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "homework", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    manager, client = start_new_kernel(kernel_name="python3", cwd=folder)
    try:
        client.execute_interactive(LOAD, timeout=60)
        slow = CENTER.replace("    return", "    import time\n    time.sleep(100)\n    return")
        client.execute_interactive(slow, timeout=60)
        client.execute(f"%grade --rubric {STATISTICS}")
        while not any(temporary.glob("grade-run-*")):
            time.sleep(0.05)
        time.sleep(1)
        running = _judges(folder)
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=60)["content"]["ename"] == "KeyboardInterrupt"
        assert running
        assert not any(psutil.pid_exists(pid) for pid in running)
        assert list(folder.iterdir()) == []
        assert [path for path in temporary.iterdir() if path.is_dir()] == []
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _judges(folder: Path) -> list[int]:
    """Return the processes that judge a notebook of a folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(f"{folder}/.grade-") for word in process.info["cmdline"] or ())
    ]

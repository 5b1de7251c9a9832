"""Definitions that code reaches by a text are kept, and a text is no reason to keep anything else."""

from __future__ import annotations

import pytest

from grader.extraction.extract import extract
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

LAYERS = "class UpBlock: pass\nclass DownBlock: pass"


def _kept(*cells: str) -> list[str]:
    numbered = tuple(Cell(number, source) for number, source in enumerate(cells, start=1))
    source = extract(Submission(name="s", path="s.ipynb", sha256="", cells=numbered), ("train",))
    return [statement.source for statement in source.statements]


@pytest.mark.parametrize(
    "use",
    ["exec(f'self.a = UpBlock({n})')", "eval('UpBlock')()", "globals()['UpBlock']", "globals()[f'UpB{x}']"],
)
def test_a_class_in_a_text_that_is_looked_up_is_kept(use):
    assert _kept(LAYERS, f"def train(): {use}") == ["class UpBlock: pass", f"def train(): {use}"]


@pytest.mark.parametrize("name", ["C = 'UpBlock'", '%%writefile a.json\n{"up": "UpBlock"}'])
def test_a_class_that_a_text_names_is_kept_for_who_looks_into_globals(name):
    build = "def train(): return globals()[C]()"
    assert "class UpBlock: pass" in _kept(LAYERS, name, build)
    assert "class DownBlock: pass" not in _kept(LAYERS, name, build)
    assert "class UpBlock: pass" not in _kept(LAYERS, name, "def train(): return C")


@pytest.mark.parametrize("use", ["print('UpBlock')", "globals()[f'{x}']", "globals()[f'{x}({y})']"])
def test_another_text_keeps_nothing(use):
    assert _kept(LAYERS, f"def train(): {use}") == [f"def train(): {use}"]


@pytest.mark.parametrize(
    "run",
    [
        "exec('A = 1')",
        "text = 'A = 1'\nexec(text, globals())",
        "exec(compile(text, 'a.py', 'exec'))",
        "import textwrap\nexec(textwrap.dedent('''\n    A = 1'''))",
        "exec(open('a.py').read())",
        "from pathlib import Path\nexec(Path('./a.py').read_text())",
        "%run -i a.py",
    ],
)
def test_what_exec_runs_stands_where_it_is_run(run):
    before = "%%writefile a.py\nA = 1", "text = 'A = 1'"
    assert _kept(*before, run, "def train(): return A") == ["A = 1", "def train(): return A"]


def test_exec_of_what_is_not_known_before_is_left_out():
    assert _kept("exec(input())", "def train(): return 1") == ["def train(): return 1"]

"""Who may import whom: the judge knows, the worker computes, and the command line waits for neither."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKER = ROOT / "grader" / "sandbox" / "worker"


def _imported(path: Path) -> set[str]:
    """The first names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "grader").rglob("*.py")), ids=lambda path: path.name)
def test_the_grader_knows_nothing_of_diffusion(path: Path) -> None:
    assert not _imported(path) & {"reference", "rubrics"}


@pytest.mark.parametrize("path", sorted(WORKER.rglob("*.py")), ids=lambda path: path.name)
def test_the_worker_imports_nothing_of_ours(path: Path) -> None:
    """Only the standard library, torch, and what it makes quiet."""
    allowed = set(sys.stdlib_module_names) | {"torch", "torchvision", "tqdm"}
    assert _imported(path) <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "reference").glob("*.py")), ids=lambda path: path.name)
def test_the_reference_imports_neither_grader_nor_rubrics(path: Path) -> None:
    assert not _imported(path) & {"grader", "rubrics"}


def test_the_command_line_is_free_of_torch() -> None:
    """Everything from the parser to the report works without loading it."""
    modules = "grader.commands.grade, grader.pipeline, grader.report.summary"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_help_is_instant_because_it_imports_next_to_nothing() -> None:
    heavy = {"jinja2", "nbformat", "numpy", "matplotlib", "rich", "IPython"}
    code = f"import sys, grader.cli, grader.commands.grade; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

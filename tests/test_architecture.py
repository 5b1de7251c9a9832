"""Import rules: the judge knows, the worker computes, and the command line waits for neither."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKER = ROOT / "grader" / "sandbox" / "worker"
# The packages and modules of the grader, from the bottom up: each imports from lower layers only.
LAYERS = (
    ("text", "errors", "closing", "streams", "written_answers"),
    ("files",),
    ("model", "notebook", "version"),
    ("seeds",),
    ("extraction", "sandbox", "rubric_contradictions"),
    ("rubric_extension",),
    ("options", "rubric_validation"),
    ("rubric_digest",),
    ("rubric",),
    ("checks",),
    ("probes",),
    ("judging", "report"),
    ("pipeline",),
    ("audit", "classroom", "kit"),
    ("handout",),
    ("review",),
    ("commands",),
    ("magic",),
    ("cli",),
    ("__main__",),
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


def _imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, function-level imports included."""
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


def _upward(source: str, path: Path) -> list[str]:
    """Return the imports, function-level ones included, of other parts of the grader that are not below.

    Args:
        source: the text of the module at ``path``, which is relative to the folder ``grader``.
    """
    own = path.parts[0].removesuffix(".py")
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ("grader", *path.parts[:-1])
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            part = rest[0] if rest else ""
            if first == "grader" and part != own and LAYER.get(part, -1) >= LAYER[own]:
                found.append(name)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "grader").rglob("*.py")), ids=lambda path: path.name)
def test_imports_point_downwards(path: Path) -> None:
    inside = path.relative_to(ROOT / "grader")
    if inside.parts[0] != "__init__.py":
        assert _upward(path.read_text(), inside) == []


def test_every_part_of_the_grader_has_a_layer() -> None:
    inside = (ROOT / "grader").iterdir()
    parts = {path.stem for path in inside if path.suffix == ".py" or any(path.glob("*.py"))}
    assert parts - {"__init__", "__pycache__"} == set(LAYER)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("notebook/submission.py", "from grader.extraction.local_modules import local_modules"),
        ("notebook/syntax.py", "def late():\n    import grader.extraction.extract"),
        ("extraction/extract.py", "from grader import judging"),
        ("extraction/listing.py", "from ..report import page"),
        ("judging/score.py", "if TYPE_CHECKING:\n    from grader.report.page import render"),
        ("checks/cache.py", "from grader.commands import grade"),
        ("report/page.py", "from grader.classroom.storage.store import Store"),
        ("report/page.py", "from grader.judging import score"),
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(path: str, source: str) -> None:
    """Otherwise the test above could not fail."""
    assert len(_upward(source, Path(path))) == 1


@pytest.mark.parametrize("path", sorted(WORKER.rglob("*.py")), ids=lambda path: path.name)
def test_the_worker_imports_nothing_of_ours(path: Path) -> None:
    """Only the standard library, torch, and packages whose output it silences."""
    allowed = set(sys.stdlib_module_names) | {"torch", "torchvision", "tqdm"}
    assert _imported(path) <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "reference").glob("*.py")), ids=lambda path: path.name)
def test_the_reference_imports_neither_grader_nor_rubrics(path: Path) -> None:
    assert not _imported(path) & {"grader", "rubrics"}


def _modules() -> list[Path]:
    return sorted(path for part in ("grader", "reference", "rubrics") for path in (ROOT / part).rglob("*.py"))


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _modules()}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_the_command_line_is_free_of_torch() -> None:
    """Everything from the parser to the report works without it."""
    modules = "grader.commands.grade, grader.pipeline, grader.report.summary"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_help_is_instant_because_it_imports_next_to_nothing() -> None:
    heavy = {"jinja2", "nbformat", "numpy", "matplotlib", "rich", "IPython"}
    code = f"import sys, grader.cli, grader.commands.grade; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

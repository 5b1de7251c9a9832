"""The version of a result covers all code that its verdicts depend on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from grader.version import deciding_files

ROOT = Path(__file__).parent.parent
GRADER = ROOT / "grader"

# Reached on the way to a verdict, but without influence on it.
ONLY_DRAWS = {GRADER / "report": "writes the page from a finished grade; the judge only preloads its figures"}

# Started as processes of their own, some of them by path.
STARTED = [GRADER / "judging" / "prefork_host.py", *(GRADER / "sandbox").rglob("*.py")]


def test_every_module_on_the_way_to_a_verdict_is_part_of_the_version() -> None:
    reached = set(_reached([GRADER / "pipeline.py", *STARTED, *_checks()]))
    assert {GRADER / name for name in ("files.py", "closing.py", "checks/gate.py")} <= reached
    not_covered = {str(path.relative_to(ROOT)) for path in reached - set(deciding_files())}
    assert not_covered == set()


def test_what_is_started_by_name_is_followed_too() -> None:
    """pytest loads the judge's plugins by name, and ``-m`` starts its host."""
    reached = set(_reached([GRADER / "pipeline.py"]))
    assert {
        GRADER / "judging" / f"{name}.py" for name in ("plugin", "orphan_guard", "prefork_host")
    } <= reached


@pytest.mark.parametrize(
    "name", ["reference/unet.py", "reference/data/unet.safetensors", "grader/judging/judge.ini"]
)
def test_the_reference_and_the_judges_settings_are_part_of_the_version(name: str) -> None:
    assert ROOT / name in deciding_files()


def _checks() -> list[Path]:
    """Return the files that pytest loads; what else is in a rubric counts as far as they import it."""
    folder = ROOT / "rubrics" / "ddpm"
    return [*folder.glob("check_*.py"), folder / "conftest.py"]


def _reached(start: list[Path]) -> Iterator[Path]:
    """Yield the modules of the grader that these files import, directly or not, wherever in a file."""
    waiting, seen = list(start), set(start)
    while waiting:
        path = waiting.pop()
        if GRADER in path.parents:
            yield path
        for found in _imported(path) - seen:
            if not any(folder in found.parents for folder in ONLY_DRAWS):
                seen.add(found)
                waiting.append(found)


def _imported(path: Path) -> set[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                module = _absolute(path, node)
                names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            case ast.Constant(value=str(text)) if re.fullmatch(r"grader(\.\w+)+", text):
                names.add(text)
    return {found for name in names for found in _files(name)}


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


@cache
def _files(name: str) -> frozenset[Path]:
    """Return the file of a module, and those of the packages around it."""
    parts = name.split(".")
    files: set[Path] = set()
    if parts[0] in ("grader", "rubrics"):
        for count in range(1, len(parts) + 1):
            place = ROOT.joinpath(*parts[:count])
            candidates = (place / "__init__.py", place.with_suffix(".py"))
            files |= {file for file in candidates if file.is_file()}
    return frozenset(files)

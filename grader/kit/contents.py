"""The files of a kit: a part of the grader, a part of a rubric, and what the rubric adds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import grader
from grader.errors import UsageError
from grader.judging.process import environment
from grader.kit import toml
from grader.kit.rules import misconceptions_of_kit, rules_of_kit, without_other_checks
from grader.rubric import Rubric
from grader.rubric_extension import MISCONCEPTIONS, RULES
from grader.rubric_validation import read_rubric

_GRADER = Path(grader.__file__).parent
# What judges one notebook and shows its result: these packages and commands, and the modules beside them.
_PACKAGES = ("checks", "extraction", "judging", "magic", "notebook", "probes", "report", "sandbox")
_NOT_FOR_STUDENTS = ("__init__.py", "__main__.py")
_COMMANDS = (
    *("__init__.py", "doctor.py", "inspect.py", "judging_options.py", "one_notebook.py", "progress.py"),
    *("self_check.py", "watch.py"),
)
_RUBRIC_SUFFIXES = (".py", ".json", ".npz", ".safetensors")
_HANDOUT = "handout.ipynb"
_NOT_OF_A_KIT = ("audit", "kit")  # folders of a rubric
_SECONDS = 300.0  # for the rubric's script


def kit_files(rubric: Rubric, asked: Collection[str]) -> dict[str, bytes]:
    """Return the files of a kit by their paths in it, but for ``grader/__init__.py``.

    Args:
        asked: ids of the criteria that it asks.

    Raises:
        UsageError: a file of the rubric cannot be read, or its script fails.
    """
    try:
        return {**dict(_grader_files()), **dict(_rubric_files(rubric, asked)), **dict(_added_files(rubric))}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read ({error.strerror})") from error


def _grader_files() -> Iterator[tuple[str, bytes]]:
    for path in _files_below(_GRADER):
        first, *rest = path.relative_to(_GRADER).parts
        is_command = first == "commands" and rest[0] in _COMMANDS
        is_module = not rest and first not in _NOT_FOR_STUDENTS
        if first in _PACKAGES or is_command or is_module:
            yield path.relative_to(_GRADER.parent).as_posix(), path.read_bytes()


def _rubric_files(rubric: Rubric, asked: Collection[str]) -> Iterator[tuple[str, bytes]]:
    assert rubric.kit is not None
    place = PurePosixPath("rubrics", rubric.folder.name)
    yield "rubrics/__init__.py", b""
    for path in _files_below(rubric.folder):
        inside = path.relative_to(rubric.folder)
        left_out = inside.parts[0] in _NOT_OF_A_KIT or inside.as_posix() in rubric.kit.leave_out
        if left_out or path.suffix not in _RUBRIC_SUFFIXES:
            continue
        content = path.read_bytes()
        if path.match("check_*.py"):
            content = without_other_checks(content.decode(), asked).encode()
        if content or path.name == "__init__.py":
            yield (place / inside.as_posix()).as_posix(), content
    handouts = (folder / _HANDOUT for folder in (rubric.source, rubric.folder))  # its own goes first
    if handout := next(filter(Path.is_file, handouts), None):
        yield (place / _HANDOUT).as_posix(), handout.read_bytes()
    rules, known = read_rubric(rubric.source)
    yield (place / RULES).as_posix(), toml.dumps(rules_of_kit(rules, asked)).encode()
    yield (place / MISCONCEPTIONS).as_posix(), toml.dumps(misconceptions_of_kit(known, asked)).encode()


def _added_files(rubric: Rubric) -> Iterator[tuple[str, bytes]]:
    assert rubric.kit is not None
    for path, file in rubric.kit.files.items():
        yield path, (rubric.folder / file).read_bytes()
    if rubric.kit.tables is None:
        return
    with tempfile.TemporaryDirectory(prefix="grade-kit-") as folder:
        _run_script(rubric.folder / rubric.kit.tables, Path(folder))
        for written in _files_below(Path(folder)):
            yield written.relative_to(folder).as_posix(), written.read_bytes()


def _run_script(script: Path, folder: Path) -> None:
    """Run a rubric's script in a process of its own, as it may import PyTorch.

    Raises:
        UsageError: it fails.
    """
    command = [sys.executable, "-P", str(script), str(folder)]
    try:
        ran = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{script} takes more than {_SECONDS:.0f} seconds") from error
    if ran.returncode:
        why = (ran.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(f"{script} failed: {why}")


def _files_below(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if "__pycache__" not in path.parts)

"""Build a kit: the wheel that students install."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import grader
from grader import __version__
from grader.errors import UsageError
from grader.kit.contents import kit_files
from grader.kit.rules import asked_criteria
from grader.kit.wheel import Distribution, write_wheel
from grader.model import Criterion
from grader.rubric import Rubric

_NAME = "ddpm-grader"  # that of the grader, so that pip never installs both into one environment
# What only staff need. Everything else a laptop with the course's packages has, or it is small.
_FOR_STAFF = ("babel", "nbconvert", "pandas", "pyyaml", "tzdata", "tzlocal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A kit that was built.

    Attributes:
        wheel: the file.
        asked: the criteria that it asks.
        others: those that are only asked at hand-in.
    """

    wheel: Path
    asked: tuple[Criterion, ...]
    others: tuple[Criterion, ...]


def build_kit(rubric: Rubric, out: Path) -> Kit:
    """Write the kit of a rubric into a folder.

    The same rubric and grader always give the same bytes.

    Raises:
        UsageError: the rubric does not say what a kit may ask, or a file cannot be read or written.
    """
    asked = asked_criteria(rubric)
    files = kit_files(rubric, asked)
    version = f"{__version__}+kit.{_label(rubric.id)}.{_digest(files)}"
    files["grader/__init__.py"] = _identity(version, rubric.folder.name).encode()
    installed = _installed()
    distribution = Distribution(
        name=_NAME,
        version=version,
        summary=f"Self-check for the homework {rubric.title!r}",
        requires=[each for each in installed.requires or () if _is_for_students(each)],
        requires_python=installed.metadata["Requires-Python"],
        commands={"grade": "grader.cli:run_self_check"},
    )
    try:
        wheel = write_wheel(out, distribution, files)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})") from error
    return Kit(
        wheel=wheel,
        asked=tuple(each for each in rubric.criteria if each.id in asked),
        others=tuple(each for each in rubric.criteria if each.id not in asked),
    )


def _identity(version: str, rubric: str) -> str:
    """Return the text of the kit's ``grader/__init__.py``: ours, with its own version and rubric."""
    text = Path(grader.__file__).read_text(encoding="utf-8")
    for name, value in (("__version__", version), ("DEFAULT_RUBRIC", rubric)):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value!r}", text, flags=re.MULTILINE)
    return text


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:8]


def _label(id: str) -> str:
    """Return a rubric's id as a part of a version, which has letters, digits and dots."""
    return re.sub(r"[^a-z0-9]+", ".", id.lower()).strip(".") or "rubric"


def _installed() -> metadata.Distribution:
    """Return what is known of the installed grader.

    Raises:
        UsageError: it runs without being installed.
    """
    try:
        return metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        raise UsageError(
            f"{_NAME} is not installed, so what a kit needs is unknown; install it with pip first"
        ) from None


def _is_for_students(requirement: str) -> bool:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
    return name not in _FOR_STAFF and "extra ==" not in requirement

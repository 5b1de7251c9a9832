"""Which code a result comes from: the version, and a digest of all that decides a verdict."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from grader import __version__

_GRADER = Path(__file__).parent
# Pages, exports, commands and the gradebook itself may change without a new grading.
_DECIDES = (
    *("checks", "extraction", "judging", "notebook", "probes", "sandbox"),
    *("model.py", "options.py", "pipeline.py", "rubric.py", "seeds.py", "text.py"),
)
_SUFFIXES = (".py", ".ini", ".npz", ".safetensors")


@cache
def grader_version() -> str:
    """The version, and a digest of all code besides the rubric that decides a verdict."""
    digest = hashlib.sha256()
    places = [*(_GRADER / name for name in _DECIDES), _GRADER.parent / "reference"]
    for place in places:
        for path in sorted(filter(_counts, place.rglob("*"))) if place.is_dir() else [place]:
            digest.update(path.relative_to(_GRADER.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _counts(path: Path) -> bool:
    return path.suffix in _SUFFIXES

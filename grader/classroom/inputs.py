"""What a result depends on, as the gradebook names it; and which of it changed between two results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from grader import __version__
from grader.checkrun import Options
from grader.classroom.gradebook import Inputs
from grader.rubric import Rubric

_GRADER = Path(__file__).parent.parent
# What a verdict comes from; pages, exports and the gradebook itself may change without a new grading.
_DECIDES = (
    "cells.py",
    "checkrun.py",
    "effects.py",
    "extract.py",
    "notebook.py",
    "pipeline.py",
    "score.py",
    "seeds.py",
    "checks",
    "judges",
    "sandbox",
)


def inputs(notebook: str, rubric: Rubric, options: Options) -> Inputs:
    """What the result of a notebook, by its SHA-256, depends on."""
    chosen = {
        name: value for name, value in asdict(options).items() if name != "isolation"
    }  # that is measured
    settings = json.dumps(chosen, sort_keys=True)
    return Inputs(notebook=notebook, rubric=rubric.digest, grader=grader_version(), settings=settings)


@cache
def grader_version() -> str:
    """The version, and a digest of all code besides the rubric that decides a verdict."""
    digest = hashlib.sha256()
    places = [*(_GRADER / name for name in _DECIDES), _GRADER.parent / "reference"]
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(_GRADER.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def what_changed(before: Inputs, after: Inputs, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why two results of one student differ: by their inputs, and by the environments they were made in."""
    names = {"notebook": "notebook", "rubric": "rubric", "grader": "grader", "settings": "settings"}
    changed = [name for field, name in names.items() if getattr(before, field) != getattr(after, field)]
    places = [
        f"{key} {then.get(key)} → {now.get(key)}"
        for key in ("python", "torch", "device", "isolation")
        if then.get(key) != now.get(key)
    ]
    if places:
        changed.append(f"environment ({', '.join(places)})")
    return ", ".join(changed) or "nothing that is known: graded again"

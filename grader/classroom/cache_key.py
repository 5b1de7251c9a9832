"""What a result depends on, as the gradebook names it; and which of it changed between two results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from grader.classroom.gradebook import ResultInputs
from grader.options import Options
from grader.rubric import Rubric
from grader.version import grader_version

# What isolation there is was measured; what is reused is what it would come to again.
_CHANGES_NOTHING = ("isolation", "reuse", "gpu_share")


def inputs(notebook: str, rubric: Rubric, options: Options) -> ResultInputs:
    """What the result of a notebook, by its SHA-256, depends on."""
    chosen = {name: value for name, value in asdict(options).items() if name not in _CHANGES_NOTHING}
    settings = json.dumps(chosen, sort_keys=True)
    return ResultInputs(notebook=notebook, rubric=rubric.digest, grader=grader_version(), settings=settings)


def what_changed(
    before: ResultInputs, after: ResultInputs, then: Mapping[str, Any], now: Mapping[str, Any]
) -> str:
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

"""Inputs that identify a result in the gradebook, and what changed between two results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from grader.classroom.storage.gradebook import ResultInputs
from grader.notebook.submission import file_digest
from grader.options import Options
from grader.rubric import Rubric
from grader.rubric_digest import ORDER
from grader.version import grader_version

# Options that change no verdict: how strong the sandbox is, and how notebooks share the GPU.
_WITHOUT_EFFECT = ("isolation", "gpu_share")


def result_inputs(notebook: str, rubric: Rubric, options: Options) -> ResultInputs:
    """Return what the result of a notebook, given by its SHA-256, depends on."""
    chosen = {name: value for name, value in asdict(options).items() if name not in _WITHOUT_EFFECT}
    chosen["handout"] = file_digest(options.handout) if options.handout else None
    settings = json.dumps(chosen, sort_keys=True)
    return ResultInputs(
        notebook=notebook, rubric=rubric.judging_digest, grader=grader_version(), settings=settings
    )


def options_from(settings: Mapping[str, Any]) -> Options:
    """Return the options in the ``settings`` of a result; the handout, known by a digest, is None."""
    names = {field.name for field in fields(Options)} - {"handout", *_WITHOUT_EFFECT}
    values = {name: value for name, value in settings.items() if name in names}
    values["only"] = tuple(values.get("only", ()))
    values["mapped"] = tuple((name, own) for name, own in values.get("mapped", ()))
    return Options(**values)


def describe_changes(
    before: ResultInputs,
    after: ResultInputs,
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    editions: Mapping[str, Mapping[str, str]],
) -> str:
    """Describe how the inputs and the environments of two results of one student differ.

    Args:
        then, now: environments that the results were made in.
        editions: digests of the parts of rubrics, by digest.
    """
    names = ("notebook", "rubric", "grader", "settings")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    if parts := _changed_parts(before.rubric, after.rubric, editions):
        changed[changed.index("rubric")] = f"rubric ({parts})"
    environment = [
        f"{key} {then.get(key)} → {now.get(key)}"
        for key in ("python", "torch", "device", "isolation")
        if then.get(key) != now.get(key)
    ]
    if environment:
        changed.append(f"environment ({', '.join(environment)})")
    return ", ".join(changed) or "nothing known; graded again"


def _changed_parts(before: str, after: str, editions: Mapping[str, Mapping[str, str]]) -> str:
    """Name the parts in which two editions of a rubric differ; "" if one of them is not known."""
    if before not in editions or after not in editions:
        return ""
    then, now = editions[before], editions[after]
    changed = {name for name in {*then, *now} if then.get(name) != now.get(name)}
    if any(name.startswith("criterion ") for name in then.keys() ^ now.keys()):
        changed.discard(ORDER)  # which a new or removed criterion changes by itself
    return ", ".join(name if name in then else f"new {name}" for name in sorted(changed))

"""Provenance of a grade: the notebook, rubric, environment and seed behind it, and how to reproduce it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from grader.model import Grade
from grader.report.outline import Outline, label, outline


def provenance(grade: Grade) -> tuple[tuple[str, Outline], ...]:
    """Return titled groups of facts about how a grade was made."""
    submission = {key: value for key, value in grade.submission.items() if key != "name"}
    seconds = {key: f"{value:.1f} s" for key, value in grade.seconds.items()}
    groups: dict[str, Mapping[str, Any]] = {
        "Notebook": submission,
        "Rubric": grade.rubric,
        "Run": grade.environment,
        "Time": seconds,
    }
    return tuple(
        (title, outline({label(key): value for key, value in values.items()}))
        for title, values in groups.items()
        if values
    )


def rerun_command(grade: Grade) -> str:
    """Return the command that reproduces a grade with the same random numbers.

    It is "" if the seed or the file is unknown.
    """
    if grade.environment.get("seed") is None or not grade.submission.get("path"):
        return ""
    return shlex.join(["grade", *_arguments(grade)])


def _arguments(grade: Grade) -> Iterator[str]:
    """Yield the arguments of ``grade``: the path, the seeds, and all options that differ from the default."""
    run = grade.environment
    path = str(grade.submission.get("path", ""))
    yield f"./{path}" if path.startswith("-") else path
    seeds = [run[name] for name in ("seed", "training_seed") if run.get(name) is not None]
    yield from ("--seed", ":".join(map(str, seeds)))
    if run.get("quick"):
        yield "--quick"
    if run.get("device") not in (None, "auto"):
        yield from ("--device", str(run["device"]))
    if run.get("data"):  # only the rubric knows whether it is the default
        yield from ("--data", str(run["data"]))
    if rubric := grade.rubric.get("named") or grade.rubric.get("id"):
        yield from ("--rubric", str(rubric))
    for option in ("only", "map"):
        for value in run.get(option) or ():
            yield from (f"--{option}", str(value))

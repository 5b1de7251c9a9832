"""The command in this process, with judging replaced where a class run hands its notebooks over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from classes import run, tiny_rubric
from conftest import Ran

from grader.classroom import batch
from grader.model import CriterionResult, Grade, Verdict
from grader.pipeline import JudgedNotebook
from grader.sandbox import isolation

POSSIBLE = 1000


def run_here(out: Path, *arguments: str | Path) -> Ran:
    """Run ``grade`` with its results in ``out``; a notebook that says ``answer = 12`` earns 12 points."""
    with (
        patch.object(batch, "run_tasks", _run_tasks),
        patch.object(isolation, "required_isolation", lambda **_: None),  # measuring takes a second
    ):
        return run(out, *arguments)


def one_criterion_rubric(folder: Path) -> Path:
    """Write a rubric with one criterion worth ``POSSIBLE`` points."""
    tiny_rubric(folder)
    text = (folder / "rubric.toml").read_text()
    head = text[: text.index("[[criterion]]")]
    (folder / "rubric.toml").write_text(f"""{head}
[[criterion]]
id = "answer.right"
exercise = 1
title = "The answer"
points = {POSSIBLE}
""")
    return folder


def _run_tasks(tasks: Sequence[Any], *_: object) -> Iterator[tuple[Any, JudgedNotebook]]:
    for task in tasks:
        source = json.loads(task.path.read_text())["cells"][0]["source"]
        yield task, _judged(int(source.rpartition("=")[2]), task.digest)


def _judged(points: int, digest: str) -> JudgedNotebook:
    result = CriterionResult(
        id="answer.right",
        exercise=1,
        title="The answer",
        possible=float(POSSIBLE),
        earned=float(points),
        verdict=Verdict.FAIL,
        credit=points / POSSIBLE,
        message="As it is.",
    )
    grade = Grade(
        submission={"name": "x", "path": "x", "sha256": digest},
        rubric={"id": "tiny", "digest": "0" * 64},
        criteria=(result,),
        provisional=False,
        environment={},
        seconds={"total": 0.1},
    )
    return JudgedNotebook(grade=grade, figures=(), readable=True)

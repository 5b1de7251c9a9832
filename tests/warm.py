"""Grades many notebooks from one warm process, for tests of breadth; the real command is tested elsewhere.

What differs from ``grade``: the judge is forked from a process that has imported torch, and all judges share
one nursery of workers. Everything from reading to scoring is the product's own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import torch

import reference.pretrained  # noqa: F401  what every judge imports is imported once, before the forks
from grader import checkrun, notebook, score
from grader.checkrun import Options, Outcome
from grader.checks import plugin
from grader.extract import extract
from grader.model import Grade
from grader.rubric import Rubric
from grader.sandbox.launch import Nursery


class WarmGrader:
    """Grades notebooks one after another; a context manager."""

    def __init__(self, rubric: str = "ddpm") -> None:
        torch.set_num_threads(1)
        self.rubric = Rubric.load(rubric)
        self._nursery = Nursery()

    def __enter__(self) -> WarmGrader:
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.close()

    def grade(self, content: nbformat.NotebookNode, options: Options) -> Grade:
        """The grade of a notebook, as the pipeline would give it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "student.ipynb"
            nbformat.write(content, path)
            submission = notebook.read(path, "student")
            source = extract(submission, self.rubric.wanted, self.rubric.shapes, dict(options.mapped))
            request, left = Path(folder) / "request.json", Path(folder) / "outcome.json"
            request.write_text(json.dumps(checkrun.request(self.rubric, source, options, left)))
            self._judge(checkrun.pytest_arguments(self.rubric, request))
            outcome = Outcome(**{k: v for k, v in json.loads(left.read_text()).items() if k != "refusal"})
            return score.grade(submission, source, self.rubric, outcome, options, {})

    def _judge(self, arguments: list[str]) -> None:
        child = os.fork()
        if child == 0:
            try:
                with open(os.devnull, "w") as nowhere:
                    sys.__stdout__ = nowhere  # type: ignore[misc]
                    plugin.Nursery = lambda: _Lent(self._nursery)  # type: ignore[misc, assignment]
                    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
                    pytest.main(arguments)
            finally:
                os._exit(0)
        os.waitpid(child, 0)


class _Lent:
    """A nursery that outlives the judge that it is lent to."""

    def __init__(self, nursery: Nursery) -> None:
        self.worker = nursery.worker

    def close(self) -> None:
        """Left to the owner."""


def lost(grade: Grade) -> dict[str, str]:
    """The criteria that lost points, or were not judged, and why."""
    return {result.id: result.message for result in grade.criteria if result.verdict != "pass"}

"""Grades many notebooks from one warm process: nothing that all of them need is imported twice.

What differs from ``grade``: the judge is forked from a process that has imported torch, and all judges share
one nursery of workers. Everything from reading to scoring is the same.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
import pytest
import torch

from grader import checkrun, notebook, score
from grader.checkrun import Options, Outcome
from grader.checks.plugin import WORTH_PRELOADING
from grader.extract import extract
from grader.model import Grade
from grader.rubric import Rubric
from grader.sandbox.launch import Nursery


class WarmGrader:
    """Grades notebooks one after another; a context manager. Needs fork: Linux, or macOS at one's own risk.

    Args:
        rubric: a rubric's name or folder.
    """

    def __init__(self, rubric: str = "ddpm") -> None:
        torch.set_num_threads(1)  # a pool of threads would not survive the fork
        self.rubric = Rubric.load(rubric)
        self._nursery = Nursery(preload=WORTH_PRELOADING)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers' process."""
        self._nursery.close()

    def grade(self, content: nbformat.NotebookNode, options: Options) -> Grade:
        """The grade of a notebook, as the pipeline would give it."""
        with tempfile.TemporaryDirectory(prefix="grade-audit-") as folder:
            path = Path(folder) / "student.ipynb"
            nbformat.write(content, path)
            submission = notebook.read(path, "student")
            source = extract(submission, self.rubric.wanted, self.rubric.shapes, dict(options.mapped))
            request, left = Path(folder) / "request.json", Path(folder) / "outcome.json"
            request.write_text(json.dumps(checkrun.request(self.rubric, source, options, left)))
            self._judge(checkrun.pytest_arguments(self.rubric, request))
            return score.grade(submission, source, self.rubric, _outcome(left), options, {})

    def _judge(self, arguments: list[str]) -> None:
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens to its progress
                os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
                pytest.main(arguments, plugins=[self._nursery])
            finally:
                os._exit(0)
        os.waitpid(child, 0)


def _outcome(left: Path) -> Outcome:
    if not left.exists():
        return Outcome(failure="the judge ended without an outcome")
    values: dict[str, Any] = json.loads(left.read_text())
    refusal = values.pop("refusal", None)
    return Outcome(**values, failure=refusal)

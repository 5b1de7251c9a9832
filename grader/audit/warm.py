"""Grade notebooks that exist only in memory, from one warm process."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import nbformat

from grader import DEFAULT_RUBRIC
from grader.closing import Closing
from grader.judging.prefork import judge_starter
from grader.model import Grade
from grader.options import Options
from grader.pipeline import JudgedNotebook, judge_notebook
from grader.rubric import Rubric


class WarmGrader(Closing):
    """Grades notebooks as ``grade`` does, from any thread; a context manager.

    Args:
        rubric: name or folder of the rubric.
    """

    def __init__(self, rubric: str = DEFAULT_RUBRIC) -> None:
        self.rubric = Rubric.load(rubric)
        self._held = ExitStack()
        self._start = self._held.enter_context(judge_starter())

    def close(self) -> None:
        """End the warm processes."""
        self._held.close()

    def grade(self, content: nbformat.NotebookNode, options: Options) -> Grade:
        """Return the grade of a notebook."""
        return self.judge(content, options).grade

    def judge(self, content: nbformat.NotebookNode, options: Options) -> JudgedNotebook:
        """Return the grade of a notebook and the figures for its report."""
        with tempfile.TemporaryDirectory(prefix="grade-audit-") as folder:
            path = Path(folder) / "student.ipynb"
            nbformat.write(content, path)
            return judge_notebook(path, "student", self.rubric, options, lambda event: None, self._start)

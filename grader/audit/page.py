"""The audit as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.audit.run import Trial
from grader.audit.table import summary
from grader.rubric import Rubric
from grader.templating import environment


def write(path: Path, rubric: Rubric, trials: Sequence[Trial]) -> None:
    """Write the table of all solutions as one HTML file without scripts."""
    page = (
        environment()
        .get_template("audit.html.j2")
        .render(
            rubric=rubric,
            summary=summary(trials),
            wrong=[trial for trial in trials if trial.solution.kind != "right"],
            right=[trial for trial in trials if trial.solution.kind == "right"],
        )
    )
    path.write_text(page, encoding="utf-8")

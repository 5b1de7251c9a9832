"""Render the result of an audit as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from grader.audit.run import Trial
from grader.audit.table import right_and_wrong, summary
from grader.report.templating import environment
from grader.rubric import Rubric


def render(rubric: Rubric, trials: Sequence[Trial]) -> str:
    """Return the table of all solutions as one HTML file without scripts."""
    right, wrong = right_and_wrong(trials)
    template = environment().get_template("audit.html.j2")
    return template.render(rubric=rubric, summary=summary(trials), wrong=wrong, right=right)

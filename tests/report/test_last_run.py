"""A run says when it took place, of which saved file, and which points moved since the run before."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import report_samples as samples
from conftest import SUBMISSIONS
from report_page import ParsedPage, visible_text
from report_samples import EXERCISES

from grader.model import Grade
from grader.pipeline import json_text
from grader.report.last_run import Run, compare_with_last
from grader.report.page import render
from grader.report.summary import summary

YESTERDAY = datetime(2026, 11, 29, 23, 40, tzinfo=UTC)


def run_after(tmp_path: Path, before: Grade, after: Grade, *, saved: datetime = YESTERDAY) -> Run:
    """Return the run that ends in ``after``, where the one before ended in ``before`` at ``YESTERDAY``."""
    path = tmp_path / "noor.json"
    path.write_text(json_text(before, run=Run(graded=YESTERDAY).as_json()), encoding="utf-8")
    return compare_with_last(after, saved, path)


def test_points_that_moved_are_listed_with_their_sign(tmp_path):
    lost = {"earned": 2.5, "credit": 0.5}
    before = samples.grade(changes={"schedule.betas": {"earned": 0.0}, "sample.noise": {}})
    after = samples.grade(
        changes={"sample.noise": lost}, submission={**before.submission, "sha256": "0" * 64}
    )
    run = run_after(tmp_path, before, after)
    assert [(one.points, one.result.id) for one in run.changes] == [
        ("+4", "schedule.betas"),
        ("-2.5", "sample.noise"),
    ]
    text = " ".join(summary(after, EXERCISES, run=run, colour=False).split())
    assert "Since the last run (29 November 2026, 23:40): +4 schedule.betas, -2.5 sample.noise" in text
    parsed = ParsedPage(render(after, [], EXERCISES, run=run))
    assert "Since the last run (29 November 2026, 23:40): +4 The noise schedule" in visible_text(parsed)


def test_a_run_in_which_nothing_moved_says_so(tmp_path):
    same = samples.grade()
    other = replace(same, submission={**same.submission, "sha256": "0" * 64})
    assert run_after(tmp_path, same, same).since.endswith("the file has not changed.")
    assert run_after(tmp_path, same, other).since.endswith("no points moved.")


def test_the_page_says_when_the_file_was_saved_and_graded():
    run = Run(graded=YESTERDAY, saved=YESTERDAY - timedelta(minutes=3))
    text = visible_text(ParsedPage(render(samples.grade(), [], EXERCISES, run=run)))
    assert "The file saved 29 November 2026, 23:37, graded 23:40." in text


@pytest.mark.parametrize("other", ["path", "rubric", "damaged", "old", "none"])
def test_what_is_no_earlier_run_of_this_notebook_is_not_compared(tmp_path, other):
    grade = samples.grade(changes={"schedule.betas": {"earned": 0.0}})
    data = json.loads(json_text(samples.grade(), run=Run(graded=YESTERDAY).as_json()))
    if other == "path":
        data["submission"]["path"] = "elsewhere/noor_haddad.ipynb"
    elif other == "rubric":
        data["rubric"]["id"] = "statistics"
    elif other == "old":
        del data["run"]
    text = {"damaged": "[1, 2", "none": None}.get(other, json.dumps(data))
    if text is not None:
        (tmp_path / "noor.json").write_text(text)
    run = compare_with_last(grade, None, tmp_path / "noor.json")
    assert run.last is None
    assert run.since == ""


@pytest.mark.slow
def test_the_command_shows_what_an_edit_gained(grade, tmp_path):
    notebook = tmp_path / "mine.ipynb"
    right = (SUBMISSIONS / "alice.ipynb").read_text()
    notebook.write_text(
        right.replace("linspace(self.start_beta, self.end_beta", "linspace(self.end_beta, self.start_beta")
    )
    os.utime(notebook, (YESTERDAY.timestamp(), YESTERDAY.timestamp()))
    first = grade(notebook, "--quick", "--only", "schedule", "-q")
    assert "Since the last run" not in first.out
    assert "[schedule.betas]" in first.out
    assert first.grade("mine")["run"]["saved"].startswith("2026-11-")
    shutil.copy(SUBMISSIONS / "alice.ipynb", notebook)
    second = grade(notebook, "--quick", "--only", "1", "-q")
    assert "+4 schedule.betas" in second.out
    assert {row["exercise"] for row in second.grade("mine")["criteria"]} == {1}
    assert "Since the last run" in second.page("mine")

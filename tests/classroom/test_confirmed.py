"""A provisional grade that somebody has looked at counts; comments stand at lines of the code."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing

import pytest
import report_samples as samples
from classes import gradebook, gradebook_rows, run, save_student

from grader.classroom.marks import NewAdjustment
from grader.classroom.pages.reports import refresh_reports
from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.model import CodePassage, Listing, Verdict

ERROR = {"sample.quality": {"verdict": Verdict.ERROR, "earned": 0.0, "credit": 0.0, "message": "No memory."}}
SOURCE = "def sample(model):\n    return model\n"


@pytest.fixture
def out(tmp_path):
    undecided = samples.grade(changes=ERROR, provisional=True)
    return gradebook(tmp_path / "reports", {"ann": undecided, "ben": samples.grade()})


def test_a_confirmed_grade_is_exported_and_listed_no_more(out):
    assert "PROVISIONAL" in run(out, "list", "--provisional").out
    assert run(out, "adjust", "ann", "sample.quality", "=6", "--because", "looked at").code == 0
    assert run(out, "adjust", "ann", "--confirm", "--because", "checked by hand").code == 0
    assert run(out, "list", "--provisional").out == ""
    exported = {
        row["student"]: row for row in csv.DictReader(io.StringIO(run(out, "export", "--format", "csv").out))
    }
    assert float(exported["ann"]["points"]) == 98
    assert "Reviewed: checked by hand" in (out / "student" / "ann.html").read_text()
    assert run(out, "adjust", "ann", "confirm", "--undo", "--because", "too soon").code == 0
    assert "PROVISIONAL" in run(out, "list", "--provisional").out


def test_what_is_not_provisional_cannot_be_confirmed(out):
    refused = run(out, "adjust", "ben", "--confirm", "--because", "x")
    assert refused.code == 2
    assert "not provisional" in refused.err


def test_a_new_provisional_result_is_looked_at_anew(out):
    run(out, "adjust", "ann", "--confirm", "--because", "checked by hand")
    with Gradebook(out) as book:
        inputs = ResultInputs(notebook="ann", rubric="other", grader="g", settings="{}")
        result = book.add_result(inputs, samples.grade(changes=ERROR, provisional=True), [], readable=True)
        save_student(book, Person(key="ann", name="Ann"), label="ann.ipynb", result=result)
        entry = book.entry("ann")
    assert entry.grade is not None
    assert entry.grade.provisional


def test_a_comment_at_a_line_stands_there_in_both_reports(out):
    passage = CodePassage(criterion="sample.shape", name="sample", cell=1, first=1, last=2)
    with Gradebook(out) as book:
        inputs = ResultInputs(notebook="ben", rubric="r2", grader="g", settings="{}")
        listing = Listing(cells=((1, SOURCE),), passages=(passage,))
        result = book.add_result(inputs, samples.grade(), [listing], readable=True)
        save_student(book, Person(key="ben", name="Ben"), label="ben.ipynb", result=result)
        said = NewAdjustment(
            kind="comment",
            criterion="sample.shape",
            points=0.0,
            because="<b>nothing</b> is sampled",
            who="ta",
            place="1:2",
        )
        book.adjust("ben", said)
        refresh_reports(book, book.entry("ben"), out)
    for report in (out / "ben.html", out / "student" / "ben.html"):
        text = report.read_text()
        assert '<span class="remark">&lt;b&gt;nothing&lt;/b&gt; is sampled (ta)' in text
        assert "Comment at cell 1, line 2" in text
    code = text[text.index("return") :]
    assert code.index("remark") < code.index("</pre>")


def test_a_gradebook_without_places_is_read_as_it_is_and_brought_up_to_date(out, tmp_path):
    run(out, "adjust", "ben", "--comment", "well written")
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        book.execute("ALTER TABLE adjustment DROP COLUMN place")
        book.execute("PRAGMA user_version = 3")
        book.commit()
    assert "well written" in run(out, "show", "ben").out
    assert gradebook_rows(out, "SELECT place FROM adjustment") == [(None,)]
    assert gradebook_rows(out, "PRAGMA user_version") == [(4,)]

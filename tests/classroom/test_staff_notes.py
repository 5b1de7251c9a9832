"""Notes that only staff may read reach no report, no result file and no export."""

from __future__ import annotations

import pytest
import report_samples as samples
from classes import gradebook, run
from conftest import Ran

from grader.classroom.marks import NewAdjustment
from grader.classroom.pages.reports import refresh_reports
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.model import CodePassage, Listing

SECRET = "plagiarism pending"


@pytest.fixture
def out(tmp_path):
    return gradebook(tmp_path / "reports", {"ann": samples.grade(), "ben": samples.near_zero()})


def test_a_note_is_on_the_class_page_and_in_show_but_in_nothing_for_students(out):
    assert run(out, "adjust", "ann", "--note", SECRET).code == 0
    assert run(out, "adjust", "ann", "sample.noise", "--note", SECRET).code == 0
    assert SECRET in (out / "index.html").read_text()
    assert f"FOR STAFF  {SECRET}" in run(out, "show", "ann").out
    for file in ("ann.html", "ann.json", "student/ann.html"):
        assert SECRET not in (out / file).read_text(), file
    for format in ("csv", "json", "junit"):
        exported: Ran = run(out, "export", "--format", format, "--to", str(out / f"export.{format}"))
        assert SECRET not in exported.out, format
    assert not [
        path for path in out.rglob("export*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]


def test_a_note_at_a_line_is_not_at_the_line_in_the_report(out):
    with Gradebook(out) as book:
        passage = CodePassage(criterion="sample.shape", name="sample", cell=1, first=1, last=1)
        listing = Listing(cells=((1, "x = 1\n"),), passages=(passage,))
        inputs = ResultInputs(notebook="ann", rubric="r", grader="g", settings="{}")
        book.add_result(inputs, samples.grade(), [listing], readable=True)
        note = NewAdjustment(
            kind="note", criterion="sample.shape", points=0.0, because=SECRET, who="ta", place="1:1"
        )
        book.adjust("ann", note)
        refresh_reports(book, book.entry("ann"), out)
    assert SECRET not in (out / "student" / "ann.html").read_text()


def test_a_note_is_withdrawn_like_any_adjustment(out):
    run(out, "adjust", "ann", "--note", SECRET)
    assert run(out, "adjust", "ann", "note", "--undo", "--because", "settled").code == 0
    assert SECRET not in (out / "index.html").read_text()


def test_cells_of_the_sheet_lead_to_the_criterion_in_the_report(out):
    page = (out / "index.html").read_text()
    assert 'href="ben.html#criterion-2-schedule-betas"' in page
    assert 'id="criterion-2-schedule-betas"' in (out / "ben.html").read_text()
    assert "<span>The noise schedule is linear, from start_beta to end_beta</span>" in page

"""Editions are written at release, not at each decision."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import httpx
import pytest
from review_pages import form, mistaken, review_class, served

from grader.classroom.storage.gradebook import Gradebook
from grader.review.pages import release


@pytest.fixture
def team(tmp_path):
    path = tmp_path / "team.csv"
    path.write_text("name,role\nAnn Alder,head TA\nBen,TA\n")
    return path


def test_a_decision_reaches_the_students_edition_at_release(tmp_path, team):
    grades = {name: mistaken(sample__noise="No noise is added.") for name in ("ann", "ben")}
    out = review_class(tmp_path / "reports", grades)
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as head, pages.client("Ben") as ta:
        assert "Every student’s edition agrees" in head.get("/release").text
        fields = form(ta.get("/student/1?criterion=sample.noise").text, "/decide")
        ta.post("/decide", data=fields | {"points": "=4", "because": "nearly right"})
        assert "nearly right" not in (out / "student" / "ann.html").read_text()
        asked = ta.get("/release").text
        assert "1 edition is out of date" in asked
        assert "A head TA writes them" in asked
        own = form(asked, "/undo")
        assert ta.post("/release", data=own).status_code == 403
        head.post("/release", data=form(head.get("/release").text, "/release"))
        deadline = time.monotonic() + 60
        while "agrees with the gradebook" not in head.get("/release").text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "nearly right" in (out / "student" / "ann.html").read_text()
        assert "edition written" in head.get("/student/1").text
    assert "99" in (out / "index.html").read_text()


def test_a_fault_in_one_report_stops_the_release_with_a_reason(tmp_path, monkeypatch):
    """Before, it was said to go on for ever, and could not be begun again."""
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise="No noise is added.")})

    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(release, "write_reports", fail)
    with Gradebook(out) as book:
        entry = book.entry("ann")
    review = SimpleNamespace(out=out, writing=release.Writing([7], 2, "Ann"), is_closing=False)
    release._write(review, entry, (), {}, "")
    assert review.writing.problem == "ann: no such colour"
    assert not review.writing.is_running


def test_a_release_that_stopped_is_begun_again(tmp_path):
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise="No noise is added.")})
    report = out / "student" / "ann.html"
    with served(out) as pages, pages.client() as client:
        fields = form(client.get("/student/1?criterion=sample.noise").text, "/decide")
        client.post("/decide", data=fields | {"points": "=4", "because": "nearly right"})
        report.unlink()
        report.mkdir()
        client.post("/release", data=form(client.get("/release").text, "/release"))
        stopped = _once(client, "Stopped: ")
        report.rmdir()
        client.post("/release", data=form(stopped, "/release"))
        _once(client, "agrees with the gradebook")
    assert "nearly right" in report.read_text()


def _once(client: httpx.Client, words: str) -> str:
    """Return the release page when it says this."""
    deadline = time.monotonic() + 60
    while words not in (text := client.get("/release").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return text


def test_an_export_is_shown_and_then_downloaded(tmp_path, team):
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise="No noise is added.")})
    theirs = b"Student,ID,SIS User ID,SIS Login ID,Section,HW (77)\nAlder,,,ann1,,90\n"
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as head, pages.client("Ben") as ta:
        fields = form(head.get("/release").text, "/export") | {"format": "canvas", "assignment": "HW"}
        shown = head.post("/export", data=fields, files={"theirs": ("g.csv", theirs)}).text
        assert re.search(r"<td>90</td><td[^>]*>95</td><td>login ann1</td>", shown)
        address = re.search(r'href="(/export/[^"]+)"', shown)[1]
        assert head.get(address).text.splitlines()[1] == "Alder,,,ann1,,95"
        assert "attachment" in head.get(address).headers["content-disposition"]
        assert ta.get(address).status_code == 404
        assert 'action="/export"' not in ta.get("/release").text
        own = form(ta.get("/release").text, "/undo")
        assert ta.post("/export", data=own | {"format": "csv"}).status_code == 403
        refused = head.post("/export", data=fields, files={"theirs": ("g.csv", b"a,b\n1,2\n")})
        assert refused.status_code == 409
        assert "/tmp" not in refused.text
        old = head.post("/export", data=fields | {"format": "moodle-feedback"})
        assert "No hand-in has a name of Moodle" in old.text
        bare = head.post("/export", data=fields | {"format": "moodle"}).text
        assert "choose it in “Gradebook or worksheet to fill in”" in bare
        head.post("/preference", data=form(head.get("/").text, "/preference"))
        assert "shows names" in head.post("/export", data=fields).text


def test_every_format_is_exported_from_the_page(tmp_path):
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise="No noise is added.")})
    with served(out) as pages, pages.client() as client:
        fields = form(client.get("/release").text, "/export")
        for name in ("canvas", "gradescope", "nbgrader", "csv", "json", "junit"):
            shown = client.post("/export", data=fields | {"format": name}).text
            address = re.search(r'href="(/export/[^"]+)"', shown)
            assert address, name
            assert client.get(address[1]).content, name

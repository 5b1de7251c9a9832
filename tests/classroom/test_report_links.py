"""Staff reports lead to the class page and to the next student; students' editions name nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
import report_samples as samples
from chromium import opens_silently_and_fits
from classes import gradebook, run
from report_samples import grade

from grader.classroom.pages.report_links import link_reports, without_links
from grader.classroom.people.students import Person

HOSTILE = '</nav><script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture
def out(tmp_path: Path) -> Path:
    people = {
        "ann": Person(key="ann", name="Ann"),
        "ben #1?": Person(key="ben #1?", name=f"Ben {HOSTILE}"),
        "cleo": Person(key="cleo", name="Cleo"),
        "dan": Person(key="dan", name="Dan"),
    }
    given = {"ann": grade(), "ben #1?": samples.mixed(), "cleo": None, "dan": grade()}
    return gradebook(tmp_path / "out", given, people)


def end(path: Path) -> str:
    return path.read_text()[-1500:]


def test_each_report_ends_with_links_to_its_neighbours(out):
    assert 'href="index.html">Class page</a> <a rel="next" href="ben%20%231%3F.html">' in end(
        out / "ann.html"
    )
    assert "Before" not in end(out / "ann.html")
    assert '<a rel="prev" href="ann.html">Before: Ann</a> <a rel="next" href="dan.html">' in end(
        out / "ben #1?.html"
    )
    assert "Next" not in end(out / "dan.html")
    assert "<script" not in end(out / "ann.html")


def test_students_editions_have_no_links(out):
    for path in (out / "student").iterdir():
        assert "in-class" not in end(path)
        assert "Dan" not in end(path)


def test_links_follow_the_class_and_the_rest_of_the_report_stays(out):
    before = without_links((out / "ann.html").read_bytes())
    assert before == (out / "student" / "ann.html").read_bytes()
    run(out, "people", "remove", "ben #1?", "--because", "a test of ours")
    assert '<a rel="next" href="dan.html">' in end(out / "ann.html")
    assert end(out / "ann.html").count("<nav") == 1
    assert without_links((out / "ann.html").read_bytes()) == before


def test_a_page_that_ends_otherwise_is_left_alone(tmp_path):
    (tmp_path / "ann.html").write_text("<p>no report")
    link_reports([("ann", "Ann"), ("gone", "Gone")], tmp_path)
    assert (tmp_path / "ann.html").read_text() == "<p>no report"


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_report_with_links_is_accessible_and_fits(browser, out, tmp_path, width, scheme):
    opens_silently_and_fits(browser, out / "ann.html", tmp_path / "page.png", width, scheme)

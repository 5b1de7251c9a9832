"""The class page lists students to review first, and works without scripts for any student name."""

from __future__ import annotations

from pathlib import Path

import pytest
import report_samples as samples
from chromium import opens_silently_and_fits
from classes import gradebook
from report_page import ParsedPage
from report_samples import HOSTILE, grade

from grader.classroom.pages import classpage, large_class
from grader.classroom.people.students import Person, safe_name
from grader.classroom.storage.gradebook import Gradebook
from grader.model import Grade, Verdict


def _lost(points: float) -> Grade:
    """Return a grade that lacks this many of 100 points."""
    lost = {"verdict": Verdict.FAIL, "earned": 8 - points, "credit": 0.5, "message": "The variance is not β.",
            "misconception": "variance"}  # fmt: skip
    return grade(changes={"sample.formula": lost})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    grades = {"ada": grade(), "ben": _lost(4), "cleo": _lost(4), "dan": samples.mixed(), "eve": None}
    return gradebook(tmp_path / "out", grades)


def _text(out: Path) -> str:
    return " ".join(ParsedPage((out / "index.html").read_text()).text.split())


def test_students_to_review_come_first(out):
    text = _text(out)
    first = text.index("Needs a look first The grader could not decide 1 Still provisional: the points")
    assert (
        first < text.index("Dan: sample.quality: The grader ran out of memory") < text.index("Students Show")
    )
    assert "5 students, 4 graded" in text


def test_a_grade_near_a_boundary_is_listed_for_review(out):
    with Gradebook(out) as book:
        book.set_setting("boundaries", [95])
        classpage.write_page(book, out)
    assert "Ben: 96.0 %, near the grade boundary at 95 %" in _text(out)


def test_mistakes_criteria_and_missing_submissions_are_listed(out):
    text = _text(out)
    assert "Every step follows the reverse formula · 2 students The variance is not β. Show students" in text
    assert "sample.formula" in text
    assert "Eve: nothing handed in" in text


def test_namesakes_are_told_apart_wherever_they_are_named(tmp_path):
    people = {key: Person(key=key, name="Jane Smith") for key in ("js1", "js2", "js3")}
    grades = {"js1": samples.mixed(), "js2": samples.mixed(), "js3": None}
    text = _text(gradebook(tmp_path / "out", grades, people))
    assert text.count("Jane Smith (js1)") == text.count("Jane Smith (js2)")
    assert "Jane Smith (js2): sample.quality" in text
    assert "Jane Smith (js3): nothing handed in" in text
    unnamed = text.replace("Jane Smith (js", "").split("Jane Smith")
    assert all(rest.startswith(" js") for rest in unnamed[1:])  # the table has a place for the key


def test_links_lead_to_existing_files_and_no_script_is_used(out):
    page = ParsedPage((out / "index.html").read_text())
    links = [a["href"] for a in page.all("a") if not a["href"].startswith("#")]
    assert {"ada.html", "student/ada.html"} <= set(links)
    for file, _, anchor in (link.partition("#") for link in links):
        assert (out / file).exists()
        assert not anchor or f'id="{anchor}"' in (out / file).read_text()
    assert "script" not in {name for name, _ in page.elements}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_opens_without_errors_and_fits_with_hostile_names(browser, tmp_path, width, scheme):
    names = [*HOSTILE, "x" * 300, "李小龙", "=1+1"]
    people = {safe_name(f"{n}-{name}"): name for n, name in enumerate(names)}
    grades = {key: samples.hostile(name) for key, name in people.items()}
    persons = {key: Person(key=key, name=name) for key, name in people.items()}
    folder = gradebook(tmp_path / "out", grades, persons)
    with Gradebook(folder) as book:
        book.set_setting("refused", [f"{name} was refused" for name in names])
        book.set_setting("notes", list(names))
        classpage.write_page(book, folder)
    opens_silently_and_fits(browser, folder / "index.html", tmp_path / "page.png", width, scheme)


@pytest.mark.browser
@pytest.mark.parametrize(("by", "first"), [("#by-name", "Ada"), ("#by-points", "Dan"), ("#by-review", "Dan")])
def test_rows_are_sorted_without_a_script(browser, out, by, first):
    page = browser.new_page(java_script_enabled=False)
    page.goto((out / "index.html").as_uri())
    page.click(by)
    rows = page.query_selector_all(".class tbody tr")
    top = min(rows, key=lambda row: row.bounding_box()["y"])
    assert first in top.inner_text()
    page.close()


@pytest.mark.browser
def test_both_tables_are_filtered_without_a_script(browser, out):
    page = browser.new_page(java_script_enabled=False)
    page.goto((out / "index.html").as_uri())
    page.select_option("#show", label="Every step follows the reverse formula (2)")
    for rows in (".class tbody tr", ".map tbody tr"):
        seen = [row.inner_text() for row in page.query_selector_all(rows) if row.is_visible()]
        assert len(seen) == 2
        assert seen[0].startswith("Ben")
        assert seen[1].startswith("Cleo")
    page.close()


def test_the_heat_map_shows_each_students_status_by_criterion(out):
    text = _text(out)
    table = text[text.index("Results by student and criterion") : text.index("Most common mistakes")]
    dan = table[table.index("Dan ") :]
    assert dan.count("✗") == 3
    assert "◐" in dan
    assert "!" in dan
    assert "Eve " not in table


def test_a_large_class_has_pages_of_students_that_a_browser_can_show(tmp_path, monkeypatch):
    """The class page keeps what needs a look and the numbers; every student is on one of the pages."""
    monkeypatch.setattr(large_class, "MOST_ROWS", 6)
    monkeypatch.setattr(large_class, "_PER_PAGE", 3)
    monkeypatch.setattr(classpage, "_MOST_NAMED", 4)
    grades = {f"s{number}": _lost(4) if number % 2 else grade() for number in range(8)}
    out = gradebook(tmp_path / "out", {**grades, "t8": None, "t9": None})
    text = _text(out)
    assert "10 students, 8 graded" in text
    assert "S0 to S2 3 S3 to S5 3 S6 to T8 3 T9 to T9 1" in text
    keys = []
    for address in ("001", "002", "003", "004"):
        page = ParsedPage((out / "students" / f"{address}.html").read_text())
        links = [a["href"].partition("#")[0] for a in page.all("a") if not a["href"].startswith("#")]
        assert all((out / "students" / link).resolve().exists() for link in links)
        keys += [link[3:-5] for link in links if link.startswith("../s") and "student" not in link]
    assert sorted(set(keys)) == sorted(grades)

    monkeypatch.setattr(large_class, "MOST_ROWS", 600)
    with Gradebook(out) as book:
        classpage.write_page(book, out)
    assert list((out / "students").iterdir()) == []

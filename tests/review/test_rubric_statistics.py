"""What a class tells of its rubric, on classes whose numbers are known by hand."""

from __future__ import annotations

import json
import math

import numpy
import pytest
import report_samples as samples
from chromium import violations
from classes import gradebook, run
from review_browser import HOSTILE, opened
from review_pages import LOST, served

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook
from grader.model import Verdict
from grader.review.rubric_statistics import rubric_statistics

BETAS, ALPHAS, NOISE = "schedule.betas", "schedule.alphas", "sample.noise"  # 4, 2 and 5 points


def graded(**changes):
    """Return a grade with these changes; dots of ids are written ``__``."""
    return samples.grade(changes={id.replace("__", "."): change for id, change in changes.items()})


def write(folder, grades, sections=()):
    people = {
        key: Person(key=key, name=key, ids={"login": key, "section": section})
        for key, section in zip(grades, sections or [""] * len(grades), strict=True)
    }
    return gradebook(folder / "out", grades, people)


def found(out):
    with Gradebook(out) as book:
        return rubric_statistics(book.entries())


def criterion(statistics, id):
    return next(each for each in statistics.criteria if each.id == id)


def test_shares_and_correlations_are_those_of_numpy(tmp_path):
    earned = [(4, 2), (4, 0), (0, 0), (2, 2), (0, 0), (4, 2)]
    grades = {
        f"s{number}": graded(
            schedule__betas={**LOST, "earned": one}, schedule__alphas={**LOST, "earned": other}
        )
        for number, (one, other) in enumerate(earned)
    }
    statistics = found(write(tmp_path, grades))
    betas, alphas = numpy.array(earned, dtype=float).T
    assert criterion(statistics, BETAS).share == pytest.approx(betas.mean() / 4)
    expected = numpy.corrcoef(betas, alphas + 94)[0, 1]
    assert criterion(statistics, BETAS).item_rest == pytest.approx(expected)
    assert criterion(statistics, NOISE).item_rest is None  # all earned the same
    (pair,) = statistics.pairs
    lost = numpy.array([betas < 4, alphas < 2])
    assert (pair.both, pair.only_first, pair.only_second) == (2, 1, 1)
    assert pair.phi == pytest.approx(numpy.corrcoef(lost)[0, 1])


def test_what_is_not_decided_or_blocked_says_nothing_of_a_pair(tmp_path):
    blocked = {**LOST, "verdict": Verdict.BLOCKED}
    error = {**LOST, "verdict": Verdict.ERROR}
    grades = {f"b{number}": graded(schedule__betas=LOST, sample__noise=blocked) for number in range(3)}
    grades |= {f"e{number}": graded(schedule__betas=error) for number in range(3)}
    statistics = found(write(tmp_path, grades))
    assert statistics.pairs == []
    assert criterion(statistics, BETAS).count == 3
    assert criterion(statistics, NOISE).share == 0.5


def test_mistakes_are_counted_by_section(tmp_path):
    wrong = {**LOST, "misconception": "no-z", "mistake": "No noise"}
    grades = {key: graded(sample__noise=wrong) if key != "c" else graded() for key in "abcd"}
    statistics = found(write(tmp_path, grades, ["one", "one", "one", "two"]))
    assert list(statistics.sections) == [("one", 3), ("two", 1)]
    assert list(statistics.mistakes) == [("No noise", [2, 1])]


def test_numbers_are_divided_by_their_bound(tmp_path):
    def measured(value, **more):
        return graded(sample__quality={"measured": {"value": value, "reference": 1.0, "bound": 2.0, **more}})

    grades = {f"s{number}": measured(number / 10) for number in range(1, 41)}
    (numbers,) = found(write(tmp_path, grades)).numbers
    assert (numbers.criterion, numbers.name, numbers.has_bound) == ("sample.quality", "value", True)
    assert numbers.bins[0].low == pytest.approx(0.05)
    assert numbers.bins[-1].high == pytest.approx(2.0)
    assert sum(each.earned for each in numbers.bins) == 40


def test_numbers_that_students_choose_break_nothing(tmp_path):
    values = [1e308, -1e308, math.inf, math.nan, 10**400, True, None, "x", [1.0], 0.5, 0.25]
    grades = {
        f"s{number}": graded(sample__noise={**LOST, "measured": {"sigma": value}})
        for number, value in enumerate(values)
    }
    (numbers,) = found(write(tmp_path, grades)).numbers
    assert sum(each.lost for each in numbers.bins) == 2


def test_numbers_too_small_to_be_divided_break_nothing(tmp_path):
    small = {"p": {"value": 5e-324}, "q": {"value": 0.0}, "r": {"value": 1e99, "bound": 1e-320}}
    out = write(tmp_path, {key: graded(sample__noise={"measured": each}) for key, each in small.items()})
    (numbers,) = found(out).numbers
    assert sum(each.earned for each in numbers.bins) == 2


def test_an_empty_class_and_one_student_have_no_correlations(tmp_path):
    assert found(write(tmp_path / "none", {"gone": None})).students == 0
    one = found(write(tmp_path / "one", {"ann": graded(sample__noise=LOST)}))
    assert all(each.item_rest is None for each in one.criteria)
    assert one.numbers == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_is_accessible_with_hostile_words(browser, tmp_path, width, scheme):
    wrong = {**LOST, "title": HOSTILE, "misconception": HOSTILE, "mistake": HOSTILE}
    grades = {
        f"s{number}": graded(
            sample__noise={**wrong, "measured": {HOSTILE: number / 7}},
            schedule__betas=LOST if number % 2 else {},
        )
        for number in range(8)
    }
    grades["fine"] = graded()
    out = write(tmp_path, grades, [HOSTILE] * 9)
    run(out, "adjust", "s1", BETAS, "=4", "--because", "right")
    with served(out) as pages:
        link = next(iter(pages.links.values()))
        page, trouble = opened(browser, link, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(f"{pages.address}/rubric")
        page.wait_for_load_state("networkidle")
        assert "Item-rest" in page.inner_text("main")
        assert page.locator("main script, main img, a[href^=javascript]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight") < 12_000  # no column of single letters
        assert violations(page) == []
        row = page.get_by_role("row", name="schedule.betas").first.inner_text()
        assert row.split()[-1] == "1"  # changed by hand
        assert json.dumps(trouble) == "[]"

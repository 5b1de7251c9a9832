"""Hostile text in a grade: it reaches the page as text and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import report_samples as samples
from report_figures import figures, hostile_figures
from report_page import ParsedPage, page
from report_samples import EXERCISES, HOSTILE

from grader.model import Curves, Series
from grader.report.page import render


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_students_never_becomes_markup(text):
    """The page has the same elements and attribute names for harmless and for hostile text."""
    harmless, hostile = (
        shape(page(samples.hostile(given), hostile_figures(given))) for given in ("harmless", text)
    )
    assert hostile == harmless


def shape(parsed: ParsedPage) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in parsed.elements if tag != "code"]


def test_no_control_or_reordering_character_reaches_the_page():
    text = "a\x1b[31mb\x00\x85\u202e\u2066\ud800c\r\nd"
    html = render(samples.hostile(text), hostile_figures(text), EXERCISES)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert "abc" in html


def test_the_page_loads_nothing():
    """It has no scripts and no event handlers, and every URL is a fragment or holds its data."""
    mixed = page(samples.mixed(), figures())
    names = {tag for tag, _ in mixed.elements}
    assert not names & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "video",
        "audio",
        "foreignobject",
    }
    for _, attributes in mixed.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"):
            if name in attributes:
                assert re.match(r"#|data:(image/png;base64,[A-Za-z0-9+/=]+)?$|data:,", attributes[name])
    policy = next(tag["content"] for tag in mixed.all("meta") if "http-equiv" in tag)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_styles_refer_to_nothing_outside_the_page():
    html = render(samples.mixed(), figures(), EXERCISES)
    assert "http" not in html.replace("http-equiv", "")
    assert "@import" not in html
    assert not re.search(r"url\((?!#figure-)", html)


def test_a_name_at_the_foot_of_printed_pages_stays_inside_its_quotes():
    name = 'Zoë "} </style> \\ body{color:red}'
    html = render(samples.grade(submission={"name": name}), [], EXERCISES)
    foot = html.partition("@bottom-left { content: ")[2].partition(";")[0]
    assert re.fullmatch(r'"([A-Za-z0-9]|\\[0-9a-f]+ )*"', foot)
    escapes = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), foot)
    assert escapes.startswith(f'"{name}: ')


def test_the_same_grade_gives_the_same_bytes():
    first, second = (render(samples.mixed(), figures(), EXERCISES) for _ in range(2))
    assert first == second


def test_a_huge_submission_still_gives_a_page_under_two_megabytes():
    vast = "x" * 1_000_000
    big = samples.mixed()
    criteria = tuple(
        replace(each, message=vast, expected=vast, actual=vast, hint=vast) for each in big.criteria
    )
    deep: dict = {"leaf": vast}
    for _ in range(50):
        deep = {"a": deep, "b": [vast] * 50}
    extraction = {"parts": [{"name": vast, "cell": i} for i in range(10_000)], "deep": deep}
    long = Series(label=vast, y=[float(i % 7) for i in range(200_000)], role="student")
    curve = Curves(exercise=1, title=vast, caption=vast, x_label=vast, y_label=vast, series=(long,) * 4)
    grade = replace(big, criteria=criteria, notes=(vast,) * 500, extraction=extraction)
    assert len(render(grade, [curve, *figures()], EXERCISES).encode()) < 2_000_000

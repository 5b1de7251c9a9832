"""The report page in a real browser: no errors, no requests, accessible, and no wider than the screen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import report_samples as samples
from chromium import opens_silently_and_fits
from conftest import SUBMISSIONS
from report_figures import figures, hostile_figures
from report_samples import EXERCISES, HOSTILE

from grader.files import write
from grader.model import CodePassage, Listing, Verdict
from grader.report.page import render

pytestmark = pytest.mark.browser

GRADES = {
    "mixed": lambda: (samples.mixed(), figures()),
    "perfect": lambda: (samples.grade(), figures()),
    "near zero": lambda: (samples.near_zero(), []),
    "hostile": lambda: (samples.hostile(" ".join(HOSTILE)), hostile_figures(" ".join(HOSTILE))),
    "endless word": lambda: (samples.hostile("x" * 500), hostile_figures("x" * 500)),
}


@pytest.fixture(params=GRADES)
def report(request, tmp_path) -> Path:
    path = tmp_path / "report.html"
    write(path, render(*GRADES[request.param](), EXERCISES))
    return path


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_the_page_opens_silently_and_fits_the_screen(browser, report, tmp_path, width, scheme):
    opens_silently_and_fits(browser, report, tmp_path / f"{width}-{scheme}.png", width, scheme)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "handout"])
def test_the_report_of_a_real_grade_opens_silently_and_fits(browser, grade, tmp_path, name):
    """The file that the real command writes, with the figures of a real judge."""
    ran = grade(SUBMISSIONS / f"{name}.ipynb", "--quick", "-q")
    for width in (360, 1280):
        picture = tmp_path / f"{width}.png"
        opens_silently_and_fits(browser, ran.reports / f"{name}.html", picture, width, "light")


@pytest.mark.slow
def test_on_a_phone_reasons_stand_before_plots_and_three_mistakes_need_few_screens(browser, grade):
    ran = grade(SUBMISSIONS / "bob.ipynb", "--quick", "-q")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((ran.reports / "bob.html").as_uri())
    assert len(page.query_selector_all("article.criterion")) == 3
    assert page.evaluate("document.documentElement.scrollHeight") < 5000
    for card in page.query_selector_all("article.criterion"):
        message, hint = card.query_selector(".message"), card.query_selector(".fact.hint")
        for figure in card.query_selector_all("figure"):
            assert figure.is_hidden() or figure.bounding_box()["y"] > hint.bounding_box()["y"]
        assert message.bounding_box()["y"] < hint.bounding_box()["y"]
    outside = [figure for figure in page.query_selector_all("figure") if not figure.evaluate(_IN_CARD)]
    assert outside
    assert all(figure.is_hidden() for figure in outside)
    page.close()


_IN_CARD = "figure => figure.closest('article') !== null"


def test_code_keeps_its_indentation_on_a_phone(browser, tmp_path):
    """A long line is not wrapped: its code scrolls sideways, and the page does not."""
    source = (
        "class NoiseDiffuser:\n    def __init__(self, steps):\n        self.betas = "
        + "1 + " * 40
        + "steps\n"
    )
    passage = CodePassage(criterion="schedule.betas", name="n", cell=1, first=2, last=3, marked=[3])
    lost = {"schedule.betas": {"verdict": Verdict.FAIL, "message": "Wrong."}}
    path = tmp_path / "report.html"
    code = Listing(cells=[(1, source)], passages=[passage])
    write(path, render(samples.grade(changes=lost), [code], EXERCISES))
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(path.as_uri())
    short, long = page.query_selector_all(".excerpt .line")
    assert long.bounding_box()["height"] == short.bounding_box()["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    scrolled = "pre => { pre.scrollLeft = 9999; return pre.scrollLeft }"
    assert page.query_selector(".excerpt pre").evaluate(scrolled) > 500
    page.close()


def test_a_bar_leads_to_a_criterion_and_unfolds_what_hides_it(browser, tmp_path):
    path = tmp_path / "report.html"
    write(path, render(samples.mixed(), figures(), EXERCISES))
    page = browser.new_page()
    page.goto(path.as_uri())
    row = page.query_selector("details.criterion[id*=schedule-alpha-bar]")
    assert not row.is_visible()
    page.query_selector("a.segment[href*=schedule-alpha-bar]").click()
    assert row.is_visible()
    page.close()


@pytest.mark.slow
def test_markup_in_a_notebook_is_shown_as_text_and_never_runs(browser, grade, tmp_path):
    """Markup in the file name, code, outputs and markdown, and in an exception that the code raises."""
    text = "</pre><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"
    text += "<style>*{display:none}</style><a href='javascript:alert(4)'>x</a>"
    code = f"class NoiseDiffuser:\n    def __init__(self, *a, **k):\n        raise ValueError({text!r})\n"
    html = {"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}
    cell = {"cell_type": "code", "source": code, "outputs": [html], "metadata": {}, "execution_count": 1}
    prose = {"cell_type": "markdown", "source": text, "metadata": {}}
    content = {"cells": [prose, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    name = "<img src=x onerror=alert(5)>"
    path = tmp_path / f"{name}.ipynb"
    path.write_text(json.dumps(content))
    ran = grade(path, "--quick", "-q")
    (report,) = ran.reports.glob("*.html")
    assert "<script" not in report.read_text()
    assert "&lt;script&gt;alert(1)" in report.read_text()
    for scheme in ("light", "dark"):
        opens_silently_and_fits(browser, report, tmp_path / "page.png", 1280, scheme)


def test_print_has_no_page_that_is_nearly_empty(browser, tmp_path):
    """Cards may continue on the next page, and technical details are left out."""
    path = tmp_path / "report.html"
    write(path, render(samples.mixed(), [], EXERCISES))
    page = browser.new_page()
    page.goto(path.as_uri())
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    page.close()
    assert 2 <= len(pages) <= 5


def test_print_unfolds_what_is_folded_on_screen(browser, tmp_path):
    path = tmp_path / "report.html"
    write(path, render(samples.mixed(), figures(), EXERCISES))
    page = browser.new_page()
    page.goto(path.as_uri())
    folded = (
        "document.querySelector('details.criterion .message').checkVisibility({contentVisibilityAuto: true})"
    )
    height = "document.querySelector('details.criterion .message').getBoundingClientRect().height"
    assert not page.evaluate(folded)
    page.emulate_media(media="print")
    assert page.evaluate(height) > 0
    page.close()

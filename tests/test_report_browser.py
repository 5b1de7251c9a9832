"""The page in a real browser: silent, alone, and as wide as the screen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import report_samples as samples
from conftest import SUBMISSIONS
from report_figures import figures, hostile_figures
from report_samples import EXERCISES, HOSTILE

from grader.pipeline import write
from grader.report import render

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
GRADES = {
    "mixed": lambda: (samples.mixed(), figures()),
    "perfect": lambda: (samples.grade(), figures()),
    "near zero": lambda: (samples.near_zero(), []),
    "hostile": lambda: (samples.hostile(" ".join(HOSTILE)), hostile_figures(" ".join(HOSTILE))),
    "endless word": lambda: (samples.hostile("x" * 500), hostile_figures("x" * 500)),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(params=GRADES)
def report(request, tmp_path) -> Path:
    path = tmp_path / "report.html"
    write(path, render(*GRADES[request.param](), EXERCISES))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_opens_silently_and_fits_the_screen(browser, report, tmp_path, width, scheme):
    _opens_silently_and_fits(browser, report, tmp_path / f"{width}-{scheme}.png", width, scheme)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "handout"])
def test_the_report_of_a_real_grade_does_too(browser, grade, tmp_path, name):
    """What the real command writes, with the figures of a real judge."""
    ran = grade(SUBMISSIONS / f"{name}.ipynb", "--quick", "-q")
    for width in (360, 1280):
        picture = tmp_path / f"{width}.png"
        _opens_silently_and_fits(browser, ran.reports / f"{name}.html", picture, width, "light")


def _opens_silently_and_fits(browser: Any, report: Path, picture: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    for folded in page.query_selector_all("details"):
        folded.evaluate("element => { element.open = true }")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pictures = page.evaluate("[...document.images].map(picture => picture.complete && picture.naturalWidth)")
    assert all(pictures)
    _photograph(page, picture)
    assert _serious(page) == []
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:image/png")] == [report.as_uri()]


def _photograph(page: Any, picture: Path) -> None:
    """For people to look at. On a busy machine Chromium cannot now and then, and can a moment later."""
    from playwright.sync_api import Error

    try:
        page.screenshot(path=picture, full_page=True)
    except Error:
        page.screenshot(path=picture, full_page=True)


def _serious(page: Any) -> list[str]:
    """What axe-core finds that keeps people out, in words."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in _SERIOUS]


_SERIOUS = ("serious", "critical")


@pytest.mark.slow
def test_a_hostile_notebook_shows_as_text_and_runs_nothing(browser, grade, tmp_path):
    """In its name, code, outputs, markdown and in what its code raises."""
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
        _opens_silently_and_fits(browser, report, tmp_path / "page.png", 1280, scheme)


def test_paper_shows_what_the_screen_folds_away(browser, tmp_path):
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

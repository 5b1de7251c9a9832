"""A real browser for tests, and the checks that every page has to pass in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright; the test is skipped if either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


def opens_silently_and_fits(browser: Any, report: Path, picture: Path, width: int, scheme: str) -> None:
    """Check that a page opens without messages or requests, is accessible, and is no wider than the screen.

    Args:
        picture: where to save a screenshot of the page with everything unfolded, for people to look at.
        width: of the screen, in CSS pixels.
        scheme: "light" or "dark".
    """
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    for folded in page.query_selector_all("details"):
        folded.evaluate("element => { element.open = true }")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert all(images)
    _screenshot(page, picture)
    assert violations(page) == []
    page.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:image/png")] == [report.as_uri()]


def _screenshot(page: Any, picture: Path) -> None:
    """Save a screenshot. On a busy machine Chromium fails now and then, so it is tried twice."""
    from playwright.sync_api import Error

    try:
        page.screenshot(path=picture, full_page=True)
    except Error:
        page.screenshot(path=picture, full_page=True)


def violations(page: Any) -> list[str]:
    """Return the serious accessibility violations that axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in _IMPACTS]


_IMPACTS = ("serious", "critical")

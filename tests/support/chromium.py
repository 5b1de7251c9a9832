"""A real browser, and what every page must be in it: silent, alone, accessible, as wide as the screen."""

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
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


def opens_silently_and_fits(browser: Any, report: Path, picture: Path, width: int, scheme: str) -> None:
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

"""The review pages in a browser: open a link, press keys, and words that must only be shown."""

from __future__ import annotations

from typing import Any

BUSY = ".htmx-request, .htmx-swapping, .htmx-settling"  # what htmx marks while a page is on its way
HOSTILE = (
    "</pre><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}<a href='javascript:alert(3)'>x</a>"
)


def opened(browser: Any, link: str, **context: Any) -> tuple[Any, list[str]]:
    """Return a page that has opened a link, and the list of what it complains about."""
    page = browser.new_context(**context).new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.goto(link)
    page.wait_for_url("**/")
    page.wait_for_load_state("networkidle")
    return page, trouble


def press(page: Any, *keys: str) -> None:
    """Press keys, each after the page that the one before led to has settled."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(50)
        page.wait_for_load_state("networkidle")
        page.locator(BUSY).first.wait_for(state="detached")

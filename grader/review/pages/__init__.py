"""The pages, one module for each group of routes; each has its ``ROUTES``."""

from __future__ import annotations

from starlette.routing import Route

from grader.review.pages import (
    actions,
    blind,
    comments,
    criteria,
    exports,
    figures,
    items,
    queue,
    release,
    requests,
    rubric,
    students,
)


def routes() -> list[Route]:
    """Return the routes of all pages."""
    parts = (
        queue,
        items,
        requests,
        criteria,
        actions,
        comments,
        students,
        release,
        exports,
        figures,
        rubric,
        blind,
    )
    return [route for part in parts for route in part.ROUTES]

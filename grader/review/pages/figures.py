"""The figures of an exercise, drawn in a thread of their own and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from grader.model import Figure, Listing
from grader.report.figures import Drawable, Drawing, draw
from grader.report.views import FigureView
from grader.review.app import Review
from grader.review.templating import environment
from grader.written_answers import Answer

_KEPT: dict[tuple[int, int, int], str] = {}  # the HTML, by server, result and exercise
_MOST = 300  # of them


async def figures(request: Request) -> Response:
    """Return the figures of one exercise of a result as a part of a page."""
    review: Review = request.app.state.review
    review.access.who(request.cookies)
    result, exercise = request.path_params["result"], request.path_params["exercise"]
    key = (id(review), result, exercise)
    if key not in _KEPT:
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(review.thread, _stored, review, result)
        drawn = [
            each for each in known if not isinstance(each, Listing | Answer) and each.exercise == exercise
        ]
        html = await loop.run_in_executor(review.drawing, _drawn, drawn, f"figure-{result}-{exercise}")
        if len(_KEPT) >= _MOST:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[key] = html
    return HTMLResponse(_KEPT[key])


def _stored(review: Review, result: int) -> Sequence[Figure]:
    known = {entry.result for entry in review.book.index.entries.values()}
    return review.figures(result) if result in known else ()


def _drawn(figures: Sequence[Figure], prefix: str) -> str:
    views = [
        FigureView(figure=each, drawing=_drawing(each, f"{prefix}-{n}"))
        for n, each in enumerate(figures)
        if not isinstance(each, Listing | Answer)
    ]
    return environment().get_template("figures.html.j2").render(views=views)


def _drawing(figure: Drawable, prefix: str) -> Drawing | None:
    try:
        return draw(figure, prefix=prefix)
    except ValueError:  # a figure without data: its caption is shown
        return None


ROUTES = (Route("/figures/{result:int}/{exercise:int}", figures, methods=["GET"]),)

"""The web application: checks each request, and lets one thread, which owns the gradebook, answer it.

One thread for all is enough for a team of TAs, and spares every page a thought about concurrency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.classroom.storage.entries import GradebookEntry
from grader.errors import UsageError
from grader.model import Figure
from grader.review.access import HEADERS, Access, Refused
from grader.review.book import ReviewBook
from grader.review.decisions import Stale
from grader.review.judging import Judging
from grader.review.team import TA
from grader.review.templating import environment

if TYPE_CHECKING:
    from grader.review.pages.exports import Prepared
    from grader.review.pages.release import Writing

_MAX_BODY = 1_000_000  # bytes of a form
_MAX_PATH = 1_000  # characters


@dataclass(slots=True, kw_only=True)
class Review:
    """What all pages share.

    Attributes:
        out: folder of the results.
        notices: what the next page of a TA says first, by name.
        drawing: a second thread, since Matplotlib takes half a second for a figure.
        digests: of what each student's reports are rendered from, with the entry that it is of.
        writing: the editions that are being written.
        judging: the hand-in that was last judged again, or still is.
        exports: files for download, by the token in their address.
    """

    out: Path
    book: ReviewBook
    access: Access
    thread: ThreadPoolExecutor
    drawing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    notices: dict[str, list[str]] = field(default_factory=dict)
    digests: dict[int, tuple[GradebookEntry, str]] = field(default_factory=dict)
    writing: Writing | None = None
    judging: Judging | None = None
    exports: dict[str, Prepared] = field(default_factory=dict)
    is_closing: bool = False

    def figures(self, result: int) -> Sequence[Figure]:
        """Return the figures of a result."""
        return self.book.figures(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, and the ways to answer it."""

    review: Review
    ta: TA
    url: str
    path: Mapping[str, Any]
    query: QueryParams
    form: FormData

    @property
    def book(self) -> ReviewBook:
        """The gradebook; its index is up to date."""
        return self.review.book

    def text(self, name: str) -> str:
        """Return a field of the form; "" if it is missing."""
        return str(self.form.get(name, ""))

    def texts(self, name: str) -> list[str]:
        """Return all values of a field of the form."""
        return [str(each) for each in self.form.getlist(name)]

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page."""
        shared = {
            "ta": self.ta,
            "url": self.url,
            "csrf": self.review.access.form_token(self.ta),
            "notices": self.review.notices.pop(self.ta.name, []),
            "hides_names": bool(self.book.preference(self.ta.name, "hide names")),
            "without_keys": bool(self.book.preference(self.ta.name, "no keys")),
        }
        html = environment().get_template(template).render(**shared, **values)
        return HTMLResponse(html, status_code=status)

    def notice(self, sentence: str) -> None:
        """Let this TA's next page say a sentence first."""
        self.review.notices.setdefault(self.ta.name, []).append(sentence)

    def go(self, url: str, notice: str = "") -> Response:
        """Return a redirection to one of our pages, which says ``notice`` first."""
        if notice:
            self.notice(notice)
        is_ours = url.startswith("/") and not url.startswith(("//", "/\\"))
        return RedirectResponse(url if is_ours else "/", status_code=303)

    def sorry(self, status: int, sentence: str) -> Response:
        """Return a page that says what is wrong."""
        return self.page("sorry.html.j2", status=status, sentence=sentence)


Handler = Callable[[Call], Response]
Late = Callable[[Call, Stale], Response]


def show(path: str, handler: Handler) -> Route:
    """Return the route of a page, which changes nothing but what its TA looks at."""
    return Route(path, _endpoint(handler), methods=["GET"])


def act(path: str, handler: Handler) -> Route:
    """Return the route of a change; its form needs the page's token."""
    return Route(path, _endpoint(handler), methods=["POST"])


def _endpoint(handler: Handler) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        review: Review = request.app.state.review
        ta = review.access.who(request.cookies)
        form = FormData()
        if request.method == "POST":
            review.access.check_origin(request.headers)
            form = await request.form(max_files=1, max_fields=5000)
            review.access.check_form(ta, form.get("csrf", ""))
        query = f"?{request.url.query}" if request.url.query else ""
        call = Call(
            review=review,
            ta=ta,
            url=quote(request.url.path) + query,
            path=request.path_params,
            query=request.query_params,
            form=form,
        )
        return await asyncio.get_running_loop().run_in_executor(review.thread, _answer, handler, call)

    return endpoint


def _answer(handler: Handler, call: Call) -> Response:
    try:
        call.book.index.refresh(call.book)
        return handler(call)
    except UsageError as error:
        return call.sorry(409, str(error))


def build(review: Review) -> ASGIApp:
    """Return the application."""
    from grader.review.pages import routes

    static = StaticFiles(directory=Path(__file__).parent / "static")
    app = Starlette(
        routes=[
            Route("/enter", _enter, methods=["GET"]),
            *routes(),
            Route("/static/style.css", _style, methods=["GET"]),
            Mount("/static", static, name="static"),
        ],
        exception_handlers={Refused: _refuse, 404: _not_found},
    )
    app.state.review = review
    return _Guard(app, review.access)


async def _enter(request: Request) -> Response:
    """Set the cookie of a link, and lead on.

    By a page, not by a redirection: after a click elsewhere, that would not send a strict cookie.
    """
    access: Access = request.app.state.review.access
    ta = access.by_link(request.query_params.get("token", ""))
    if ta is None:
        raise Refused(403, "This link is not valid any more; ask for the one that grade review prints now.")
    response = HTMLResponse(environment().get_template("enter.html.j2").render())
    response.set_cookie(
        access.cookie, access.session(ta), httponly=True, samesite="strict", secure=access.is_secure, path="/"
    )
    return response


async def _style(request: Request) -> Response:
    return Response(environment().get_template("style.css.j2").render(), media_type="text/css")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _plain(error)


async def _not_found(request: Request, error: Exception) -> Response:
    return _plain(Refused(404, "There is no such page."))


def _plain(refused: Refused) -> Response:
    html = environment().get_template("refused.html.j2").render(sentence=refused.sentence)
    return HTMLResponse(html, status_code=refused.status)


class _Guard:
    """Checks the host and the size of every request, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in own)]
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._access.check_host(headers)
            if len(scope["path"]) > _MAX_PATH:
                raise Refused(414, "There is no such page.")
            length = headers.get("content-length", "0")
            if "transfer-encoding" in headers or not length.isdecimal() or int(length) > _MAX_BODY:
                raise Refused(413, "This is too long; nothing was changed.")
        except Refused as refused:
            await _plain(refused)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

"""Start the review pages on this machine: one process, on the loopback interface only."""

from __future__ import annotations

import secrets
import socket
import sys
import webbrowser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from grader.errors import UsageError
from grader.review.access import Access
from grader.review.app import Review, build
from grader.review.book import ReviewBook
from grader.review.team import TA
from grader.seeds import secret_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asks for; ``proxy`` is the public address of a proxy, or None."""

    out: Path
    team: tuple[TA, ...]
    port: int
    proxy: str | None = None
    new_links: bool = False
    opens_browser: bool = True


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C.

    Raises:
        UsageError: there is no gradebook, or the port is taken.
    """
    listener = _listener(settings.port)
    port = int(listener.getsockname()[1])
    thread = ThreadPoolExecutor(1)
    book = thread.submit(ReviewBook, settings.out).result()
    try:
        secret = thread.submit(_secret, book, settings).result()
        access = Access(secret, settings.team, port, settings.proxy)
        review = Review(out=settings.out, book=book, access=access, thread=thread)
        thread.submit(_add_codes, review, thread.submit(book.results_without_codes).result())
        _print_links(access, settings.team, port)
        if settings.opens_browser and len(settings.team) == 1 and settings.proxy is None:
            webbrowser.open(f"http://127.0.0.1:{port}{access.link_once(settings.team[0])}")
        config = uvicorn.Config(
            build(review),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listener])
        review.is_closing = True
        if review.judging:
            review.judging.stop()
    finally:
        thread.submit(book.close).result()
        thread.shutdown(cancel_futures=True)


def _add_codes(review: Review, results: list[int]) -> None:
    """Store the digests of one result's code, and leave the rest to a later turn, after what is asked for."""
    if results and not review.is_closing:
        review.book.add_codes(results.pop())
        review.thread.submit(_add_codes, review, results)


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # before the link is printed, so that whoever opens it at once waits
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used ({error.strerror}); choose another with --port"
        ) from error
    return listener


def _secret(book: ReviewBook, settings: Settings) -> bytes:
    """Return the secret of this folder's links, which changes only when somebody asks for new links."""
    salt = book.setting("review links")
    if salt is None or settings.new_links:
        salt = secrets.token_hex(16)
        book.set_setting("review links", salt)
    return secret_for(f"review {settings.out.resolve()} {salt}")


def _print_links(access: Access, team: Sequence[TA], port: int) -> None:
    if not access.is_secure:
        print(
            f"grade: the pages are on this machine only; from another one: ssh -L {port}:127.0.0.1:{port} …",
            file=sys.stderr,
        )
    print(
        "grade: each link opens the pages for its owner alone; Ctrl-C ends them, and loses nothing",
        file=sys.stderr,
    )
    for ta in team:
        print(f"{ta.name} ({ta.role}): {access.origins[0]}{access.link(ta)}", flush=True)

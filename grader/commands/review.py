"""``grade review [REPORTS]``: the pages on which TAs review a class, in a browser."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED
from grader.errors import UsageError

_EPILOG = """examples:
  grade review                                     # the class in reports/, for you
  grade review reports --team team.csv             # a link for each TA; the file's columns are name,role
  grade review --port 8642 --no-browser            # from elsewhere: ssh -L 8642:127.0.0.1:8642 this-machine
  grade review --team team.csv --behind-proxy https://review.example.edu"""


def main(argv: Sequence[str]) -> int:
    """Serve the review pages until Ctrl-C.

    Raises:
        UsageError: there is no gradebook, the team cannot be read, or a package is missing.
    """
    arguments = _parser().parse_args(argv)
    try:
        from grader.review.serve import Settings, serve
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn", "python_multipart", "anyio", "h11"):
            raise
        raise UsageError(
            f"grade review needs the package {package}: pip install 'ddpm-grader[review]'"
        ) from missing
    from grader.classroom.storage.store import current_user
    from grader.review.access import proxy_origin
    from grader.review.team import TA, read_team

    team = read_team(arguments.team) if arguments.team else (TA(name=current_user(), is_head=True),)
    serve(
        Settings(
            out=arguments.reports,
            team=team,
            port=arguments.port,
            proxy=proxy_origin(arguments.behind_proxy) if arguments.behind_proxy else None,
            new_links=arguments.new_links,
            opens_browser=not arguments.no_browser,
        )
    )
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade review",
        description="Open the pages on which TAs review a class: what needs a look, groups of alike answers, "
        "comments and points. They are served on this machine only, to anyone with a link.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "reports", nargs="?", type=Path, default=Path("reports"), help="folder of the results (reports)"
    )
    parser.add_argument("--port", type=int, default=8642, metavar="N", help="port to listen on (8642)")
    parser.add_argument(
        "--team",
        type=Path,
        metavar="FILE",
        help="who may review, as CSV with the columns name,role; each has a link of their own",
    )
    parser.add_argument(
        "--behind-proxy", metavar="URL", help="public https address of a proxy that leads here"
    )
    parser.add_argument("--new-links", action="store_true", help="make new links; the old ones end")
    parser.add_argument("--no-browser", action="store_true", help="print the link, and open no browser")
    return parser

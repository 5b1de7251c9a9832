"""Measure the review pages of a large class.

Usage: ``python tests/benchmarks/bench_review.py [--students N] [--reports DIR]``.

Every page is asked for twenty times by a client on the same machine, its own time included; ``action`` is a
decision for one student, ``group`` one for the largest group, each followed to the page that it leads to, and
``action alone`` and ``group alone`` the same without that page. The last lines say how long the server took
to start, and its memory before and after a thousand more pages.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "support")]

import report_samples as samples  # noqa: E402  found by the line above
from review_pages import form, mistaken, review_class, served  # noqa: E402

TIMES = 20
MISTAKES = ("No noise is added.", "The noise has half its strength.", "Noise is added at the last step, too.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=1000)
    parser.add_argument("--reports", type=Path, help="a class that was graded, in place of one made here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = arguments.reports or _made(Path(folder) / "reports", arguments.students)
        began = time.perf_counter()
        with served(out) as pages, pages.client() as client:
            started = time.perf_counter() - began
            _measure(client, psutil.Process(pages.process.pid), started)


def _made(out: Path, students: int) -> Path:
    grades = {}
    for number in range(students):
        own = mistaken(sample__noise=MISTAKES[number % 3], sample__order=MISTAKES[number % 2])
        grades[f"student{number:04d}"] = own if number % 2 else samples.grade()
    return review_class(out, grades)


def _measure(client: httpx.Client, server: psutil.Process, started: float) -> None:
    group = re.findall(r"/criterion/sample\.noise/\w{16}", client.get("/criterion/sample.noise").text)[0]
    student = "/student/7?criterion=sample.noise"
    paths = ["/", "/criteria", "/criterion/sample.noise", "/criterion/sample.noise?by=code", group]
    paths += ["/students", "/students?q=student09", student, "/comments", "/decisions"]
    print(f"{'page':>34} {'median ms':>10} {'worst ms':>10}")
    for path in paths:
        _print(path, lambda path=path: client.get(path))  # type: ignore[misc]
    for name, page in (("action", student), ("group", group)):
        for follows in (True, False):
            _print(
                name if follows else f"{name} alone",
                lambda p=page, f=follows: _decide(client, p, f),
                decide=True,
            )  # type: ignore[misc]
    before = server.memory_info().rss / 1e6
    for number in range(1000):
        client.get(paths[number % len(paths)])
    after = server.memory_info().rss / 1e6
    print(f"started in {started:.1f} s; memory {before:.0f} MB, after 1,000 more pages {after:.0f} MB")


def _decide(client: httpx.Client, page: str, follows: bool) -> float:
    fields = form(client.get(page).text, "/decide") | {"points": ["=1"], "because": ["a benchmark"]}
    began = time.perf_counter()
    answer = client.post("/decide", data=fields, follow_redirects=follows)
    assert answer.status_code in (200, 303)
    return time.perf_counter() - began


def _print(name: str, ask: Callable[[], object], *, decide: bool = False) -> None:
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        measured = ask()
        seconds.append(float(str(measured)) if decide else time.perf_counter() - began)
    print(f"{name:>34} {1000 * statistics.median(seconds):>10.0f} {1000 * max(seconds):>10.0f}", flush=True)


if __name__ == "__main__":
    main()

"""The review pages for tests: a class with known mistakes, the real command, and clients with links."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx
import report_samples as samples
from classes import gradebook

from grader.classroom.people.students import Person
from grader.model import Grade, Verdict

LOST = {"verdict": Verdict.FAIL, "earned": 0.0, "credit": 0.0}


def mistaken(**messages: str) -> Grade:
    """Return a grade that loses these criteria, whose dots are written ``__``, for the reasons given."""
    changes = {id.replace("__", "."): {**LOST, "message": why} for id, why in messages.items()}
    return samples.grade(changes=changes)


def review_class(out: Path, grades: dict[str, Grade]) -> Path:
    """Write a class in which everybody is known by an identifier, as on a roster."""
    people = {key: Person(key=key, name=key.title(), ids={"login": f"{key}1"}) for key in grades}
    return gradebook(out, dict(grades), people)


@dataclass(slots=True)
class Pages:
    """Served review pages: the process, the address, and each TA's link by name."""

    process: subprocess.Popen[str]
    address: str
    links: dict[str, str]

    @contextmanager
    def client(self, name: str | None = None) -> Iterator[httpx.Client]:
        """Provide a client that has opened a TA's link."""
        link = self.links[name] if name else next(iter(self.links.values()))
        headers = {"origin": self.address}
        with httpx.Client(
            base_url=self.address, headers=headers, follow_redirects=True, timeout=60
        ) as client:
            client.get(link)
            yield client


@contextmanager
def served(out: Path, *arguments: str | Path) -> Iterator[Pages]:
    """Serve the pages of a class by the real command, and end it afterwards."""
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("grade")),
            *("review", str(out), "--no-browser", "--port", "0"),
            *map(str, arguments),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _pages(process, 1 if "--team" not in arguments else _people(arguments))
    finally:
        process.kill()
        process.wait()


def _people(arguments: Sequence[str | Path]) -> int:
    file = Path(arguments[list(arguments).index("--team") + 1])
    return len(file.read_text().splitlines()) - 1


def _pages(process: subprocess.Popen[str], people: int) -> Pages:
    assert process.stdout is not None
    links = {}
    for _ in range(people):
        line = process.stdout.readline()
        found = re.match(r"(.*) \((?:head )?TA\): (http\S+)", line)
        assert found, line
        links[found[1]] = found[2]
    return Pages(process, found[2].partition("/enter")[0], links)


def form(page: str, action: str) -> dict[str, list[str]]:
    """Return the hidden fields of the first form of a page with this address."""
    found = re.search(rf'<form action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert found, f"no form {action}"
    fields: dict[str, list[str]] = {}
    for field in re.findall(r'<input type="hidden"[^>]*>', found[0]):
        name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
        assert name is not None
        assert value is not None
        fields.setdefault(name[1], []).append(unescape(value[1]))
    return fields


def wait_until_gone(process: subprocess.Popen[str], seconds: float = 10.0) -> None:
    """Wait for a process that was told to end."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is not None

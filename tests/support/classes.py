"""Helpers for tests that grade a class: small notebooks, and a rubric that grades one in a second."""

from __future__ import annotations

import atexit
import functools
import io
import json
import os
import sqlite3
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import Command, Ran
from report_samples import EXERCISES

from grader import cli, pipeline
from grader.audit import warm
from grader.classroom import scheduler
from grader.classroom.handins.collect import CollectedSubmissions
from grader.classroom.pages import classpage
from grader.classroom.pages.reports import refresh_reports
from grader.classroom.people.claims import place, take_roster
from grader.classroom.people.directory import LISTED, ROSTER, SUBMISSION, Directory
from grader.classroom.people.identity import RosterEntry, identifiers_from
from grader.classroom.people.name_matching import match_names
from grader.classroom.people.students import Attempt, Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.classroom.storage.stored_attempts import StoredAttempt
from grader.judging.prefork import PreforkServer
from grader.model import Grade

SOURCE = "def answer(): return 42"
_SERVERS: dict[tuple[str, ...] | None, PreforkServer] = {}
_RUBRIC = """
id = "tiny"
title = "A tiny homework"
wanted = ["answer"]
[exercises]
1 = "The answer"
[[criterion]]
id = "answer.given"
exercise = 1
title = "An answer is given"
points = 2
[[criterion]]
id = "answer.right"
exercise = 1
title = "The answer is right"
points = 8
hint = "It is known from a book."
[[criterion]]
id = "answer.secret"
exercise = 1
title = "Nothing forbidden"
points = 0
visibility = "hidden"
"""
_CHECKS = '''
from grader.checks import Unmet, criterion

@criterion("answer.given")
def check_an_answer_is_given(judge):
    """An answer is given."""
    if not judge.request["statements"]:
        raise Unmet("There is no answer.")

@criterion("answer.right")
def check_the_answer_is_right(judge):
    """The answer is 42."""
    own, modules = judge.request["statements"], judge.request["modules"].values()
    source = " ".join(statement["source"] for part in [own, *modules] for statement in part)
    if "crash" in source:
        raise ZeroDivisionError("ours")
    if "RIGHT" not in source:
        raise Unmet("The answer is not 42.", misconception="off by one")

@criterion("answer.secret")
def check_nothing_is_forbidden(judge):
    """No word of the secret list occurs."""
'''


def tiny_rubric(folder: Path, right: str = "42") -> Path:
    """Write a rubric in which ``answer = 42`` earns 10 points and any other answer 2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rubric.toml").write_text(_RUBRIC)
    (folder / "check_answer.py").write_text(_CHECKS.replace("RIGHT", right))
    return folder


def notebook(path: Path, source: str) -> Path:
    """Write a notebook with one cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(source))
    return path


def write_class(folder: Path, **answers: object) -> Path:
    """Write a notebook ``answer = …`` for each student by name."""
    for name, answer in answers.items():
        notebook(folder / f"{name}.ipynb", f"answer = {answer}")
    return folder


def gradebook_rows(out: Path, query: str) -> list[tuple[object, ...]]:
    """Run a query on the gradebook in ``out``."""
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as book:
        return book.execute(query).fetchall()


def content(source: str) -> bytes:
    """Return the bytes of a notebook with one cell."""
    cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def command(*arguments: str | Path) -> list[str]:
    """Return the command line that runs the installed ``grade``."""
    return [str(Path(sys.executable).with_name("grade")), *map(str, arguments)]


def run(out: Path, *arguments: str | Path) -> Ran:
    """Run ``grade`` with its results in ``out``, in this process and with judges from one warm server.

    To start Python, PyTorch and the warm processes anew takes most of the time of a small class.
    """
    # Bytes below text, as the real streams are: exports write to ``sys.stdout.buffer``.
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with ExitStack() as stack:
        for module in (scheduler, pipeline, warm):
            stack.enter_context(patch.object(module, "judge_starter", _shared_server))
        stack.enter_context(patch.dict(os.environ, {"NO_COLOR": "1"}))
        stack.enter_context(redirect_stdout(output))
        stack.enter_context(redirect_stderr(errors))
        try:
            code = cli.main([*map(str, arguments), "--out", str(out)])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Ran(code, _written(output), _written(errors), out)


@pytest.fixture(name="grade")
def grade_here(tmp_path: Path) -> Command:
    """Function that runs the command in this process; a file that imports it uses it as its ``grade``."""
    (tmp_path / "elsewhere").mkdir()
    return functools.partial(run, tmp_path / "reports")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def _shared_server(layers: Sequence[str] | None = None) -> Iterator[PreforkServer]:
    """Provide the server for these layers, which ends with the last test."""
    key = None if layers is None else tuple(layers)
    if key not in _SERVERS:
        _SERVERS[key] = PreforkServer(layers)
        atexit.register(_SERVERS[key].close)
    yield _SERVERS[key]


def save_student(
    book: Gradebook,
    person: Person,
    *,
    label: str | None = None,
    handed_in: datetime | None = None,
    is_late: bool = False,
    result: int | None = None,
) -> None:
    """Enter a student on the roster, and with a label an attempt, as a batch would."""
    with book.transaction(), book.editing() as directory:
        found = [each for each in directory.records.values() if each.key == person.key]
        record = found[0] if found else directory.add(person.name, ROSTER)
        record.key, record.on_roster, record.section = person.key, True, person.ids.get("section", "")
        record.handed_in = handed_in
        directory.give(record.id, person.identifiers or identifiers_from(person.ids))
        for other in directory.records.values():  # one roster has them all, so that they are as many people
            if other is not record:
                directory.keep_apart(record.id, other.id, LISTED)
    if label is None:
        return
    run = book.next_run()
    attempt = StoredAttempt(
        person=record.id,
        run=run,
        first_run=run,
        label=label,
        notebook=label,
        handed_in=handed_in,
        is_late=is_late,
        result=result,
    )
    book.save_attempts(record.id, [attempt])


def gradebook(
    out: Path, grades: Mapping[str, Grade | None], people: Mapping[str, Person] | None = None
) -> Path:
    """Write gradebook, reports and class page as a batch would, from finished grades by student."""
    out.mkdir(parents=True, exist_ok=True)
    with Gradebook(out, create=True) as book:
        book.set_setting("rubric", {"id": "ddpm", "title": "A homework", "exercises": EXERCISES})
        for key, given in grades.items():
            person = (people or {}).get(key, Person(key=key, name=key.title()))
            result = None
            if given:
                inputs = ResultInputs(notebook=key, rubric="r", grader="g", settings="{}")
                result = book.add_result(inputs, given, [], readable=True)
            save_student(book, person, label=f"{key}.ipynb" if given else None, result=result)
            if given:
                refresh_reports(book, book.entry(key), out)
        classpage.write_page(book, out)
    return out


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip archive from contents by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def owners(collected: CollectedSubmissions) -> set[str]:
    """Return the names of all students with an attempt."""
    return {attempt.owner for attempt in collected.attempts}


def placed(
    directory: Directory, roster: Sequence[RosterEntry] | None, *attempts: Attempt
) -> dict[str, list[str]]:
    """Enter a roster and attempts into a directory; return the labels of everybody's attempts, by key."""
    if roster is not None:
        take_roster(directory, roster)
    claims = [member for attempt in attempts for member in attempt.members]
    homes = place(directory, claims, SUBMISSION)
    match_names(directory)
    labels: dict[str, list[str]] = {records[0].key: [] for records in directory.people()}
    for attempt in attempts:
        for _ in attempt.members:
            labels[directory.root(homes.pop(0)).key].append(attempt.label)
    return labels

"""Classes for tests: notebooks by the hundred, and a rubric that grades one in a second without training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from conftest import Ran
from report_samples import EXERCISES

from grader.classroom import classpage
from grader.classroom.batch import refresh_editions
from grader.classroom.gradebook import Gradebook, ResultInputs
from grader.classroom.intake import Intake
from grader.classroom.students import Person
from grader.model import Grade

SOURCE = "def answer(): return 42"
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
    """A rubric folder where ``answer = 42`` earns 10 points and any other answer 2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rubric.toml").write_text(_RUBRIC)
    (folder / "check_answer.py").write_text(_CHECKS.replace("RIGHT", right))
    return folder


def notebook(path: Path, source: str) -> Path:
    """A notebook of one cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(source))
    return path


def content(source: str) -> bytes:
    """The bytes of a notebook of one cell."""
    cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def command(*arguments: str | Path) -> list[str]:
    """The real command."""
    return [str(Path(sys.executable).with_name("grade")), *map(str, arguments)]


def run(out: Path, *arguments: str | Path) -> Ran:
    """Run the real command, its results in ``out``."""
    done = subprocess.run(
        [*command(*arguments), "--out", str(out)],
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Ran(done.returncode, done.stdout, done.stderr, out)


def gradebook(
    out: Path, grades: Mapping[str, Grade | None], people: Mapping[str, Person] | None = None
) -> Path:
    """A gradebook as a batch leaves it, without grading: students by key, with the grade of each."""
    out.mkdir(parents=True, exist_ok=True)
    with Gradebook(out, create=True) as book:
        book.keep("rubric", {"id": "ddpm", "title": "A homework", "exercises": EXERCISES})
        for key, given in grades.items():
            person = (people or {}).get(key, Person(key=key, name=key.title()))
            result = None
            if given:
                inputs = ResultInputs(notebook=key, rubric="r", grader="g", settings="{}")
                result = book.add_result(inputs, given, [], readable=True)
            label = f"{key}.ipynb" if given else None
            book.enter(person, on_roster=True, label=label, attempts=bool(given), result=result)
            if given:
                refresh_editions(book, book.standing(key), out)
        classpage.write_page(book, out)
    return out


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def who(intake: Intake) -> set[str]:
    return {attempt.who for attempt in intake.attempts}

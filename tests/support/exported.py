"""A class with difficult names, and a helper that runs ``grade export`` on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import report_samples as samples
from classes import gradebook
from report_samples import grade

from grader.classroom.people.students import Person
from grader.cli import main
from grader.model import Grade, Verdict

PEOPLE = {
    "as1": Person(key="as1", name="Smith, Alice", ids={"canvas": "123", "login": "as1", "moodle": "9001"}),
    "bo": Person(key="bo", name='Bob "Bo" O\'Neil, Jr.', ids={"canvas": "124", "sis": "0077"}),
    "li": Person(key="li", name="李小龙", ids={"canvas": "125", "moodle": "9003"}),
    "evil": Person(key="evil", name='=HYPERLINK("http://x")', ids={"canvas": "126", "email": "+cmd@x.edu"}),
    "mixed": Person(key="mixed", name="Mia Mixed", ids={"canvas": "127"}),
    "gone": Person(key="gone", name="Gus Gone", ids={"canvas": "128", "moodle": "9009"}),
    "ill": Person(key="ill", name="Ida Ill", ids={"canvas": "129"}),
}
MESSAGE = "a < b & c: the <b>root</b> is missing"
HALF = {"verdict": Verdict.FAIL, "earned": 2.5, "credit": 0.5, "message": MESSAGE}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Folder with the class's gradebook; one grade is provisional, and one student is excused."""
    grades = {
        "as1": grade(),
        "bo": grade(changes={"forward.noise_coefficient": HALF}),
        "li": grade(),
        "evil": grade(),
        "mixed": samples.mixed(),  # provisional
        "gone": None,
        "ill": grade(),
    }
    folder = gradebook(tmp_path / "out", grades, PEOPLE)
    main(["adjust", "ill", "--excuse", "--because", "ill", "--out", str(folder)])
    return folder


def export(out: Path, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[bytes, str]:
    """Run ``grade export`` and return its data, empty if it fails, and its warnings."""
    capsys.readouterr()
    target = out.parent / "export"
    code = main(["export", "--out", str(out), "--to", str(target), "--format", *map(str, arguments)])
    errors = capsys.readouterr().err
    if code:
        return b"", errors
    return target.read_bytes() if target.is_file() else b"", errors


def graded(points: float) -> Grade:
    """Return a grade of ``points`` out of 100."""
    lost, changes = 100 - points, {}
    for result in grade().criteria:
        taken = min(lost, result.possible)
        if taken:
            failed = {"verdict": Verdict.FAIL, "earned": round(result.possible - taken, 2), "credit": 0.0}
            changes[result.id] = failed
        lost = round(lost - taken, 2)
    return grade(changes=changes)


def write_marks(folder: Path, marks: Mapping[str, float | None], people: Sequence[Person]) -> Path:
    """Write a gradebook with a grade of so many points for each key."""
    given = {key: None if mark is None else graded(mark) for key, mark in marks.items()}
    return gradebook(folder, given, {person.key: person for person in people})

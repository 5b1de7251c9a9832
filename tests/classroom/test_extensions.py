"""Extensions for one person, and submissions whose time nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from class_times import final_points, hand_in
from classes import notebook, run, save_student, tiny_rubric

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.results import ResultInputs
from grader.classroom.storage.stored_attempts import StoredAttempt
from grader.classroom.timing.lateness import LateRule
from grader.cli import main
from grader.model import CriterionResult, Grade, Verdict


@pytest.fixture(scope="module")
def rubric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_rubric(tmp_path_factory.mktemp("rubric"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def folder(tmp_path: Path, rubric: Path, out: Path) -> Path:
    """A graded class: everything was due on 1 March, and two submissions came on the 3rd."""
    folder = hand_in(tmp_path / "in", ann="2026-03-03 12:00 UTC", ben="2026-03-03 12:00 UTC")
    run(out, folder, "--rubric", rubric, "--due", "2026-03-01", "--timezone", "Europe/Berlin")
    assert final_points(out) == {"ann": 8, "ben": 8}
    return folder


def _adjust(out: Path, *arguments: str) -> int:
    return main(["adjust", *arguments, "--because", "was ill", "--out", str(out)])


def test_an_extension_counts_for_one_person_and_outlives_reruns(
    capsys: pytest.CaptureFixture[str], out: Path, folder: Path, rubric: Path
) -> None:
    assert _adjust(out, "ann", "--until", "2026-03-02") == 0
    said = capsys.readouterr().out
    assert said == "Extended until end of 2026-03-02 (Europe/Berlin, UTC+01:00)\nann: 8 → 9\n"
    report = (out / "student" / "ann.html").read_text()
    assert "Extended until end of 2026-03-02" in report
    assert "was ill" in report
    run(out, folder, "--rubric", rubric, "--fresh")
    assert final_points(out) == {"ann": 9, "ben": 8}


def test_an_extension_is_undone_like_any_adjustment_and_the_newest_one_counts(
    out: Path, folder: Path
) -> None:
    _adjust(out, "ann", "--until", "2026-03-02")
    _adjust(out, "ann", "--days-late", "3")
    assert final_points(out)["ann"] == 7
    _adjust(out, "ann", "--until", "2026-03-03T23:59")
    assert final_points(out)["ann"] == 10
    _adjust(out, "ann", "--undo")
    assert final_points(out)["ann"] == 7
    _adjust(out, "ann", "--undo")
    assert final_points(out)["ann"] == 9


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("soon", "a due date looks like 2026-03-01T23:59"),
        ("03/04/2026", "not '03/04/2026'"),
        (
            "2026-02-28",
            "--until must be after the due date, end of 2026-03-01 (Europe/Berlin, UTC+01:00); not",
        ),
    ],
)
def test_an_extension_in_doubt_or_before_the_due_date_is_refused(
    capsys: pytest.CaptureFixture[str], out: Path, folder: Path, until: str, says: str
) -> None:
    assert _adjust(out, "ann", "--until", until) == 2
    assert says in capsys.readouterr().err
    assert final_points(out)["ann"] == 8


def test_an_extension_needs_a_reason(capsys: pytest.CaptureFixture[str], out: Path, folder: Path) -> None:
    assert main(["adjust", "ann", "--until", "2026-03-05", "--out", str(out)]) == 2
    assert "an adjustment needs a reason" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("per_day", "points"),
    [(9, 2.8), (10, 2), (11, 2)],  # the second one's 10 - 72 %, or the 2 of which nothing is deducted
)
def test_lateness_counts_before_the_best_attempt_is_chosen(out: Path, per_day: float, points: float) -> None:
    """One attempt is poor and in time, one right and 8 days late, and one right and 16 days late."""
    out.mkdir()
    with Gradebook(out, create=True) as book:
        book.set_setting("rubric", {"id": "tiny", "title": "A homework", "exercises": {}})
        book.set_setting("attempt", "best")
        rule = LateRule(due=datetime(2026, 3, 1, 23, 59, tzinfo=UTC), per_day=per_day)
        book.set_setting("late", rule.as_json())
        save_student(book, Person(key="ann", name="Ann"))
        record = book.entry("ann").person.record
        book.save_attempts(record, [_attempt(book, record, *each) for each in ((2, 1), (10, 9), (10, 17))])
        assert book.entry("ann").mark.final == points
    _adjust(out, "ann", "--until", "2026-03-20")
    with Gradebook(out) as book:
        entry = book.entry("ann")
        assert (entry.mark.final, entry.label) == (10, "17.ipynb")  # the latest of two that are equal


def _attempt(book: Gradebook, record: int, earned: float, day: int) -> StoredAttempt:
    result = CriterionResult(
        id="answer.right",
        exercise=1,
        title="The answer is right",
        possible=10,
        earned=earned,
        verdict=Verdict.PASS if earned == 10 else Verdict.FAIL,
        credit=earned / 10,
        message="",
    )
    grade = Grade(submission={}, rubric={}, criteria=(result,), provisional=False)
    inputs = ResultInputs(notebook=f"{day}", rubric="r", grader="g", settings="{}")
    return StoredAttempt(
        person=record,
        run=1,
        first_run=1,
        label=f"{day:02}.ipynb",
        notebook=f"{day}",
        handed_in=datetime(2026, 3, day, 12, tzinfo=UTC),
        result=book.add_result(inputs, grade, [], readable=True),
    )


def test_times_that_cannot_be_read_are_listed_everywhere_and_cost_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rubric: Path, out: Path
) -> None:
    times = {"ann": "2026-03-03 12:00 UTC", "ben": "01/02/2026 10:00", "cat": "soon"}
    ran = run(out, hand_in(tmp_path / "in", **times), "--rubric", rubric, "--due", "2026-03-01")
    unread = "ben (“01/02/2026 10:00”), cat (“soon”)"
    assert f"grade: no late penalty where the time of submission cannot be read: {unread}\n" in ran.err
    assert final_points(out) == {"ann": 8, "ben": 10, "cat": 10}
    page = (out / "index.html").read_text()
    assert "Times that could not be read" in page
    assert "“01/02/2026 10:00”" in page
    assert "Due end of 2026-03-01 (" in page
    capsys.readouterr()
    main(["list", "--unknown-times", "--out", str(out)])
    listed = capsys.readouterr().out
    assert [row.split()[0] for row in listed.splitlines()] == ["ben", "cat"]
    assert "TIME UNKNOWN (“soon”)" in listed
    _adjust(out, "cat", "--days-late", "1")
    capsys.readouterr()
    main(["list", "--unknown-times", "--out", str(out)])
    assert "cat" not in capsys.readouterr().out


def test_a_class_without_any_time_is_told_so_once(tmp_path: Path, rubric: Path, out: Path) -> None:
    notebook(tmp_path / "in" / "ann.ipynb", "answer = 42")
    notebook(tmp_path / "in" / "ben.ipynb", "answer = 41")
    ran = run(out, tmp_path / "in", "--rubric", rubric, "--due", "2026-03-01")
    assert "grade: no submission has a time, so the due date changes no mark\n" in ran.err
    assert "Submissions without a time" not in (out / "index.html").read_text()


def test_who_alone_has_no_time_is_listed(tmp_path: Path, rubric: Path, out: Path) -> None:
    folder = hand_in(tmp_path / "in", ann="2026-03-01 12:00 UTC", ben="")
    ran = run(out, folder, "--rubric", rubric, "--due", "2026-03-01")
    assert "grade: no late penalty where no time of submission is given: ben\n" in ran.err
    assert "Submissions without a time" in (out / "index.html").read_text()

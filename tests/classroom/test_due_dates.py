"""Due dates of a class on the command line: printed with their zone, kept, moved, and refused in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest
from class_times import final_points, hand_in
from classes import gradebook_rows, notebook, run, tiny_rubric

from grader.cli import main


@pytest.fixture(scope="module")
def rubric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_rubric(tmp_path_factory.mktemp("rubric"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_bare_due_date_lasts_all_day_and_is_printed_with_its_zone(
    tmp_path: Path, rubric: Path, out: Path
) -> None:
    folder = hand_in(tmp_path / "in", noon="2026-03-01 12:00:00 UTC", next="2026-03-02 12:00:00 UTC")
    ran = run(out, folder, "--rubric", rubric, "--due", "2026-03-01", "--timezone", "Europe/Berlin")
    assert ran.code == 0
    assert "grade: due end of 2026-03-01 (Europe/Berlin, UTC+01:00)\n" in ran.err
    assert final_points(out) == {"noon": 10, "next": 9}


def test_the_evening_after_the_clocks_changed_is_one_day_late(
    tmp_path: Path, rubric: Path, out: Path
) -> None:
    folder = hand_in(tmp_path / "in", alice="2026-10-25 22:30:00 UTC")
    due = ("--due", "2026-10-24T23:59", "--timezone", "Europe/Berlin")
    assert run(out, folder, "--rubric", rubric, *due).code == 0
    assert final_points(out) == {"alice": 9}


def test_a_moved_due_date_changes_marks_and_reports_and_leaves_a_line_in_the_history(
    tmp_path: Path, rubric: Path, out: Path
) -> None:
    folder = hand_in(tmp_path / "in", early="2026-03-01 12:00 UTC", late="2026-03-02 12:00 UTC")
    zone = ("--timezone", "UTC")
    run(out, folder, "--rubric", rubric, "--due", "2026-03-01", *zone)
    again = run(out, folder, "--rubric", rubric)
    assert "grade: due end of 2026-03-01 (UTC)\n" in again.err  # it holds for later runs
    assert final_points(out) == {"early": 10, "late": 9}

    run(out, folder / "submitted" / "early", "--rubric", rubric, "--due", "2026-03-03T12:00")
    assert final_points(out)["late"] == 10
    assert "It was due" not in (out / "late.html").read_text()
    moved = [
        row
        for row in gradebook_rows(out, "SELECT what, before, after, why FROM change")
        if row[0] == "late rule"
    ]
    assert moved == [
        ("late rule", "9", "10", "the due date moved from end of 2026-03-01 (UTC) to 2026-03-03 12:00 (UTC)")
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("--due", "x"),
            "a due date looks like 2026-03-01T23:59, or 2026-03-01 for the end of that day; not 'x'",
        ),
        (("--due", "01/02/2026"), "not '01/02/2026'"),
        (
            ("--due", "2026-03-01", "--late", "x"),
            "--late takes up to three numbers: percent per day, minutes of",
        ),
        (("--due", "2026-03-01", "--late", "10,15,50,1"), "such as 10,15,50; not '10,15,50,1'"),
        (("--late", "10"), "--late needs a due date: give --due, or set it in the rubric's [settings.late]"),
        (("--due", "2026-03-01", "--timezone", "Berlin"), "there is no time zone named 'Berlin'"),
    ],
)
def test_a_wrong_option_is_explained_before_anything_is_graded(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    rubric: Path,
    out: Path,
    arguments: tuple[str],
    says: str,
) -> None:
    folder = hand_in(tmp_path / "in", alice="2026-03-01 12:00 UTC")
    assert main([str(folder), "--rubric", str(rubric), "--out", str(out), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not (out / "gradebook.sqlite").exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--due", "2026-03-01"),
        ("--late", "10"),
        ("--timezone", "UTC"),
        ("--roster", "people.csv"),
        ("--attempt", "latest"),
        ("--jobs", "2"),
        ("--fresh",),
    ],
    ids=lambda option: option[0],
)
def test_an_option_for_a_class_beside_a_single_notebook_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rubric: Path, out: Path, option: tuple[str, ...]
) -> None:
    path = notebook(tmp_path / "alice.ipynb", "answer = 42")
    assert main([str(path), "--rubric", str(rubric), "--out", str(out), *option]) == 2
    assert (
        f"{option[0]} has no effect on a single notebook; leave it out, or give a folder"
        in capsys.readouterr().err
    )
    assert not out.exists()


def test_a_seed_of_three_parts_is_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(notebook(tmp_path / "alice.ipynb", "answer = 42")), "--seed", "1:2:3"])
    assert "or two with a colon between them, such as 1234:5678; not '1:2:3'" in capsys.readouterr().err


def test_times_of_nbgrader_count_in_every_zone_that_they_name(
    tmp_path: Path, rubric: Path, out: Path
) -> None:
    """All of these are 2026-03-03 10:00 UTC; the last two cannot be known, so nothing is deducted."""
    times = {
        "bom": "\ufeff2026-03-03 10:00:00.123456 UTC\r\n",
        "cet": "2026-03-03 11:00:00.123456 CET",
        "est": "2026-03-03 05:00:00.123456 EST",
        "iana": "2026-03-03 11:00:00.123456 Europe/Berlin",
        "naive": "2026-03-03 11:00:00.123456",
        "offset": "2026-03-03 11:00:00.123456 +0100",
        "dashes": "2026-03-03 10-00-00 UTC",
        "india": "2026-03-03 15:30 IST",
        "soon": "soon",
    }
    folder = hand_in(tmp_path / "in", **times)
    run(out, folder, "--rubric", rubric, "--due", "2026-03-02", "--timezone", "Europe/Berlin")
    assert final_points(out) == {name: 10 if name in ("india", "soon") else 9 for name in times}


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ("Last modified (submission)", "Tuesday, March 3, 2026, 10:00 AM"),
        ("Last modified (submission)", "Tuesday, 3 March 2026, 10:00"),
        ("Last modified (submission)", "Tuesday, 3 March 2026, 10:00\u202fAM"),
        ("Zuletzt geändert (Abgabe)", "Dienstag, 3. März 2026, 10:00"),
        ("Last modified (submission)", "mardi 3 mars 2026, 10:00"),
    ],
)
def test_times_of_a_moodle_worksheet_count_in_the_courses_zone(
    tmp_path: Path, rubric: Path, out: Path, header: str, time: str
) -> None:
    notebook(tmp_path / "in" / "Ann Alder_11_assignsubmission_file_" / "hw.ipynb", "answer = 42")
    roster = tmp_path / "sheet.csv"
    columns = f'Identifier,"Full name","Email address",Status,Grade,"{header}"\n'
    roster.write_text(f'{columns}"Participant 11","Ann Alder",11@uni.example,Submitted,,"{time}"\n')
    late = ("--due", "2026-03-03T09:30", "--timezone", "Asia/Tokyo")
    run(out, tmp_path / "in", "--rubric", rubric, "--roster", roster, *late)
    assert list(final_points(out).values()) == [9]

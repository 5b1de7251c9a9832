"""Submissions as platforms and people lay them out: every student is found, unsafe files are refused."""

from __future__ import annotations

import os
import stat
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from classes import SOURCE, content, notebook, owners, placed, run, tiny_rubric, zipped

from grader.classroom.handins.collect import collect
from grader.classroom.people.claims import place
from grader.classroom.people.directory import Directory
from grader.classroom.people.identity import Claim
from grader.classroom.people.students import safe_name
from grader.classroom.rosters.roster import read_roster
from grader.errors import UsageError


def _write_notebooks(folder: Path, *names: str) -> Path:
    for name in names:
        notebook(folder / name, f"{SOURCE}  # {name}")
    return folder


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (("alice.ipynb", "bob.ipynb"), {"alice", "bob"}),
        (("alice/hw.ipynb", "bob/hw.ipynb"), {"alice", "bob"}),
        (("one/alice.ipynb", "one/bob.ipynb", "two/carol.ipynb"), {"alice", "bob", "carol"}),
        (("smithalice_123_456_hw.ipynb", "jonesbob_LATE_124_457_hw-1.ipynb"), {"smithalice", "jonesbob"}),
        (
            ("Alice Smith_12_assignsubmission_file_/x.ipynb", "Bob Jones_13_assignsubmission_file_/x.ipynb"),
            {"Alice Smith", "Bob Jones"},
        ),
        (("Alice Smith_12_assignsubmission_file_x.ipynb",), {"Alice Smith"}),
        (("hw3-alice/x.ipynb", "hw3-bob-jones/x.ipynb"), {"alice", "bob-jones"}),
        (("submitted/alice/hw3/x.ipynb", "submitted/bob/hw3/x.ipynb"), {"alice", "bob"}),
        (("anna-lee/x.ipynb", "anna-may/x.ipynb"), {"anna-lee", "anna-may"}),
        (("alice/.ipynb_checkpoints/x-checkpoint.ipynb", "alice/x.ipynb"), {"alice"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_the_owners_are_found_in_every_layout(tmp_path, scratch, names, students, packed):
    folder = _write_notebooks(tmp_path / "class", *names)
    given = folder
    if packed:
        given = zipped(tmp_path / "class.zip", {name: (folder / name).read_bytes() for name in names})
    collected = collect([str(given)], scratch, ["answer"])
    assert owners(collected) == students
    assert collected.refused == ()


def test_gradescope_metadata_gives_names_ids_and_times(tmp_path, scratch):
    folder = _write_notebooks(
        tmp_path / "assignment_7_export", "submission_1/x.ipynb", "submission_2/x.ipynb"
    )
    (folder / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Zoë Ng\n    :sid: '77'\n    :email: zoe@x.edu\n"
        "  :created_at: 2026-03-01 22:00:00.0 Z\n"
    )
    first, second = sorted(collect([str(folder)], scratch, []).attempts, key=lambda each: each.label)
    assert (first.owner, dict(first.ids)) == ("Zoë Ng", {"email": "zoe@x.edu", "sis": "77"})
    assert first.handed_in == datetime(2026, 3, 1, 22, tzinfo=UTC)
    assert second.owner == "submission_2"


def test_nbgrader_timestamps_are_read(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "submitted", "alice/hw/x.ipynb")
    (folder / "alice/hw/timestamp.txt").write_text("2026-03-01 22:00:00.5 UTC\n")
    (attempt,) = collect([str(folder)], scratch, []).attempts
    assert attempt.handed_in == datetime(2026, 3, 1, 22, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-03-01 22:00:00 CET", 21),
        ("\ufeff2026-03-01 22:00:00 EST\n", 3),
        ("1. 3. 22 Uhr", None),
        ("", None),
    ],
)
def test_a_time_that_cannot_be_read_is_kept_as_text(tmp_path, scratch, text, hour):
    folder = _write_notebooks(tmp_path / "submitted", "alice/hw/x.ipynb")
    (folder / "alice/hw/timestamp.txt").write_text(text, encoding="utf-8")
    (attempt,) = collect([str(folder)], scratch, []).attempts
    assert (attempt.handed_in.astimezone(UTC).hour if attempt.handed_in else None) == hour
    assert attempt.unread_time == (text if hour is None else "")


def test_a_platforms_time_without_a_zone_is_the_courses(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "submitted", "alice/hw/x.ipynb")
    (folder / "alice/hw/timestamp.txt").write_text("2026-03-01 22:00:00")
    (attempt,) = collect([str(folder)], scratch, [], zone=timezone(timedelta(hours=-5))).attempts
    assert attempt.handed_in == datetime(2026, 3, 2, 3, tzinfo=UTC)


def test_attempts_of_one_student_are_ordered(tmp_path, scratch):
    names = ("ng_5_10_hw.ipynb", "ng_5_12_hw-2.ipynb", "ng_5_11_hw-1.ipynb")
    collected = collect([str(_write_notebooks(tmp_path / "canvas", *names))], scratch, [])
    in_order = sorted(collected.attempts, key=lambda attempt: attempt.number)
    assert [attempt.label.rpartition("/")[2] for attempt in in_order] == [names[0], names[2], names[1]]


def test_of_several_notebooks_the_one_with_the_solution_is_graded_and_a_note_says_so(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "class", "a/hw.ipynb", "b/hw.ipynb", "c/hw.ipynb")
    notebook(folder / "a" / "zz-scratch.ipynb", "print('try')")
    collected = collect([str(folder)], scratch, ["answer"])
    assert owners(collected) == {"a", "b", "c"}
    assert collected.notes == (
        "a handed in several notebooks; class/a/hw.ipynb was graded, not zz-scratch.ipynb.",
    )


def test_a_student_without_a_notebook_is_named(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "class", "Al Bo_1_assignsubmission_file_/x.ipynb")
    other = folder / "Cy Do_2_assignsubmission_file_" / "hw.pdf"
    other.parent.mkdir()
    other.write_bytes(b"%PDF")
    assert collect([str(folder)], scratch, []).refused == ("Cy Do handed in no notebook, only hw.pdf.",)


def _link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("class/link.ipynb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_unsafe_archive_members_are_refused_and_the_rest_is_collected(tmp_path, scratch):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("class/alice.ipynb", content(SOURCE))
        archive.writestr("../../evil.ipynb", content(SOURCE))
        archive.writestr("/etc/evil.ipynb", content(SOURCE))
        archive.writestr("C:\\evil.ipynb", content(SOURCE))
        archive.writestr("class/bomb.ipynb", b"\0" * (64 << 20))
        archive.writestr("class/" + "x" * 300 + ".ipynb", content(SOURCE))
        archive.writestr("class/\x1b[31mred.ipynb", content(SOURCE))
        archive.writestr(_link(), "/etc/passwd")
    collected = collect([str(path)], scratch, [])
    assert owners(collected) == {"alice"}
    reasons = " ".join(collected.refused)
    for reason in (
        "leads out",
        "zip bombs",
        "longer than file systems",
        "cannot be printed",
        "symbolic link",
    ):
        assert reason in reasons
    assert len(collected.refused) == 7
    assert all(sentence.isprintable() for sentence in collected.refused)
    assert {each.name for each in tmp_path.rglob("*evil*")} == set()
    assert sum(each.stat().st_size for each in scratch.rglob("*") if each.is_file()) < 1 << 20


def test_archives_are_extracted_one_level_deep_in_an_archive(tmp_path, scratch):
    inner = zipped(tmp_path / "inner.zip", {"deep.ipynb": content(SOURCE)}).read_bytes()
    middle = zipped(tmp_path / "middle.zip", {"hw.ipynb": content(SOURCE), "inner.zip": inner}).read_bytes()
    outer = zipped(tmp_path / "class.zip", {"ng_5_10_hw.zip": middle, "bo_6_11_hw.ipynb": content(SOURCE)})
    collected = collect([str(outer)], scratch, [])
    assert owners(collected) == {"ng", "bo"}
    assert "nested inside two other archives" in collected.refused[0]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"not a zip at all"])
def test_a_broken_archive_is_refused_by_name(tmp_path, scratch, data):
    folder = _write_notebooks(tmp_path / "class", "alice.ipynb")
    (folder / "bob.zip").write_bytes(data)
    collected = collect([str(folder)], scratch, [])
    assert owners(collected) == {"alice"}
    assert "class/bob.zip is not a readable zip archive" in collected.refused[0]


def test_symbolic_links_in_a_folder_are_refused(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "class", "alice.ipynb")
    os.symlink(folder / "alice.ipynb", folder / "mallory.ipynb")
    os.symlink("/etc", folder / "more")
    collected = collect([str(folder)], scratch, [])
    assert owners(collected) == {"alice"}
    assert len(collected.refused) == 2


def test_file_names_that_are_not_utf8_are_collected(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "class", "alice.ipynb")
    (folder / os.fsdecode(b"b\xf6b.ipynb")).write_bytes(content(SOURCE))
    assert owners(collect([str(folder)], scratch, [])) == {"alice", "b?b"}


def test_a_file_of_another_type_is_refused_by_name(tmp_path, scratch):
    folder = _write_notebooks(tmp_path, "alice.ipynb")
    (folder / "bob.pdf").write_bytes(b"%PDF")
    collected = collect([str(folder / "alice.ipynb"), str(folder / "bob.pdf")], scratch, [])
    assert collected.refused == ("bob.pdf is neither a notebook (*.ipynb, *.py) nor an archive (zip, tar)",)


def test_a_folder_that_is_empty_or_missing_is_an_error(tmp_path, scratch):
    with pytest.raises(UsageError, match="contains no notebooks"):
        collect([str(scratch)], scratch, [])
    with pytest.raises(UsageError, match="there is no file"):
        collect([str(tmp_path / "gone")], scratch, [])


ROSTER = '''\
First name,Last name,Email address,ID,SIS Login ID
Alice,Smith,alice@x.edu,123,as1
"Bob ""Bo""","O'Neil, Jr.",bob@x.edu,124,bo2
李,小龙,li@x.edu,125,li3
Ünal,Çelik,uc@x.edu,126,uc4
'''  # quoted as spreadsheets do


def _matched(tmp_path: Path, scratch: Path, *names: str, roster: str = ROSTER) -> dict[str, list[str]]:
    path = tmp_path / "roster.csv"
    path.write_text(roster, encoding="utf-8-sig")
    attempts = collect([str(_write_notebooks(tmp_path / "class", *names))], scratch, []).attempts
    return placed(Directory(), read_roster(path), *attempts)


def test_a_roster_gives_names_and_lists_students_without_a_submission(tmp_path, scratch):
    students = _matched(
        tmp_path, scratch, "smithalice_123_1_x.ipynb", "neilbo_124_2_x.ipynb", "x_999_3_x.ipynb"
    )
    assert {key for key, labels in students.items() if labels} == {"as1", "bo2", "x"}
    assert students["li3"] == []


@pytest.mark.parametrize("name", ["Ünal Çelik", "celik unal", "uc4", "ÇelikÜnal"])
def test_names_match_in_any_case_and_order_and_without_accents(tmp_path, scratch, name):
    assert _matched(tmp_path, scratch, f"{name}.ipynb", "somebody.ipynb")["uc4"]


def test_a_name_that_two_people_share_matches_neither(tmp_path, scratch):
    roster = "name;login\nJo Li;a\nJo Li;b\n"
    students = _matched(tmp_path, scratch, "Jo Li.ipynb", "c.ipynb", roster=roster)
    assert {key: len(labels) for key, labels in students.items()} == {"a": 0, "b": 0, "Jo-Li": 1, "c": 1}


def test_a_csv_file_that_is_not_a_roster_is_reported(tmp_path):
    (tmp_path / "roster.csv").write_text("colour,size\nred,3\n")
    with pytest.raises(UsageError, match="needs a column named name, login or email"):
        read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Zoë Ng", "Zoë-Ng"), ("../../etc/passwd", "etc-passwd"), ("index", "index-1"), ("CON", "CON-1"),
        ("gradebook.x", "gradebook.x-1"), ("", "unnamed"), ("李小龙", "李小龙"),
        ("a\x00b\n", "a-b"), ("=cmd|'x'", "cmd-x"),
    ],
)  # fmt: skip
def test_report_names_are_safe_file_names(name, safe):
    assert safe_name(name) == safe


def test_report_names_are_short_and_unique():
    claims = [Claim(name=name) for name in ("é" * 500, "é" * 501, "Al", "al", "al")]
    directory = Directory()
    place(directory, claims, "roster")
    names = [record.key for record in directory.records.values()]
    assert len({name.casefold() for name in names}) == 5
    assert all(len(f".{name}.html.99999".encode()) < 255 for name in names)


def test_a_class_in_a_zip_is_graded_without_its_unsafe_member(tmp_path):
    """The installed command grades the rest, shows the reason on the class page, and exits with 1."""
    members = {
        "alice.ipynb": content("answer = 42"),
        "../bob.ipynb": content("answer = 42"),
        "<img src=x onerror=alert(1)>.ipynb": content("answer = 41"),
    }
    given = zipped(tmp_path / "class.zip", members)
    ran = run(tmp_path / "out", given, "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert ran.code == 1
    assert "was refused: its path leads out of the archive" in ran.err
    assert ran.grade("alice")["earned"] == 10
    index = (tmp_path / "out" / "index.html").read_text()
    assert "its path leads out of the archive" in index
    assert "<img" not in index


@pytest.mark.parametrize(
    "names",
    [
        ("Homework_3_2_Alder.ipynb", "Homework_3_2_Birch.ipynb"),
        ("Aufgabe_3_2_Alder.ipynb", "Aufgabe_3_2_Birch.ipynb"),
        ("hw_03_2026_Alder.ipynb", "hw_03_2026_Birch.ipynb"),
        ("Blatt_3_17_Alder.ipynb", "Blatt_3_18_Birch.ipynb"),
    ],
)
def test_numbers_of_a_homework_in_file_names_are_not_canvas_ids(tmp_path, scratch, names):
    collected = collect([str(_write_notebooks(tmp_path / "class", *names))], scratch, ["answer"])
    assert owners(collected) == {Path(name).stem for name in names}
    assert len(collected.attempts) == 2


def test_the_number_that_a_browser_appends_makes_no_second_student(tmp_path, scratch):
    folder = _write_notebooks(
        tmp_path / "class", "ann.ipynb", "ann (1).ipynb", "ben (2).ipynb", "cat.ipynb.part"
    )
    collected = collect([str(folder)], scratch, ["answer"])
    assert owners(collected) == {"ann", "ben", "cat"}
    assert any(note.startswith("ann handed in several notebooks") for note in collected.notes)


def test_the_branch_in_the_name_of_a_repositorys_archive_is_no_part_of_the_login(tmp_path, scratch):
    folder = tmp_path / "hw3-submissions"
    folder.mkdir()
    for name in ("hw3-ann-main", "hw3-ben-master", "hw3-cat"):
        zipped(folder / f"{name}.zip", {f"{name}/hw.ipynb": content(f"{SOURCE}  # {name}")})
    assert owners(collect([str(folder)], scratch, ["answer"])) == {"ann", "ben", "cat"}


def test_a_path_that_stays_in_the_archive_is_read(tmp_path, scratch):
    names = ("ann/src/../hw.ipynb", "ben/../../hw.ipynb", "cat/hw.ipynb")
    archive = zipped(tmp_path / "class.zip", {name: content(f"{SOURCE}  # {name}") for name in names})
    collected = collect([str(archive)], scratch, ["answer"])
    assert owners(collected) == {"ann", "cat"}
    assert collected.refused == (
        "class.zip/ben/../../hw.ipynb was refused: its path leads out of the archive",
    )


def test_who_is_in_gradescopes_metadata_without_a_folder_is_named(tmp_path, scratch):
    folder = _write_notebooks(tmp_path / "export", "submission_1/x.ipynb", "submission_3/x.ipynb")
    (folder / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ann Alder\n"
        "submission_2:\n  :submitters:\n  - :name: Ben Birch\n"
        "submission_3:\n  :submitters: []\n"
    )
    collected = collect([str(folder)], scratch, ["answer"])
    assert collected.refused == (
        "Ben Birch handed in submission_2, says submission_metadata.yml, but there is no such folder.",
    )
    assert (
        "submission_3 has no submitter in submission_metadata.yml: whose it is is unknown." in collected.notes
    )

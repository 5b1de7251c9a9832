"""What learning platforms export, and what people make of folders: everybody found, nothing unsafe let in."""

from __future__ import annotations

import os
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classes import SOURCE, content, notebook, run, tiny_rubric, who, zipped

from grader.classroom.intake import collect
from grader.classroom.roster import StudentAttempts, match, read_roster
from grader.classroom.students import distinct, safe_name
from grader.errors import UsageError


def _laid_out(folder: Path, *names: str) -> Path:
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
        (("alice/.ipynb_checkpoints/x-checkpoint.ipynb", "alice/x.ipynb"), {"x"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_every_layout_tells_whose_it_is(tmp_path, scratch, names, students, packed):
    folder = _laid_out(tmp_path / "class", *names)
    given = folder
    if packed:
        given = zipped(tmp_path / "class.zip", {name: (folder / name).read_bytes() for name in names})
    intake = collect([str(given)], scratch, ["answer"])
    assert who(intake) == students
    assert intake.refused == ()


def test_gradescopes_metadata_gives_names_times_and_addresses(tmp_path, scratch):
    folder = _laid_out(tmp_path / "assignment_7_export", "submission_1/x.ipynb", "submission_2/x.ipynb")
    (folder / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Zoë Ng\n    :sid: '77'\n    :email: zoe@x.edu\n"
        "  :created_at: 2026-03-01 22:00:00.0 Z\n"
    )
    first, second = sorted(collect([str(folder)], scratch, []).attempts, key=lambda each: each.label)
    assert (first.who, dict(first.ids)) == ("Zoë Ng", {"email": "zoe@x.edu", "sis": "77"})
    assert first.handed_in == datetime(2026, 3, 1, 22, tzinfo=UTC)
    assert second.who == "submission_2"


def test_nbgraders_timestamp_is_read(tmp_path, scratch):
    folder = _laid_out(tmp_path / "submitted", "alice/hw/x.ipynb")
    (folder / "alice/hw/timestamp.txt").write_text("2026-03-01 22:00:00.5 UTC\n")
    (attempt,) = collect([str(folder)], scratch, []).attempts
    assert attempt.handed_in == datetime(2026, 3, 1, 22, 0, 0, 500_000, tzinfo=UTC)


def test_attempts_of_one_student_are_kept_apart_and_in_order(tmp_path, scratch):
    names = ("ng_5_10_hw.ipynb", "ng_5_12_hw-2.ipynb", "ng_5_11_hw-1.ipynb")
    intake = collect([str(_laid_out(tmp_path / "canvas", *names))], scratch, [])
    (one,) = match(intake.attempts, [])
    assert [attempt.label.rpartition("/")[2] for attempt in one.attempts] == [names[0], names[2], names[1]]


def test_of_several_notebooks_the_one_with_the_solution_is_taken_and_that_is_said(tmp_path, scratch):
    folder = _laid_out(tmp_path / "class", "a/hw.ipynb", "b/hw.ipynb", "c/hw.ipynb")
    notebook(folder / "a" / "zz-scratch.ipynb", "print('try')")
    intake = collect([str(folder)], scratch, ["answer"])
    assert who(intake) == {"a", "b", "c"}
    assert intake.notes == (
        "a handed in several notebooks; class/a/hw.ipynb was graded, not zz-scratch.ipynb.",
    )


def test_who_handed_in_something_else_is_named(tmp_path, scratch):
    folder = _laid_out(tmp_path / "class", "Al Bo_1_assignsubmission_file_/x.ipynb")
    other = folder / "Cy Do_2_assignsubmission_file_" / "hw.pdf"
    other.parent.mkdir()
    other.write_bytes(b"%PDF")
    assert collect([str(folder)], scratch, []).notes == ("Cy Do handed in no notebook, but hw.pdf.",)


def _link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("class/link.ipynb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_what_is_unsafe_in_an_archive_is_refused_by_name_and_the_rest_is_taken(tmp_path, scratch):
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
    intake = collect([str(path)], scratch, [])
    assert who(intake) == {"alice"}
    reasons = " ".join(intake.refused)
    for reason in ("leads out", "zip bombs", "longer than any disk", "cannot be printed", "a link"):
        assert reason in reasons
    assert len(intake.refused) == 7
    assert all(sentence.isprintable() for sentence in intake.refused)
    assert {each.name for each in tmp_path.rglob("*evil*")} == set()
    assert sum(each.stat().st_size for each in scratch.rglob("*") if each.is_file()) < 1 << 20


def test_archives_of_archives_are_opened_once_and_no_deeper(tmp_path, scratch):
    inner = zipped(tmp_path / "inner.zip", {"deep.ipynb": content(SOURCE)}).read_bytes()
    middle = zipped(tmp_path / "middle.zip", {"hw.ipynb": content(SOURCE), "inner.zip": inner}).read_bytes()
    outer = zipped(tmp_path / "class.zip", {"ng_5_10_hw.zip": middle, "bo_6_11_hw.ipynb": content(SOURCE)})
    intake = collect([str(outer)], scratch, [])
    assert who(intake) == {"ng", "bo"}
    assert "archive within archives" in intake.refused[0]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"not a zip at all"])
def test_a_broken_archive_is_a_sentence(tmp_path, scratch, data):
    folder = _laid_out(tmp_path / "class", "alice.ipynb")
    (folder / "bob.zip").write_bytes(data)
    intake = collect([str(folder)], scratch, [])
    assert who(intake) == {"alice"}
    assert "class/bob.zip is not an archive that can be read" in intake.refused[0]


def test_links_in_a_folder_are_refused(tmp_path, scratch):
    folder = _laid_out(tmp_path / "class", "alice.ipynb")
    os.symlink(folder / "alice.ipynb", folder / "mallory.ipynb")
    os.symlink("/etc", folder / "more")
    intake = collect([str(folder)], scratch, [])
    assert who(intake) == {"alice"}
    assert len(intake.refused) == 2


def test_names_that_are_no_utf8_are_read_all_the_same(tmp_path, scratch):
    folder = _laid_out(tmp_path / "class", "alice.ipynb")
    (folder / os.fsdecode(b"b\xf6b.ipynb")).write_bytes(content(SOURCE))
    assert who(collect([str(folder)], scratch, [])) == {"alice", "b?b"}


def test_a_file_of_another_kind_among_several_is_named(tmp_path, scratch):
    folder = _laid_out(tmp_path, "alice.ipynb")
    (folder / "bob.pdf").write_bytes(b"%PDF")
    intake = collect([str(folder / "alice.ipynb"), str(folder / "bob.pdf")], scratch, [])
    assert intake.refused == ("bob.pdf is neither a notebook (*.ipynb, *.py) nor a zip archive",)


def test_an_empty_folder_and_a_missing_one_are_misuse(tmp_path, scratch):
    with pytest.raises(UsageError, match="holds no notebooks"):
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


def _matched(tmp_path: Path, scratch: Path, *names: str) -> dict[str, StudentAttempts]:
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTER, encoding="utf-8-sig")
    people = read_roster(roster)
    attempts = collect([str(_laid_out(tmp_path / "class", *names))], scratch, []).attempts
    return {one.person.key: one for one in match(attempts, people)}


def test_a_roster_gives_names_and_shows_who_handed_in_nothing(tmp_path, scratch):
    handed = _matched(
        tmp_path, scratch, "smithalice_123_1_x.ipynb", "neilbo_124_2_x.ipynb", "x_999_3_x.ipynb"
    )
    assert [key for key, one in handed.items() if one.attempts] == ["as1", "bo2", "x"]
    assert handed["bo2"].person.name == 'Bob "Bo" O\'Neil, Jr.'
    assert handed["li3"].person.name == "李 小龙"


@pytest.mark.parametrize("name", ["Ünal Çelik", "celik unal", "uc4", "ÇelikÜnal"])
def test_names_are_matched_without_case_accents_and_order(tmp_path, scratch, name):
    handed = _matched(tmp_path, scratch, f"{name}.ipynb", "somebody.ipynb")
    assert handed["uc4"].attempts


def test_a_name_that_two_people_have_is_nobodys(tmp_path, scratch):
    roster = tmp_path / "roster.csv"
    roster.write_text("name;login\nJo Li;a\nJo Li;b\n")
    attempts = collect([str(_laid_out(tmp_path / "class", "Jo Li.ipynb", "c.ipynb"))], scratch, []).attempts
    handed = {one.person.key: len(one.attempts) for one in match(attempts, read_roster(roster))}
    assert handed == {"a": 0, "b": 0, "Jo-Li": 1, "c": 1}


def test_a_file_that_is_no_roster_is_a_sentence(tmp_path):
    (tmp_path / "roster.csv").write_text("colour,size\nred,3\n")
    with pytest.raises(UsageError, match="one of them name, login or email"):
        read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Zoë Ng", "Zoë-Ng"), ("../../etc/passwd", "etc-passwd"), ("index", "index-1"), ("CON", "CON-1"),
        ("gradebook.x", "gradebook.x-1"), ("", "unnamed"), ("李小龙", "李小龙"),
        ("a\x00b\n", "a-b"), ("=cmd|'x'", "cmd-x"),
    ],
)  # fmt: skip
def test_names_of_reports_are_safe(name, safe):
    assert safe_name(name) == safe


def test_names_stay_short_and_distinct():
    names = distinct(["é" * 500, "é" * 501, "Al", "al"])
    assert len({name.casefold() for name in names}) == 4
    assert all(len(f".{name}.html.99999".encode()) < 255 for name in names)


def test_a_class_in_a_zip_is_graded_with_its_bomb_left_out(tmp_path):
    """The real command: the rest is graded, the sentence is on the class page, and the exit code tells."""
    members = {
        "alice.ipynb": content("answer = 42"),
        "../bob.ipynb": content("answer = 42"),
        "<img src=x onerror=alert(1)>.ipynb": content("answer = 41"),
    }
    given = zipped(tmp_path / "class.zip", members)
    ran = run(tmp_path / "out", given, "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert ran.code == 1
    assert "was refused: its name leads out of the archive" in ran.err
    assert ran.grade("alice")["earned"] == 10
    index = (tmp_path / "out" / "index.html").read_text()
    assert "its name leads out of the archive" in index
    assert "<img" not in index

"""Whose a file is: the layouts of platforms, and students' own folders, whatever the files are called."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classes import SOURCE, content, notebook, owners, zipped

from grader.classroom.handins.collect import CollectedSubmissions, collect
from grader.classroom.people.identity import GITHUB, Claim, Identifier
from grader.classroom.people.students import Attempt
from grader.errors import UsageError

ANN, BEN, CAT = "Alder Ann", "Birch Ben", "Cedar Cat"


def _files(folder: Path, *names: str) -> Path:
    for name in names:
        notebook(folder / name, f"{SOURCE}  # {name}")
    return folder


def _collect(scratch: Path, *paths: Path, roster: tuple[Claim, ...] = ()) -> CollectedSubmissions:
    return collect([str(path) for path in paths], scratch, ["answer"], roster=roster)


def _by_name(collected: CollectedSubmissions) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for attempt in collected.attempts:
        found.setdefault(attempt.owner, []).append(attempt)
    return found


@pytest.mark.parametrize(
    "names",
    [
        (f"{ANN}/Homework3.ipynb", f"{BEN}/hw3_final.ipynb", f"{CAT}/Untitled2.ipynb"),
        (f"{ANN}/Homework3.ipynb", f"{BEN}/hw3_final.ipynb", f"{BEN}/old.ipynb", f"{CAT}/Untitled2.ipynb"),
        (f"{ANN}/hw.ipynb", f"{BEN}/hw.ipynb", f"{CAT}/hw.ipynb"),
        (f"{ANN}/hw.ipynb", f"{BEN}/work/hw.ipynb", f"{CAT}/deep/er/hw.ipynb"),
        (f"monday/{ANN}/a.ipynb", f"monday/{BEN}/b.ipynb", f"friday/{CAT}/c.ipynb"),
        (f"{ANN}/part 1.ipynb", f"{ANN}/part 2.ipynb", f"{BEN}/part 1.ipynb", f"{CAT}/all.ipynb"),
    ],
)
@pytest.mark.parametrize("with_roster", [False, True], ids=["alone", "roster"])
def test_a_folder_is_the_student_whatever_the_files_are_called(tmp_path, scratch, names, with_roster):
    roster = (Claim(name="Alder, Ann"), Claim(name="Ben Birch"), Claim(name="Cedar, Cat"))
    collected = _collect(scratch, _files(tmp_path / "class", *names), roster=roster if with_roster else ())
    assert owners(collected) == {ANN, BEN, CAT}


def test_a_single_folder_is_the_student_as_one_of_a_hundred_is(tmp_path, scratch):
    folder = _files(tmp_path / "class", f"{ANN}/hw.ipynb")
    assert owners(_collect(scratch, folder)) == {ANN}
    assert owners(_collect(scratch, folder / ANN)) == {ANN}


@pytest.mark.parametrize("folder", ["cs101", "Fall Term", "submissions"])
def test_a_folder_of_files_named_after_students_is_no_student(tmp_path, scratch, folder):
    assert owners(_collect(scratch, _files(tmp_path / folder, "alice.ipynb", "bob.ipynb"))) == {
        "alice",
        "bob",
    }
    assert owners(_collect(scratch, _files(tmp_path / "new" / folder, "carol.ipynb"))) == {"carol"}


def test_a_roster_tells_sections_from_students(tmp_path, scratch):
    folder = _files(tmp_path / "class", "red/w1.ipynb", "red/w2.ipynb", "blue/w3.ipynb")
    roster = tuple(Claim(name=name) for name in ("w1", "w2", "w3"))
    assert owners(_collect(scratch, folder, roster=roster)) == {"w1", "w2", "w3"}
    roster = (Claim(name="Red"), Claim(name="Blue"))
    assert owners(_collect(scratch, folder, roster=roster)) == {"red", "blue"}


def test_names_of_folders_and_files_are_no_identifiers(tmp_path, scratch):
    roster = (Claim(name="Ann Alder", identifiers=(Identifier("login", "aa1"),)),)
    collected = _collect(scratch, _files(tmp_path / "class", "aa1/x.ipynb", "bb2/x.ipynb"), roster=roster)
    assert {attempt.members for attempt in collected.attempts} == {(Claim(name="aa1"),), (Claim(name="bb2"),)}


@pytest.mark.parametrize("count", [1, 2])
def test_ilias_folders_give_name_and_login(tmp_path, scratch, count):
    names = ("Alder_Ann_aalder_12345/HW3.ipynb", "van Berg_Ben_b_berg_23456/Uebung3.ipynb")[:count]
    collected = _collect(scratch, _files(tmp_path / "Exercise" / "Submissions", *names))
    expected = [
        Claim(name="Ann Alder", identifiers=(Identifier("login", "aalder"),)),
        Claim(name="Ben van Berg", identifiers=(Identifier("login", "b_berg"),)),
    ]
    assert [attempt.members for attempt in collected.attempts] == [(claim,) for claim in expected[:count]]


@pytest.mark.parametrize("stray", ["Feedback/notes.txt", "_old/HW3.ipynb", ".keep/x"])
@pytest.mark.parametrize("logins", [("aalder", "b_berg"), ("20231234", "20231235"), ("aalder", "20231235")])
def test_ilias_logins_are_kept_beside_a_stray_folder_and_may_be_numbers(tmp_path, scratch, stray, logins):
    names = (f"Alder_Ann_{logins[0]}_12345/HW3.ipynb", f"van Berg_Ben_{logins[1]}_23456/Uebung3.ipynb")
    collected = _collect(scratch, _files(tmp_path / "Exercise" / "Submissions", *names, stray))
    expected = {Claim(name=name, identifiers=(Identifier("login", login),))
                for name, login in zip(("Ann Alder", "Ben van Berg"), logins, strict=True)}  # fmt: skip
    assert expected <= {attempt.members[0] for attempt in collected.attempts}


def test_folders_with_two_numbers_at_the_end_are_no_iliass(tmp_path, scratch):
    collected = _collect(
        scratch, _files(tmp_path / "class", "hw_final_2026_03/a.ipynb", "hw_old_2026_02/a.ipynb")
    )
    assert not any(attempt.members[0].identifiers for attempt in collected.attempts)


def test_only_canvas_own_suffix_makes_an_attempt(tmp_path, scratch):
    """Canvas appends it to a name that the same student has uploaded before, ahead of the ending."""
    names = (
        "ng_4_1_ddpm-2.ipynb", "ng_4_2_plots-3.ipynb", "eva_5_3_hw-3.ipynb", "eva_5_4_hw-3-1.ipynb",
        "kim_6_5_hw_1_final_2.ipynb", "vy_7_6_2026_03_01_hw.ipynb", "zoe_8_7_hw-1.ipynb",
    )  # fmt: skip
    found = _by_name(_collect(scratch, _files(tmp_path / "z", *names)))
    numbers = {owner: [attempt.number for attempt in own] for owner, own in found.items()}
    assert numbers == {"ng": [0], "eva": [0, 1], "kim": [0], "vy": [0], "zoe": [0]}
    assert found["eva"][1].label == "z/eva_5_4_hw-3-1.ipynb"


def test_canvas_marks_of_lateness_and_anonymous_ids_are_read(tmp_path, scratch):
    names = ("alder_LATE_1_1_x.ipynb", "birch_late_2_2_x.ipynb", "anon_abc12_5009_x.ipynb", "cat_3_3_x.ipynb")
    collected = _collect(scratch, _files(tmp_path / "z", *names))
    assert {attempt.owner: attempt.is_late for attempt in collected.attempts} == {
        "alder": True, "birch": True, "anon_abc12": False, "cat": False,
    }  # fmt: skip
    assert [dict(attempt.ids) for attempt in collected.attempts if attempt.owner == "anon_abc12"] == [{}]


def test_a_students_own_file_with_numbers_is_not_canvas(tmp_path, scratch):
    names = (
        "alice/hw.ipynb",
        "alice/try_1_2_x.ipynb",
        "bob/hw.ipynb",
        "Ng_1_assignsubmission_file_/a_1_2_b.ipynb",
    )
    assert owners(_collect(scratch, _files(tmp_path / "z", *names))) == {"alice", "bob", "Ng"}


def test_github_logins_are_found_in_every_download(tmp_path, scratch):
    """GitHub Classroom's folders and archives, and Classroom 50's, where the download gives the prefix."""
    _files(tmp_path / "hw3-submissions", "hw3-octo-ann/hw.ipynb", "hw3-benb/hw.ipynb")
    for login in ("octo-ann", "benb"):
        member = f"hw3-{login}-main/hw.ipynb"
        (tmp_path / "zips").mkdir(exist_ok=True)
        zipped(tmp_path / "zips" / f"hw3-{login}-main.zip", {member: content(f"{SOURCE} # {login}")})
    download = "cs-hello_submissions_2026_09_30_T_10_00_00"
    _files(tmp_path / download, "cs-hello-octo-ann/hw.ipynb", "cs-hello-octo-bob/hw.ipynb")
    for folder, logins in (
        ("hw3-submissions", {"octo-ann", "benb"}),
        ("zips", {"octo-ann", "benb"}),
        (download, {"octo-ann", "octo-bob"}),
    ):
        collected = _collect(scratch, tmp_path / folder)
        found = {attempt.members[0] for attempt in collected.attempts}
        expected = {login: Identifier("github", login, GITHUB) for login in logins}
        assert found == {Claim(name=login, identifiers=(each,)) for login, each in expected.items()}


@pytest.mark.parametrize("given", ["submitted", "submitted/ann", "submitted/ann/hw"])
def test_any_folder_of_nbgraders_tells_the_student_and_the_time(tmp_path, scratch, given):
    folder = _files(tmp_path / "submitted" / "ann" / "hw", "hw.ipynb")
    (folder / "timestamp.txt").write_text("2026-03-01 21:04:05.123456 UTC")
    (attempt,) = _collect(scratch, tmp_path / given).attempts
    assert attempt.owner == "ann"
    assert attempt.handed_in == datetime(2026, 3, 1, 21, 4, 5, 123456, tzinfo=UTC)


def test_several_rounds_of_nbgrader_are_several_attempts_in_the_order_of_their_times(tmp_path, scratch):
    for number, (course, day) in enumerate((("b", 1), ("a", 5), ("c", 3))):
        folder = tmp_path / course / "submitted" / "ann" / "hw"
        _files(folder, "hw.ipynb", "src/helper.ipynb")
        (folder / "hw.ipynb").write_bytes(content(f"{SOURCE} # {number}"))
        (folder / "timestamp.txt").write_text(f"2026-03-0{day} 21:04:05.123456 UTC")
    found = collect([str(tmp_path / course) for course in "abc"], scratch, ["answer"]).attempts
    times = {attempt.label: attempt.handed_in and attempt.handed_in.day for attempt in found}
    assert times == {
        f"{course}/submitted/ann/hw/hw.ipynb": day for course, day in (("b", 1), ("a", 5), ("c", 3))
    }


@pytest.mark.parametrize("given", ["submitted", "submitted/ann", "submitted/ann/hw"])
def test_rounds_of_nbgrader_may_be_given_by_any_of_their_folders(tmp_path, scratch, given):
    for course, day in (("round2", 5), ("round1", 1)):
        folder = _files(tmp_path / course / "submitted" / "ann" / "hw", "hw.ipynb")
        (folder / "timestamp.txt").write_text(f"2026-03-0{day} 21:04:05.123456 UTC")
    paths = [str(tmp_path / course / given) for course in ("round2", "round1")]
    found = collect(paths, scratch, ["answer"]).attempts
    assert {attempt.owner for attempt in found} == {"ann"}
    assert sorted(attempt.handed_in.day for attempt in found if attempt.handed_in) == [1, 5]


def test_several_submissions_of_gradescope_are_several_attempts(tmp_path, scratch):
    for number in (1, 2):
        folder = _files(tmp_path / f"export{number}", f"submission_{number}/x.ipynb")
        entry = f"submission_{number}:\n  :submitters:\n  - :name: Ann\n    :email: ann@x.edu\n"
        time = f"  :created_at: 2026-03-0{number} 10:00:00 Z\n"
        (folder / "submission_metadata.yml").write_text(entry + time)
    found = collect([str(tmp_path / "export1"), str(tmp_path / "export2")], scratch, ["answer"]).attempts
    assert sorted(attempt.handed_in.day for attempt in found if attempt.handed_in) == [1, 2]


def test_of_several_nbgrader_assignments_only_the_homeworks_own_is_graded(tmp_path, scratch):
    other = content("def other(): pass")
    folder = _files(tmp_path / "submitted", "ann/hw2/x.ipynb", "ben/hw2/x.ipynb")
    for name in ("ann/hw1/x.ipynb", "ben/hw1/x.ipynb", "cat/hw1/x.ipynb"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(other)
    collected = _collect(scratch, folder)
    assert {attempt.label for attempt in collected.attempts} == {
        "submitted/ann/hw2/x.ipynb", "submitted/ben/hw2/x.ipynb",
    }  # fmt: skip
    reasons = {file.name: file.reason for file in collected.files}
    assert reasons["submitted/cat/hw1/x.ipynb"] == "it is of another assignment, hw1"


def test_several_nbgrader_assignments_of_this_homework_are_refused(tmp_path, scratch):
    folder = _files(tmp_path / "submitted", "ann/hw1/x.ipynb", "ann/hw2/x.ipynb")
    with pytest.raises(UsageError, match=r"several assignments \(hw1, hw2\).* submitted/\*/hw2"):
        _collect(scratch, folder)


def test_a_folder_that_happens_to_be_called_submitted_is_no_layout(tmp_path, scratch):
    folder = _files(tmp_path / "submitted" / "class", "ann/hw.ipynb", "ben/hw.ipynb")
    assert {attempt.owner for attempt in _collect(scratch, folder).attempts} == {"ann", "ben"}


def test_every_member_of_a_gradescope_group_is_named(tmp_path, scratch):
    folder = _files(tmp_path / "assignment_7_export", "submission_1/x.ipynb", "submission_2/x.ipynb")
    (folder / "submission_metadata.yml").write_text(
        "---\nsubmission_1:\n  :submitters:\n  - :name: Ann\n    :email: ann@x.edu\n  - :name: Ben\n"
        "    :sid: '0012'\n  :created_at: 2026-03-01 20:00:00.000000000 Z\n"
        "submission_2:\n  :submitters:\n  - :name: Cat\n    :email: cat@x.edu\n"
    )
    group, alone = _collect(scratch, folder).attempts
    assert group.members == (
        Claim(name="Ann", identifiers=(Identifier("email", "ann@x.edu"),)),
        Claim(name="Ben", identifiers=(Identifier("sis", "0012"),)),
    )
    assert (group.group, alone.group) == ("submission_1", "")


@pytest.mark.parametrize("sid", ["0012", "1e5", "12:30", "yes", "2026-03-01"])
def test_ids_without_quotes_in_gradescope_metadata_stay_as_they_are(tmp_path, scratch, sid):
    folder = tmp_path / "export"
    _files(folder, "submission_1/hw.ipynb")
    (folder / "submission_metadata.yml").write_text(
        f"submission_1:\n  :submitters:\n  - :name: Ann\n    :sid: {sid}\n    :email: null\n"
        "  :created_at: 2026-03-01 20:00:00.000000000 Z\n"
    )
    (attempt,) = _collect(scratch, folder).attempts
    assert attempt.members == (Claim(name="Ann", identifiers=(Identifier("sis", sid),)),)
    assert attempt.handed_in == datetime(2026, 3, 1, 20, tzinfo=UTC)


def test_gradescope_metadata_of_unknown_types_is_used_and_said(tmp_path, scratch):
    folder = _files(tmp_path / "export", "submission_1/x.ipynb")
    (folder / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ann\n  :created_at: 2026-03-01 20:00:00.0 Z\n"
        "  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess\n    tests: []\n"
    )
    collected = _collect(scratch, folder)
    (attempt,) = collected.attempts
    assert (attempt.owner, attempt.handed_in is None) == ("Ann", False)
    assert any("could not be read completely" in note and "!ruby/hash" in note for note in collected.notes)


def test_of_broken_gradescope_metadata_the_readable_part_is_used(tmp_path, scratch):
    folder = _files(tmp_path / "export", *(f"submission_{number}/x.ipynb" for number in (1, 2, 3)))
    (folder / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ann\n    :email: ann@x.edu\n"
        "  :created_at: 2026-03-01 20:00:00.0 Z\n  :results: {tests: [\n"
        "    :created_at: 2026-01-01 00:00:00.0 Z\n"
        "submission_2:\n  :submitters:\n  - :name: Ben\n"
    )
    collected = _collect(scratch, folder)
    times = {attempt.owner: attempt.handed_in for attempt in collected.attempts}
    assert times["Ann"] == datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert owners(collected) == {"Ann", "Ben", "submission_3"}
    notes = " ".join(collected.notes)
    assert "1 of 2 submissions in part: submission_1" in notes
    assert "submission_3 has no entry in submission_metadata.yml" in notes


@pytest.mark.parametrize("value", ["[", "{a: b", "&x", "*", "|"])
def test_a_value_that_is_no_text_in_broken_gradescope_metadata_is_nobodys_name(tmp_path, scratch, value):
    folder = _files(tmp_path / "export", "submission_1/x.ipynb", "submission_2/x.ipynb")
    (folder / "submission_metadata.yml").write_text(
        f"submission_1:\n  :submitters:\n  - :name: {value}\n    :email: ann@x.edu\n  :results: {{tests: [\n"
        f"submission_2:\n  :submitters:\n  - :name: {value}\n  :results: {{tests: [\n"
    )
    collected = _collect(scratch, folder)
    assert owners(collected) == {"ann@x.edu", "submission_2"}
    assert any("could not be read completely" in note for note in collected.notes)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_gradescope_metadata_in_any_common_encoding_keeps_the_names(tmp_path, scratch, encoding):
    folder = _files(tmp_path / "export", "submission_1/x.ipynb")
    text = "submission_1:\n  :submitters:\n  - :name: Zoë Müller\n    :email: zm@x.edu\n"
    (folder / "submission_metadata.yml").write_bytes(text.encode(encoding))
    assert owners(_collect(scratch, folder)) == {"Zoë Müller"}


def test_members_of_a_moodle_team_share_one_attempt(tmp_path, scratch):
    same = content(SOURCE)
    for member, data in (
        ("Red Team-Ann Alder_11", same),
        ("Red Team-Ben Birch_12", same),
        ("Blue-Anne-Marie Duval_13", content("answer = 1")),
    ):
        path = tmp_path / "m" / f"{member}_assignsubmission_file_" / "hw.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    red, blue = sorted(_collect(scratch, tmp_path / "m").attempts, key=lambda each: -len(each.members))
    assert [claim.name for claim in red.members] == ["Ann Alder", "Ben Birch"]
    assert [claim.identifiers[0].value for claim in red.members] == ["11", "12"]
    assert (red.group, len(blue.members)) == ("Red Team", 1)
    roster = (Claim(name="Duval, Anne-Marie"),)
    named = {each.owner for each in _collect(scratch, tmp_path / "m", roster=roster).attempts}
    assert "Anne-Marie Duval" in named


def test_hyphens_in_names_make_no_team(tmp_path, scratch):
    for member in ("Anne-Marie Duval_11", "Anne-Sophie Leroy_12", "Cat Cedar_13"):
        path = tmp_path / "m" / f"{member}_assignsubmission_file_" / "hw.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(content(SOURCE))
    collected = _collect(scratch, tmp_path / "m")
    assert owners(collected) == {"Anne-Marie Duval", "Anne-Sophie Leroy", "Cat Cedar"}


def test_participants_of_blind_marking_have_different_names(tmp_path, scratch):
    names = (f"Participant_{number}_assignsubmission_file_/x.ipynb" for number in (11, 12))
    assert owners(_collect(scratch, _files(tmp_path / "m", *names))) == {"Participant 11", "Participant 12"}


def test_several_exports_given_at_once_are_one_class(tmp_path, scratch):
    """The same student may be in several exports, and the exports' names are no part of students'."""
    one = _files(tmp_path / "canvas-one", "ng_5_10_hw.ipynb", "bo_6_11_hw.ipynb")
    two = _files(tmp_path / "canvas-two", "ng_5_12_hw-1.ipynb")
    found = _by_name(_collect(scratch, one, two))
    assert {owner: [each.number for each in own] for owner, own in found.items()} == {"ng": [0, 1], "bo": [0]}
    first = _files(tmp_path / "section 1", f"{ANN}/hw.ipynb", f"{BEN}/hw.ipynb")
    second = _files(tmp_path / "section 2", f"{CAT}/hw.ipynb")
    assert owners(_collect(scratch, first, second)) == {ANN, BEN, CAT}


def test_folders_of_one_name_from_two_sections_keep_their_students_in_any_order(tmp_path, scratch):
    for section in "AB":
        _files(tmp_path / section / "hw3", "Ann Alder/hw.ipynb", f"{section} Birch/hw.ipynb")
    found = []
    for order in ("AB", "BA"):
        paths = [str(tmp_path / section / "hw3") for section in order]
        attempts = collect(paths, scratch, ["answer"]).attempts
        found.append({attempt.owner: attempt.label for attempt in attempts})
    assert found[0] == found[1]
    assert found[0]["A-hw3-Ann Alder"] == "A-hw3/Ann Alder/hw.ipynb"
    assert set(found[0]) == {"A-hw3-Ann Alder", "B-hw3-Ann Alder", "A Birch", "B Birch"}


def test_the_names_of_roots_do_not_matter(tmp_path, scratch):
    """A download's folder may look like a file of Canvas or be called submitted."""
    folder = _files(tmp_path / "hw_2026_03_01", "alice/x.ipynb", "bob/x.ipynb")
    assert owners(_collect(scratch, folder)) == {"alice", "bob"}
    with zipfile.ZipFile(tmp_path / "class_1_2_x.zip", "w") as archive:
        archive.writestr("carol_3_4_x.ipynb", content(SOURCE))
    assert owners(_collect(scratch, tmp_path / "class_1_2_x.zip")) == {"carol"}


def test_nbgraders_other_folders_hold_no_submissions(tmp_path, scratch):
    """A whole course folder may be given: sources, releases and earlier grades are named, not graded."""
    names = (
        "submitted/alice/hw3/x.ipynb", "source/hw3/x.ipynb", "release/hw3/x.ipynb",
        "autograded/alice/hw3/x.ipynb", "downloaded/hw3/archive/alice_x.ipynb", "feedback/alice/hw3/x.html",
    )  # fmt: skip
    collected = _collect(scratch, _files(tmp_path / "course", *names))
    assert owners(collected) == {"alice"}
    assert len(collected.files) == len(names)
    assert "not in it" in collected.notes[0]

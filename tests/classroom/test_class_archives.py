"""Students who hand in archives: their modules come along, and the archive's name is theirs."""

from __future__ import annotations

from classes import SOURCE, content, run, tiny_rubric, who, zipped

from grader.classroom.intake import collect


def test_modules_in_a_students_zip_are_taken_along_and_stay_their_own(tmp_path):
    """The same notebook twice; what it imports is right in one zip and wrong in the other."""
    same = content("from parts.model import answer")
    folder = tmp_path / "class"
    folder.mkdir()
    for name, answer in (("alice", 42), ("bob", 41)):
        members = {"My work/hw.ipynb": same, "My work/parts/model.py": f"answer = {answer}".encode()}
        zipped(folder / f"{name}.zip", members)
    ran = run(tmp_path / "out", folder, "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert [ran.grade(name)["earned"] for name in ("alice", "bob")] == [10, 2]


def test_an_archive_counts_as_a_folder(tmp_path, scratch):
    """One for each student, whatever folders are in it; or one for each section of the class."""
    folder = tmp_path / "class"
    folder.mkdir()
    zipped(folder / "alice.zip", {"My work/final/hw.ipynb": content(SOURCE)})
    zipped(folder / "Bob.ZIP", {"hw.ipynb": content(SOURCE)})
    assert who(collect([str(folder)], scratch, [])) == {"alice", "Bob"}
    for name in ("alice.zip", "Bob.ZIP"):
        (folder / name).unlink()
    zipped(folder / "monday.zip", {"ann/hw.ipynb": content(SOURCE), "ben/hw.ipynb": content(SOURCE)})
    zipped(folder / "friday.zip", {"cy/hw.ipynb": content(SOURCE), "di/hw.ipynb": content(SOURCE)})
    assert who(collect([str(folder)], scratch, [])) == {"monday-ann", "monday-ben", "friday-cy", "friday-di"}


def test_a_module_cannot_leave_its_place_and_deep_folders_are_refused(tmp_path, scratch):
    members = {
        "alice/hw.ipynb": content(SOURCE),
        "../model.py": b"evil",
        "/model.py": b"evil",
        "a/" * 400 + "model.py": b"deep",
    }
    intake = collect([str(zipped(tmp_path / "class.zip", members))], scratch, [])
    assert len(intake.refused) == 3
    assert not list(tmp_path.rglob("model.py"))

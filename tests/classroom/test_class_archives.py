"""Students who hand in zip archives: their modules are used, and the archive counts as a folder."""

from __future__ import annotations

from classes import SOURCE, content, owners, run, tiny_rubric, zipped

from grader.classroom.handins.collect import collect


def test_modules_in_a_zip_are_used_for_its_own_notebook_only(tmp_path):
    """Two zips hold the same notebook; the module it imports is right in one and wrong in the other."""
    same = content("from parts.model import answer")
    folder = tmp_path / "class"
    folder.mkdir()
    for name, answer in (("alice", 42), ("bob", 41)):
        members = {"My work/hw.ipynb": same, "My work/parts/model.py": f"answer = {answer}".encode()}
        zipped(folder / f"{name}.zip", members)
    ran = run(tmp_path / "out", folder, "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert [ran.grade(name)["earned"] for name in ("alice", "bob")] == [10, 2]


def test_an_archive_counts_as_a_folder(tmp_path, scratch):
    """One zip per student, whatever folders are in it, or one zip per section of the class."""
    folder = tmp_path / "class"
    folder.mkdir()
    zipped(folder / "alice.zip", {"My work/final/hw.ipynb": content(SOURCE)})
    zipped(folder / "Bob.ZIP", {"hw.ipynb": content(SOURCE)})
    assert owners(collect([str(folder)], scratch, [])) == {"alice", "Bob"}
    for name in ("alice.zip", "Bob.ZIP"):
        (folder / name).unlink()
    zipped(folder / "monday.zip", {"ann/hw.ipynb": content(SOURCE), "ben/hw.ipynb": content(SOURCE)})
    zipped(folder / "friday.zip", {"cy/hw.ipynb": content(SOURCE), "di/hw.ipynb": content(SOURCE)})
    assert owners(collect([str(folder)], scratch, [])) == {"ann", "ben", "cy", "di"}


def test_modules_with_escaping_paths_and_deep_folders_are_refused(tmp_path, scratch):
    members = {
        "alice/hw.ipynb": content(SOURCE),
        "../model.py": b"evil",
        "/model.py": b"evil",
        "a/" * 400 + "model.py": b"deep",
    }
    collected = collect([str(zipped(tmp_path / "class.zip", members))], scratch, [])
    assert len(collected.refused) == 3
    assert not list(tmp_path.rglob("model.py"))

"""Of several notebooks in one attempt, the one with the student's own work is graded."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from classes import content, run, tiny_rubric, zipped

from grader.classroom.handins.collect import CollectedSubmissions, collect
from grader.classroom.handins.selection import Selector
from grader.extraction.handout import read_handout

HANDOUT = "def answer():\n    pass\n\ndef helper(x):\n    return x"
COMMENTED = '# my try\ndef answer():\n    """Not yet."""\n    pass\n\n\ndef helper( x ):\n    return x'
SOLUTION = "def answer():\n    return helper(42)\n\ndef helper(x):\n    return x"
IN_HELPER = "def answer():\n    return helper(41)\n\ndef helper(x):\n    return x + 1"
WANTED = ["answer", "helper"]
FOLDER = "Ann_1_assignsubmission_file_"


def _collect(scratch: Path, path: Path, handout: str = HANDOUT) -> CollectedSubmissions:
    given = scratch.parent / "handout.ipynb"
    given.write_bytes(content(handout))
    selector = Selector(WANTED, read_handout(given))
    return collect([str(path)], scratch, WANTED, selector=selector)


def _graded(collected: CollectedSubmissions) -> list[str]:
    return [attempt.label.rpartition("/")[2] for attempt in collected.attempts]


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = folder / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(source) if "ipynb" in name else source.encode())
    return folder


@pytest.mark.parametrize(
    "copy", [HANDOUT, COMMENTED, f"{HANDOUT}\nT = 50"], ids=["same", "comments", "constant"]
)
@pytest.mark.parametrize("own", [SOLUTION, IN_HELPER, "def answer():\n    return 42"])
@pytest.mark.parametrize(
    "names", [("a.ipynb", "b.ipynb"), ("b.ipynb", "a.ipynb"), ("HW3 (1).ipynb", "x.ipynb")]
)
def test_a_copy_of_the_handout_never_beats_a_solution(tmp_path, scratch, copy, own, names):
    """Also if the copy is newer, and if it has more definitions than the solution."""
    handed_out, solution = names
    folder = _write(tmp_path / "class", {solution: own, handed_out: copy})
    os.utime(folder / FOLDER / solution, (0, 0))
    collected = _collect(scratch, folder)
    assert _graded(collected) == [solution]
    assert f"not {handed_out} (the handout)" in collected.notes[0]


def test_a_handout_alone_is_graded(tmp_path, scratch):
    assert _graded(_collect(scratch, _write(tmp_path / "class", {"hw.ipynb": HANDOUT}))) == ["hw.ipynb"]


def test_a_script_counts_where_the_notebook_is_the_handout(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"hw.ipynb": HANDOUT, "solution.py": SOLUTION})
    assert _graded(_collect(scratch, folder)) == ["solution.py"]


@pytest.mark.parametrize("statement", ["from parts import *", "from parts import answer", "import parts"])
def test_a_module_never_counts_in_place_of_the_notebook_that_imports_it(tmp_path, scratch, statement):
    folder = _write(tmp_path / "class", {"hw.ipynb": statement, "parts.py": SOLUTION, "notes.ipynb": "x = 1"})
    assert _graded(_collect(scratch, folder)) == ["hw.ipynb"]


def test_the_script_that_imports_the_others_is_graded(tmp_path, scratch):
    files = {"main.py": "from zz import answer\nfrom aa import helper", "zz.py": SOLUTION, "aa.py": SOLUTION}
    collected = _collect(scratch, _write(tmp_path / "class", files))
    assert _graded(collected) == ["main.py"]
    assert collected.notes == ()


def test_the_members_own_dates_count_not_those_of_extraction(tmp_path, scratch):
    for name, order in (("new-first", (0, 1)), ("old-first", (1, 0))):
        members = [("final.ipynb", (2026, 3, 1, 20, 0, 0)), ("a.ipynb", (2026, 2, 1, 8, 0, 0))]
        path = tmp_path / "class" / f"{name}_1{len(name)}_assignsubmission_file_" / "hw.zip"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            for index in order:
                member, date = members[index]
                archive.writestr(zipfile.ZipInfo(member, date), content(f"{SOLUTION} # {member}"))
    assert _graded(_collect(scratch, tmp_path / "class")) == ["final.ipynb", "final.ipynb"]


def test_of_equal_files_the_newer_counts_and_what_is_called_old_does_not(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"one.ipynb": SOLUTION, "two.ipynb": f"{SOLUTION} # 2"})
    os.utime(folder / FOLDER / "two.ipynb", (time.time() - 9, time.time() - 9))
    assert _graded(_collect(scratch, folder)) == ["one.ipynb"]
    folder = _write(tmp_path / "other", {"hw.ipynb": SOLUTION, "hw_old.ipynb": f"{SOLUTION} # 2"})
    os.utime(folder / FOLDER / "hw.ipynb", (0, 0))
    assert _graded(_collect(scratch, folder)) == ["hw.ipynb"]


def test_of_canvas_files_the_last_upload_counts(tmp_path, scratch):
    folder = tmp_path / "class"
    folder.mkdir()
    for name in ("ng_1_90_a.ipynb", "ng_1_100_b.ipynb", "ng_1_95_c.ipynb"):
        (folder / name).write_bytes(content(f"{SOLUTION} # {name}"))
    assert _graded(_collect(scratch, folder)) == ["ng_1_100_b.ipynb"]


def test_a_copy_of_the_same_content_is_no_choice(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"hw.ipynb": SOLUTION, "hw (1).ipynb": SOLUTION})
    collected = _collect(scratch, folder)
    assert (len(collected.attempts), collected.notes) == (1, ())


def test_two_pipes_are_not_opened_to_compare_them(tmp_path, scratch):
    """Opening a pipe waits until somebody writes into it."""
    folder = _write(tmp_path / "class", {"notes.txt": "x = 1"})
    for name in ("hw.ipynb", "hw (1).ipynb"):
        os.mkfifo(folder / FOLDER / name)
    assert len(_collect(scratch, folder).attempts) == 1


def test_the_command_grades_the_solution_beside_the_handout(tmp_path):
    """The rubric's own handout is used without an option."""
    rubric = tiny_rubric(tmp_path / "tiny")
    (rubric / "handout.ipynb").write_bytes(content("def answer(): return None"))
    members = {
        "hw.ipynb": content("def answer(): return 42"),
        "HW.ipynb": content("def answer(): return None"),
    }
    (tmp_path / "class").mkdir()
    zipped(tmp_path / "class" / "ann.zip", members)
    ran = run(tmp_path / "out", tmp_path / "class", "--rubric", rubric)
    assert ran.grade("ann")["earned"] == 10
    assert json.loads((tmp_path / "out" / "ann.json").read_text())["submission"]["path"].endswith("/hw.ipynb")

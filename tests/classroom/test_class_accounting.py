"""Every file below what is graded is graded, used, not graded for a reason, or clutter, and exactly once."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from classes import SOURCE, command, content, gradebook_rows, notebook, owners, run, tiny_rubric, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.classroom.handins.accounting import Fate
from grader.classroom.handins.collect import CollectedSubmissions, collect
from grader.errors import UsageError

NB = content(SOURCE)
CLUTTER = (
    *("._hw.ipynb", ".DS_Store", ".ipynb_checkpoints/hw-checkpoint.ipynb", "__MACOSX/._hw.ipynb"),
    *(".Trash-1000/hw.ipynb", "~$report.docx", "Thumbs.db", "desktop.ini", ".git/hw.ipynb"),
)


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _collect(scratch: Path, *paths: Path) -> CollectedSubmissions:
    return collect([str(path) for path in paths], scratch, ["answer"])


def _fates(collected: CollectedSubmissions) -> dict[str, str]:
    return {record.name.partition("/")[2]: record.fate.value for record in collected.files}


@pytest.mark.parametrize(
    "name",
    [
        "hw.ipynb.txt", "hw.ipynb.json", "hw.json", "hw.IPYNB", "hw.ipynb.ipynb", "hw.txt", "hw.ipynb_",
        "hw (1).ipynb", "hw", "hw.py", "hw.py.txt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["{}/{}", "{}_12_34_{}", "{}_12_assignsubmission_file_/{}"])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_notebook_or_script_with_another_ending_is_graded(tmp_path, scratch, name, layout, packed):
    data = SOURCE.encode() if ".py" in name else NB
    files = {layout.format("ann", name): data, layout.format("ben", "x.ipynb").replace("12", "13"): NB}
    path = _write(tmp_path / "class", files) if not packed else zipped(tmp_path / "class.zip", files)
    collected = _collect(scratch, path)
    assert owners(collected) == {"ann", "ben"}
    assert collected.refused == ()


def test_clutter_is_passed_over_and_never_changes_the_exit_code(tmp_path, scratch):
    files = {"ann/hw.ipynb": NB} | {f"ann/{name}": b"x" for name in CLUTTER} | {"._ben.ipynb": b"x"}
    for path in (_write(tmp_path / "class", files), zipped(tmp_path / "class.zip", files)):
        collected = _collect(scratch, path)
        assert owners(collected) == {"ann"}
        assert (collected.refused, collected.notes) == ((), ())
        assert Counter(_fates(collected).values())["clutter"] == len(files) - 1


def test_a_hidden_notebook_of_the_students_is_no_clutter(tmp_path, scratch):
    collected = _collect(scratch, _write(tmp_path / "class", {"ann/.hw.ipynb": NB, "ben/hw.ipynb": NB}))
    assert owners(collected) == {"ann", "ben"}


def test_students_with_nothing_to_grade_are_named_with_their_files(tmp_path, scratch):
    files = {"ann/hw.ipynb": NB, "ben/hw.pdf": b"%PDF", "cat/hw.rar": b"Rar!", "dan/all.tar.gz": b"\x1f\x8b"}
    collected = _collect(scratch, _write(tmp_path / "class", files))
    assert owners(collected) == {"ann"}
    reasons = " ".join(collected.refused)
    for words in (
        "ben handed in no notebook, only hw.pdf.",
        "hw.rar cannot be opened: unpack it",
        "all.tar.gz",
    ):
        assert words in reasons


@pytest.mark.parametrize("name", ["hw.gdoc", "hw.java", "scan.jpg", "hw.txt", "README"])
@pytest.mark.parametrize("who", ["ben", "Ben Birch", "20231234", "group 7", "7"])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_student_with_other_files_alone_is_named_whatever_they_are(tmp_path, scratch, name, who, packed):
    files = {f"{other}/hw.ipynb": NB for other in ("ann", "Cat Cedar", "20231235", "group 6", "6")}
    files |= {f"{who}/{name}": b"x", "images/plot.png": b"x"}
    path = zipped(tmp_path / "class.zip", files) if packed else _write(tmp_path / "class", files)
    assert _collect(scratch, path).refused == (f"{who} handed in no notebook, only {name}.",)


@pytest.mark.parametrize("name", ["ben.gdoc", "ben.java", "ben.url"])
def test_a_loose_file_that_may_be_work_is_named(tmp_path, scratch, name):
    files = {"ann.ipynb": NB, "cat.ipynb": NB, name: b"x", "notes.txt": b"x"}
    (sentence,) = _collect(scratch, _write(tmp_path / "class", files)).refused
    assert sentence.startswith(f"class/{name} was not graded: ")


@pytest.mark.parametrize("name", ["hw.ipynb", "hw.json", "hw.txt", "hw", "hw.gdoc"])
@pytest.mark.parametrize("layout", ["ben/{}", "Ben_12_assignsubmission_file_/{}", "ben_12_34_{}"])
def test_a_file_under_a_password_is_named_whatever_it_is_called(tmp_path, scratch, name, layout):
    own = layout.format(name)
    path = zipped(tmp_path / "class.zip", {"ann/hw.ipynb": NB, own: b"secret"})
    path.write_bytes(_under_a_password(path.read_bytes(), own))
    (sentence,) = _collect(scratch, path).refused
    assert sentence == f"class.zip/{own} was refused: it is protected by a password"


def _under_a_password(archive: bytes, name: str) -> bytes:
    """Set the bit that says so, in the member's local header and in the central directory."""
    changed = bytearray(archive)
    for signature, flags, start in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = -1
        while (at := archive.find(signature, at + 1)) >= 0:
            if archive[at + start :].startswith(name.encode()):
                changed[at + flags] |= 1
    return bytes(changed)


def test_what_lies_beside_a_graded_notebook_is_named_without_needing_action(tmp_path, scratch):
    files = {"ann/hw.ipynb": b"", "ben/hw.ipynb": NB}
    files |= {f"{who}/{name}": b"x" for who in ("ann", "ben") for name in ("report.pdf", "plot.png")}
    files["ann/hw.ipynb"] = content("from model import answer")
    files |= {"ann/model.py": b"answer = 42", "ann/other.py": b"x = 1"}
    collected = _collect(scratch, _write(tmp_path / "class", files))
    assert collected.refused == ()
    fates = _fates(collected)
    assert (fates["ann/model.py"], fates["ann/other.py"]) == ("used", "not graded")
    notes = " ".join(collected.notes)
    assert "ann: other.py was not graded: no graded notebook imports it." in notes
    assert "plot.png (2 times), report.pdf (2 times)" in notes


def test_work_that_belongs_to_nobody_is_named_with_what_to_do(tmp_path, scratch):
    files = {"ann/hw.ipynb": NB, "ben/hw.ipynb": NB, "loose.pdf": b"%PDF", "more.rar": b"Rar!"}
    collected = _collect(scratch, _write(tmp_path / "class", files))
    assert collected.refused == (
        "class/loose.pdf was not graded: it is neither a notebook nor a script.",
        "class/more.rar was not graded: archives of its format cannot be opened; unpack it, and grade the "
        "folder.",
    )


def test_a_folder_called_like_a_notebook_is_named(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"ann.ipynb": NB, "ben.ipynb/notes.md": b"x"})
    (folder / "cat.ipynb").mkdir()
    collected = _collect(scratch, folder)
    assert owners(collected) == {"ann"}
    for name in ("ben", "cat"):
        assert any(
            f"class/{name}.ipynb was refused: it is a folder" in sentence for sentence in collected.refused
        )


def test_a_student_whose_work_lies_in_a_folder_called_like_a_notebook_is_graded(tmp_path, scratch):
    files = {"ann.ipynb/hw.ipynb": NB, "ben/hw.ipynb": NB}
    assert len(_collect(scratch, _write(tmp_path / "class", files)).attempts) == 2


def test_an_empty_folder_is_named(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"Ann_1_assignsubmission_file_/hw.ipynb": NB})
    (folder / "Ben_2_assignsubmission_file_").mkdir()
    assert any("Ben_2_assignsubmission_file_" in sentence for sentence in _collect(scratch, folder).refused)


def test_pipes_and_links_are_named_and_never_opened(tmp_path, scratch):
    folder = _write(tmp_path / "class", {"ann/hw.ipynb": NB})
    os.mkfifo(folder / "pipe")
    os.symlink("/etc/passwd", folder / "ann" / "more.ipynb")
    collected = _collect(scratch, folder)
    assert owners(collected) == {"ann"}
    assert {name: fate for name, fate in _fates(collected).items() if fate != "graded"} == {
        "pipe": "not graded", "ann/more.ipynb": "not graded",
    }  # fmt: skip


@pytest.mark.skipif(not shutil.which("setpriv"), reason="root reads everything, unless it drops its rights")
def test_what_may_not_be_read_is_named_and_the_others_are_graded(tmp_path):
    rubric = tiny_rubric(tmp_path / "tiny")
    folder = _write(tmp_path / "class", {f"{who}/hw.ipynb": content("answer = 42") for who in ("ann", "ben")})
    zipped(folder / "cat.zip", {"hw.ipynb": content("answer = 42")})
    for path in (folder / "ben", folder / "cat.zip"):
        path.chmod(0)
    rights = "-dac_override,-dac_read_search"
    line = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []
    ran = subprocess.run(
        [*line, *command(folder, "--rubric", rubric, "--out", tmp_path / "out")],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    (folder / "ben").chmod(stat.S_IRWXU)
    assert ran.returncode == 1
    assert "class/ben was refused: the folder cannot be read (Permission denied)" in ran.stderr
    assert "class/cat.zip was refused: it cannot be read (Permission denied)" in ran.stderr
    assert json.loads((tmp_path / "out" / "ann.json").read_text())["earned"] == 10


def test_the_account_is_printed_kept_and_on_the_class_page(tmp_path):
    files = {"ann/hw.ipynb": content("answer = 42"), "ben/hw.pdf": b"%PDF", "ann/.DS_Store": b"x"}
    ran = run(tmp_path / "out", _write(tmp_path / "class", files), "--rubric", tiny_rubric(tmp_path / "tiny"))
    assert ran.code == 1
    assert "3 files: 1 graded, 1 not graded, 1 passed over as clutter." in ran.err
    assert "ben handed in no notebook, only hw.pdf." in ran.err
    page = (tmp_path / "out" / "index.html").read_text()
    assert "class/ben/hw.pdf" in page
    assert "1 passed over as clutter" in page
    ((stored,),) = gradebook_rows(tmp_path / "out", "SELECT value FROM meta WHERE name = 'files'")
    assert json.loads(str(stored))["counts"] == {"graded": 1, "not graded": 1, "clutter": 1}


def test_an_unreadable_handout_is_said_before_anything_is_graded(tmp_path):
    (tmp_path / "handout.ipynb").write_text("{")
    folder = _write(tmp_path / "class", {"ann/hw.ipynb": content("answer = 42")})
    rubric = tiny_rubric(tmp_path / "tiny")
    ran = run(tmp_path / "out", folder, "--rubric", rubric, "--handout", tmp_path / "handout.ipynb")
    assert ran.code == 2
    assert "the handout" in ran.err
    assert not (tmp_path / "out" / "gradebook.sqlite").exists()


_NAMES = st.sampled_from(
    (
        *("hw.ipynb", "Homework3.ipynb", "plot.png", "model.py", "hw.json", "data.csv", "hw.zip", "x.rar"),
        *("smith_12_34_hw.ipynb", "smith_12_35_hw-1.ipynb", "anon_ab1_77_x.ipynb", ".DS_Store", "._hw.ipynb"),
        *("submission_metadata.yml", "timestamp.txt", "best.pth", "hw.ipynb.txt", "README", "übung.ipynb"),
    )
)
_FOLDERS = st.sampled_from(
    (
        *(
            "Ann Alder",
            "ben",
            "Ng_1_assignsubmission_file_",
            "submission_7",
            "submitted",
            "hw3-octo",
            "hw3-cat",
        ),
        *("section 1", "Alder_Ann_aalder_12345", ".git", "__MACOSX", "src", "x.ipynb", "attempt 1", "d.zip"),
    )
)
_DATA = st.sampled_from((NB, b"", b"{", b"x = 1", b"answer = 42", b"- a: [", b"PK\x03\x04", b'{"a": 1}'))
_TREES = st.dictionaries(st.tuples(st.lists(_FOLDERS, max_size=3).map(tuple), _NAMES), _DATA, max_size=12)


@settings(max_examples=150, deadline=None)
@given(tree=_TREES, inner=_TREES, packed=st.booleans())
def test_every_file_of_any_tree_is_accounted_for_once(tree, inner, packed):
    """Random folders, with an archive of a random folder in them, or packed as a whole."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "class"
        files = {str(PurePosixPath(*folders, name)): data for (folders, name), data in tree.items()}
        members = {str(PurePosixPath(*folders, name)): data for (folders, name), data in inner.items()}
        files["Cat Cedar/all.zip"] = _packed(members)
        names = set(files) | {f"Cat Cedar/all.zip/{name}" for name in members}
        root.mkdir()
        given = root
        if packed:
            given = Path(temporary) / "class.zip"
            given.write_bytes(_packed(files))
        else:
            _write(root, files)
        (Path(temporary) / "scratch").mkdir()
        try:
            collected = _collect(Path(temporary) / "scratch", given)
        except UsageError as error:
            # A tree is refused as a whole if it has no notebooks, or is nbgrader's of several assignments.
            assert "no notebooks" in str(error) or "several assignments" in str(error)  # noqa: PT017
            return
        labels = [record.name.partition("/")[2] for record in collected.files]
        assert len(labels) == len(set(labels))
        for name in names:
            covering = [label for label in _covering(name) if label in labels]
            assert len(covering) == 1, (name, covering)
        graded = {record.name for record in collected.files if record.fate is Fate.GRADED}
        assert graded == {attempt.label for attempt in collected.attempts}
        assert all(record.reason for record in collected.files if record.fate is Fate.NOT_GRADED)


def _packed(files: dict[str, bytes]) -> bytes:
    opened = io.BytesIO()
    with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return opened.getvalue()


def _covering(name: str) -> Iterator[str]:
    """Yield the file and each folder above it that clutter may be recorded by."""
    yield name
    for folder in PurePosixPath(name).parents:
        yield f"{folder}/"


def test_a_file_that_is_not_listed_would_be_noticed(tmp_path, scratch):
    notebook(tmp_path / "class" / "ann" / "hw.ipynb", SOURCE)
    assert set(_fates(_collect(scratch, tmp_path / "class"))) == {"ann/hw.ipynb"}


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {".DS_Store": b"x"},
        {".ipynb_checkpoints/hw-checkpoint.ipynb": NB},
        {"hw.zip": _packed({})},
        {"hw.zip": _packed({"__MACOSX/._hw.ipynb": b"x", ".DS_Store": b"x"})},
        {"hw.zip": _packed({"src/": b"", "src/.DS_Store": b"x"})},
    ],
    ids=["empty", "clutter", "checkpoints", "empty zip", "zip of clutter", "zip of empty folders"],
)
@pytest.mark.parametrize(
    "whose", ["Ann Alder_11_assignsubmission_file_", "submission_101", "submitted/Ann Alder/hw", "Ann Alder"]
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_who_handed_in_nothing_but_clutter_is_named(tmp_path, scratch, nothing, whose, packed):
    other = {"Ann Alder_11": "Ben Birch_12_assignsubmission_file_", "submitted/A": "submitted/Ben Birch/hw"}
    beside = other.get(whose[:12].rstrip(), other.get(whose[:11], "Ben Birch"))
    metadata = "submission_101:\n  :submitters:\n  - :name: Ann Alder\n    :email: ann@x.edu\n"
    files = {f"{beside}/hw.ipynb": NB, f"{whose}/": b""} | {
        f"{whose}/{name}": nothing[name] for name in nothing
    }
    files |= {"submission_metadata.yml": metadata.encode()} if whose == "submission_101" else {}
    if packed:
        path = zipped(tmp_path / "class.zip", files)
    else:
        path = tmp_path / "class"
        (path / whose).mkdir(parents=True)
        _write(path, {name: data for name, data in files.items() if not name.endswith("/")})
    collected = _collect(scratch, path)
    assert owners(collected) == {"Ben Birch"}
    (sentence,) = collected.refused
    assert sentence.startswith("Ann Alder handed in nothing: ")
    assert sentence.endswith("holds no files, clutter aside.")


def test_an_empty_archive_beside_notebooks_is_named(tmp_path, scratch):
    path = _write(tmp_path / "class", {"ann.zip": _packed({}), "ben.ipynb": NB})
    assert _collect(scratch, path).refused == (
        "class/ann.zip was not graded: it holds no files, clutter aside.",
    )


def test_who_handed_in_only_the_time_that_nbgrader_wrote_is_named(tmp_path, scratch):
    files = {"ann/hw/hw.ipynb": NB, "ann/hw/timestamp.txt": b"2026-03-01 10:00:00 UTC"}
    files |= {"ben/hw/timestamp.txt": b"2026-03-01 10:00:00 UTC"}
    collected = _collect(scratch, _write(tmp_path / "submitted", files))
    assert collected.refused == ("ben handed in no notebook, only timestamp.txt.",)


def test_a_name_that_begins_with_a_tilde_is_no_clutter(tmp_path, scratch):
    files = {"~ann/hw.ipynb": NB, "ben/~hw.ipynb": NB, "ben/~$hw.docx": b"x", "ben/.~lock.hw.odt#": b"x"}
    collected = _collect(scratch, _write(tmp_path / "class", files))
    assert owners(collected) == {"~ann", "ben"}
    assert Counter(_fates(collected).values()) == {"graded": 2, "clutter": 2}

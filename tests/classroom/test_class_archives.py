"""Students who hand in archives, zip or tar: their modules are used, and the archive counts as a folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from classes import SOURCE, content, owners, run, tiny_rubric, zipped

from grader.classroom.handins import archives
from grader.classroom.handins.collect import collect

NB = content(SOURCE)
TARS = ("tar", "tar.gz", "tgz")


def _member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, data


def _tar(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]], **options: object) -> Path:
    mode = "w" if path.suffix == ".tar" else "w:gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, **options) as archive:  # type: ignore[call-overload]
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return path


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


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_do_not_overwrite_each_other(tmp_path, scratch):
    """zipfile writes such archives, and programs that add a new version to an old archive."""
    archive = tmp_path / "class" / "ann.zip"
    archive.parent.mkdir()
    zipped(archive.parent / "ben.zip", {"hw.ipynb": content(SOURCE)})
    with zipfile.ZipFile(archive, "w") as opened:
        for name, data in (("model.py", b"old"), ("model.py", b"new"), ("hw.ipynb", content(SOURCE))):
            opened.writestr(name, data)
    collected = collect([str(archive.parent)], scratch, [])
    assert owners(collected) == {"ann", "ben"}
    assert sorted(path.read_bytes() for path in scratch.rglob("*.py")) == [b"new", b"old"]


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


@pytest.mark.parametrize("ending", TARS)
def test_a_class_and_a_hand_in_may_be_tar_archives(tmp_path, scratch, ending):
    whole = _tar(
        tmp_path / f"class.{ending}", [_member("ann/hw.ipynb", NB), _member("Ben Birch/x.ipynb", NB)]
    )
    assert owners(collect([str(whole)], scratch, ["answer"])) == {"ann", "Ben Birch"}
    folder = tmp_path / "class"
    _tar(folder / f"ann.{ending}", [_member("work/hw.ipynb", NB), _member("work/model.py", b"x = 1")])
    zipped(folder / "ben.zip", {f"inner.{ending}": _packed(ending)})
    found = collect([str(folder)], scratch, ["answer"])
    assert owners(found) == {"ann", "ben"}
    assert found.refused == ()


def _packed(ending: str) -> bytes:
    opened = io.BytesIO()
    with tarfile.open(fileobj=opened, mode="w" if ending == "tar" else "w:gz") as archive:
        member, data = _member("hw.ipynb", NB)
        archive.addfile(member, io.BytesIO(data))
    return opened.getvalue()


@pytest.mark.parametrize("ending", TARS)
@pytest.mark.parametrize(
    "bad",
    [
        _member("../model.ipynb", NB),
        _member("/model.ipynb", NB),
        _member("ann/a/../../../model.ipynb", NB),
        _member("ann/link.ipynb", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        _member("ann/link.ipynb", type=tarfile.LNKTYPE, linkname="ben/hw.ipynb"),
        _member("ann/pipe.ipynb", type=tarfile.FIFOTYPE),
        _member("ann/device.ipynb", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        _member("a/" * 40 + "model.ipynb", NB),
        _member("ann/" + "x" * 400 + ".ipynb", NB),
        _member("ann/\x1b[31m.ipynb", NB),
    ],
    ids=["up", "root", "up inside", "symlink", "hard link", "pipe", "device", "deep", "long", "colours"],
)
def test_an_unsafe_member_of_a_tar_archive_is_refused_by_name_and_the_rest_is_graded(
    tmp_path, scratch, ending, bad
):
    members = [_member("ben/hw.ipynb", NB), bad, _member("cat/hw.ipynb", NB)]
    collected = collect([str(_tar(tmp_path / f"class.{ending}", members))], scratch, ["answer"])
    assert owners(collected) == {"ben", "cat"}
    (sentence,) = collected.refused
    assert f"class.{ending}/" in sentence
    assert " was refused: it" in sentence
    outside = {path for path in tmp_path.rglob("*.ipynb") if scratch not in path.parents}
    assert not outside
    assert not list(scratch.rglob("*.unpacked"))


def test_a_tar_archive_that_unpacks_to_very_much_is_refused_before_it_does(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    bomb = _tar(tmp_path / "class" / "ann.tgz", [_member("hw.ipynb", bytes(64 << 20))])
    _tar(tmp_path / "class" / "ben.tgz", [_member("hw.ipynb", NB)])
    assert bomb.stat().st_size < 1 << 19
    collected = collect([str(bomb.parent)], scratch, ["answer"])
    assert owners(collected) == {"ben"}
    assert "class/ann.tgz was refused: it unpacks to more than" in collected.refused[0]
    assert not list(scratch.rglob("*.unpacked"))


@pytest.mark.parametrize("ending", TARS)
@pytest.mark.parametrize(
    "spoilt",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"not an archive",
        lambda data: data[:10] + b"\xff" * 40 + data[50:],
    ],
    ids=["cut off", "empty", "text", "damaged"],
)
def test_a_broken_tar_archive_is_refused_by_name(tmp_path, scratch, ending, spoilt):
    random = bytes((n * n * 7 + n // 3) % 256 for n in range(60_000))
    archive = _tar(
        tmp_path / "class" / f"ann.{ending}", [_member("data.bin", random), _member("hw.ipynb", NB)]
    )
    archive.write_bytes(spoilt(archive.read_bytes()))
    zipped(tmp_path / "class" / "ben.zip", {"hw.ipynb": NB})
    collected = collect([str(tmp_path / "class")], scratch, ["answer"])
    assert owners(collected) == {"ben"}
    assert any(f"class/ann.{ending}" in sentence for sentence in collected.refused)


def test_a_name_that_fills_the_memory_is_refused(tmp_path, scratch):
    """tarfile reads names and attributes of any length."""
    long = _member("x" * (2 << 20), NB)
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        archive = _tar(tmp_path / f"class{form}" / "ann.tar", [long], format=form)
        zipped(archive.parent / "ben.zip", {"hw.ipynb": NB})
        (sentence,) = collect([str(archive.parent)], scratch, ["answer"]).refused
        assert "ann.tar is not a readable tar archive" in sentence


def test_names_and_dates_in_tar_archives_are_read_as_those_in_zip_archives(tmp_path, scratch):
    name = "张伟/hw.ipynb"
    for encoding in ("utf-8", "gbk"):
        archive = _tar(
            tmp_path / f"{encoding}.tar",
            [_member(name, NB, mtime=1_700_000_000), _member("ann/hw.ipynb", NB)],
            format=tarfile.GNU_FORMAT,
            encoding=encoding,
        )
        collected = collect([str(archive)], scratch, ["answer"], zip_names="gbk")
        assert owners(collected) == {"张伟", "ann"}

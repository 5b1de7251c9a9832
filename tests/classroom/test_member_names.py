"""Names in zip archives, in every encoding and with every separator that their makers use."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from classes import SOURCE, content, owners, run, tiny_rubric

from grader.classroom.handins.collect import CollectedSubmissions, collect

NB = content(SOURCE)


def _raw_zip(path: Path, *names: bytes, extra: bytes = b"") -> Path:
    """Write an archive with these bytes for names and no word on their encoding."""
    placeholders = [f"{number:04}".ljust(len(name), "x") for number, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for placeholder in placeholders:
            info = zipfile.ZipInfo(placeholder)
            info.extra = extra
            archive.writestr(info, NB)
    data = path.read_bytes()
    for placeholder, name in zip(placeholders, names, strict=True):
        data = data.replace(placeholder.encode(), name)
    path.write_bytes(data)
    return path


def _collect(scratch: Path, path: Path, encoding: str | None = None) -> CollectedSubmissions:
    return collect([str(path)], scratch, ["answer"], zip_names=encoding)


def test_utf8_without_its_flag_is_read(tmp_path, scratch):
    names = [f"{who}/Übung.ipynb".encode() for who in ("Jürgen Groß", "Zoë Ångström")]
    collected = _collect(scratch, _raw_zip(tmp_path / "class.zip", *names))
    assert owners(collected) == {"Jürgen Groß", "Zoë Ångström"}
    assert (collected.refused, collected.notes) == ((), ())


@pytest.mark.parametrize(
    ("encoding", "people"),
    [
        ("gbk", ("张伟", "王芳")), ("shift_jis", ("表示太郎", "ソース能子")), ("big5", ("功夫", "許功蓋")),
        ("cp850", ("Jürgen Groß", "Zoë Ångström")), ("cp1251", ("Иван Петров", "Анна")),
    ],
)  # fmt: skip
def test_an_option_names_the_encoding_and_a_note_asks_for_it(tmp_path, scratch, encoding, people):
    """In Shift-JIS and Big5 the second byte of some of these letters is that of a backslash."""
    path = _raw_zip(tmp_path / "class.zip", *(f"{who}/hw.ipynb".encode(encoding) for who in people))
    assert owners(_collect(scratch, path, encoding)) == set(people)
    without = _collect(scratch, path)
    assert len(without.attempts) == 2
    assert without.refused == ()
    assert "--zip-names" in without.notes[0]


def test_names_of_the_specifications_own_code_page_are_read(tmp_path, scratch):
    path = _raw_zip(
        tmp_path / "class.zip", *(f"{who}/hw.ipynb".encode("cp437") for who in ("Müller", "Ñúñez"))
    )
    assert owners(_collect(scratch, path)) == {"Müller", "Ñúñez"}


def test_info_zips_unicode_names_are_read(tmp_path, scratch):
    raw = "?? ??/hw.ipynb".replace("?", "\xdb").encode("latin-1")
    name = "Ünal Çelik/hw.ipynb".encode()
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name
    path = _raw_zip(tmp_path / "class.zip", raw, extra=struct.pack("<HH", 0x7075, len(field)) + field)
    assert owners(_collect(scratch, path)) == {"Ünal Çelik"}


def test_backslashes_are_separators(tmp_path, scratch):
    names = (b"hw3\\ann\\hw.ipynb", b"hw3\\ben\\hw.ipynb", b"hw3\\ben\\src\\")
    collected = _collect(scratch, _raw_zip(tmp_path / "class.zip", *names))
    assert owners(collected) == {"ann", "ben"}
    assert collected.refused == ()


@pytest.mark.parametrize(
    "name",
    [
        b"..\\x.ipynb",
        b"a/../../x.ipynb",
        b"/etc/x.ipynb",
        b"C:\\x.ipynb",
        b"d:/x.ipynb",
        b"\\\\host\\x.ipynb",
    ],
)
def test_only_a_name_that_leads_out_is_said_to(tmp_path, scratch, name):
    collected = _collect(
        scratch, _raw_zip(tmp_path / "class.zip", name, b"ann/hw.ipynb", b"ben..x/a:b.ipynb")
    )
    assert len(collected.attempts) == 2
    (sentence,) = collected.refused
    assert "its path leads out of the archive" in sentence


def test_members_of_one_name_are_all_accounted_for(tmp_path, scratch):
    path = _raw_zip(
        tmp_path / "class.zip", b"ann/hw.ipynb", b"ann/hw.ipynb", b"ben/hw.ipynb", b"Ben/HW.ipynb"
    )
    assert len({record.name for record in _collect(scratch, path).files}) == 5


def test_the_command_refuses_what_is_no_encoding(tmp_path):
    path = _raw_zip(tmp_path / "class.zip", b"ann/hw.ipynb")
    ran = run(tmp_path / "out", path, "--rubric", tiny_rubric(tmp_path / "tiny"), "--zip-names", "klingon")
    assert ran.code == 2
    assert "--zip-names takes an encoding such as utf-8, gbk, shift-jis or cp850, not 'klingon'" in ran.err

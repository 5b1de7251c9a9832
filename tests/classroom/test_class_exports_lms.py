"""Exports for Canvas, Moodle and Gradescope, read back as those systems read them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from exported import export, out

__all__ = ["out"]  # a fixture


def _canvas(data: bytes) -> dict[str, str]:
    """By Canvas id, what its importer takes from each row (lib/gradebook_importer.rb)."""
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert "Student" in header[0]
    assert "ID" in header[1]
    last = max(at for at, title in enumerate(header) if "Section" in title)
    (at,) = range(last + 1, len(header))
    assert not re.search(r"(Current|Final|Override) (Score|Points|Grade)", header[at])
    if "Points Possible" in rows[0][0]:
        assert float(rows.pop(0)[at]) == 100
    return {row[1]: row[at] for row in rows}


def _as_canvas_reads(cell: str) -> float:
    """The last point or comma is taken as the decimal point."""
    assert re.fullmatch(r"\d+(\.\d{1,2})?", cell)
    return round(float(cell), 2)


def test_canvas_from_our_own_roster(out, capsys):
    data, errors = export(out, capsys, "canvas", "--assignment", "Homework DDPM (12345)")
    assert (
        data.decode().splitlines()[0] == "Student,ID,SIS User ID,SIS Login ID,Section,Homework DDPM (12345)"
    )
    cells = _canvas(data)
    assert _as_canvas_reads(cells["124"]) == 97.5
    assert cells["129"] == "EX"
    assert cells["128"] == cells["127"] == ""
    assert "mixed" in errors
    assert "provisional" in errors
    names = [row[0] for row in csv.reader(io.StringIO(data.decode()))]
    assert {"Smith, Alice", 'Bob "Bo" O\'Neil, Jr.', "李小龙"} <= set(names)


DOWNLOADED = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Homework 1 (11),Homework DDPM (12345),Current Score\n"
    "    Points Possible,,,,,10,100,(read only)\n"
    '"Smith, Alice",123,,as1,S1,9.5,,9\n'
    '"O\'Neil, Bob",,0077,,S1,8,55,8\n'
    '"Stranger, Sam",999,,ss,S2,7,33,7\n'
    '"Student, Test",130,,tt,S2,,,\n'
)


def test_canvas_against_a_downloaded_gradebook(out, capsys, tmp_path):
    theirs = tmp_path / "grades.csv"
    theirs.write_text(DOWNLOADED, encoding="utf-8")
    data, errors = export(out, capsys, "canvas", "--theirs", theirs, "--assignment", "Homework DDPM")
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework DDPM (12345)"]
    assert [row[-1] for row in rows[1:]] == [
        "100",
        "100",
        "97.5",
        "33",
        "",
    ]  # whom we do not know keeps theirs
    assert [row[0] for row in rows[2:4]] == ["Smith, Alice", "O'Neil, Bob"]
    assert "Stranger, Sam" in errors
    assert "Student, Test" not in errors
    assert "evil, ill, mixed, li: graded, but not in" in errors


def test_canvas_refuses_what_it_would_misread(out, capsys, tmp_path):
    theirs = tmp_path / "grades.csv"
    theirs.write_text(DOWNLOADED, encoding="utf-8")
    assert (
        "no single column 'HW9'"
        in export(out, capsys, "canvas", "--theirs", theirs, "--assignment", "HW9")[1]
    )
    assert "Canvas ignores columns" in export(out, capsys, "canvas", "--assignment", "Final Grade")[1]
    theirs.write_text("a,b\n1,2\n")
    assert "is no gradebook of Canvas" in export(out, capsys, "canvas", "--theirs", theirs)[1]
    theirs.write_text("")
    assert "is no gradebook of Canvas" in export(out, capsys, "canvas", "--theirs", theirs)[1]


SENT = "Monday, 2 March 2026, 9:00 AM"
HEADER = [
    *("Identifier", "Full name", "ID number", "Email address", "Status", "Group", "Marker", "Grade"),
    *("Maximum grade", "Marking workflow state", "Grade can be changed"),
    *("Last modified (submission)", "Last modified (grade)", "Feedback comments"),
]


def _worksheet(path: Path, maximum: str = "100.00") -> list[list[str]]:
    students = (
        (9001, "Alice Smith", "", "Yes"),
        (9002, "Bo", "0077", "Yes"),
        (9003, "李小龙", "", "No"),
        (9009, "Gus Gone", "", "Yes"),
        (9999, "Sam Stranger", "", "Yes"),
    )
    rows = [
        [f"Participant {n}", who, sid, "", "Submitted", "", "", "", maximum, "", may, SENT, "-", ""]
        for n, who, sid, may in students
    ]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([HEADER, *rows])
    return rows


@pytest.mark.parametrize(("maximum", "half"), [("100.00", "97.5"), ("100,00", "97,5")])
def test_moodle_gets_its_worksheet_back_with_two_columns_filled(out, capsys, tmp_path, maximum, half):
    before = _worksheet(tmp_path / "sheet.csv", maximum)
    data, errors = export(out, capsys, "moodle", "--theirs", tmp_path / "sheet.csv")
    assert data.startswith(b"\xef\xbb\xbfIdentifier,")
    assert data.count(b"\r\n") == 6
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == HEADER
    grade_at, words_at = header.index("Grade"), header.index("Feedback comments")
    assert [row[grade_at] for row in rows] == ["100", half, "", "", ""]
    for old, new in zip(before, rows, strict=True):
        for at in range(len(header)):
            assert at in (grade_at, words_at) or old[at] == new[at]
    assert "a &lt; b &amp; c: the &lt;b&gt;root&lt;/b&gt; is missing" in rows[1][words_at]
    assert "Sam Stranger: in the worksheet, but unknown here" in errors
    assert "li: Moodle does not let this grade be changed" in errors


def test_moodle_takes_nothing_but_its_worksheet(out, capsys, tmp_path):
    assert "download it" in export(out, capsys, "moodle")[1]
    (tmp_path / "german.csv").write_text("ID,Vollständiger Name,Bewertung\n1,A,2\n")
    assert "no column Identifier" in export(out, capsys, "moodle", "--theirs", tmp_path / "german.csv")[1]
    _worksheet(tmp_path / "sheet.csv", "10.00")
    data, errors = export(out, capsys, "moodle", "--theirs", tmp_path / "sheet.csv")
    assert "100 is more than Moodle's maximum of 10" in errors
    assert all(row["Grade"] == "" for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


NUMBER = (int, float)
GRADESCOPE_TOP = {
    **dict.fromkeys(("score", "execution_time"), NUMBER),
    **dict.fromkeys(("output", "output_format", "test_output_format", "test_name_format"), str),
    **dict.fromkeys(("visibility", "stdout_visibility"), str),
    "extra_data": dict,
    "tests": list,
}
GRADESCOPE_TEST = {
    **dict.fromkeys(("score", "max_score"), NUMBER),
    **dict.fromkeys(("status", "name", "number", "output", "visibility"), str),
    "tags": list,
}


def test_gradescope_results_keep_to_its_specification(out, capsys):
    export(out, capsys, "gradescope")
    folder = out.parent / "export"
    assert {path.parent.name for path in folder.glob("*/results.json")} == {"as1", "bo", "li", "evil"}
    results = json.loads((folder / "bo" / "results.json").read_text())
    assert results["score"] == 97.5
    assert all(isinstance(value, GRADESCOPE_TOP[name]) for name, value in results.items())
    for test in results["tests"]:
        assert all(isinstance(value, GRADESCOPE_TEST[name]) for name, value in test.items())
        assert test.get("status", "passed") in ("passed", "failed")
        assert test["visibility"] == "visible"  # one hidden test would hide the total
    assert sum(test["score"] for test in results["tests"]) == 97.5

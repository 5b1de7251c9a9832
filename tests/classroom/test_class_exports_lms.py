"""Exports for Canvas, Moodle and Gradescope, parsed as their importers would."""

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
    """Return the cell that Canvas imports from each row, by Canvas id (see its lib/gradebook_importer.rb)."""
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert "Student" in header[0]
    assert "ID" in header[1]
    last = max(at for at, title in enumerate(header) if "Section" in title)
    (at,) = range(last + 1, len(header))
    assert not re.search(r"(Current|Final|Override) (Score|Points|Grade)", header[at])
    if "Points Possible" in rows[0][0]:
        assert float(rows.pop(0)[at]) == 100
    return {row[1]: row[at] for row in rows}


def _canvas_number(cell: str) -> float:
    """Parse a number as Canvas does, which takes the last point or comma for the decimal point."""
    assert re.fullmatch(r"\d+(\.\d{1,2})?", cell)
    return round(float(cell), 2)


def test_canvas_table_without_a_downloaded_gradebook(out, capsys):
    data, errors = export(out, capsys, "canvas", "--assignment", "Homework DDPM (12345)")
    assert (
        data.decode().splitlines()[0] == "Student,ID,SIS User ID,SIS Login ID,Section,Homework DDPM (12345)"
    )
    cells = _canvas(data)
    assert _canvas_number(cells["124"]) == 97.5
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


def test_canvas_fills_in_a_downloaded_gradebook(out, capsys, tmp_path):
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
    ]  # an unknown student keeps the old points
    assert [row[0] for row in rows[2:4]] == ["Smith, Alice", "O'Neil, Bob"]
    assert "Stranger, Sam" in errors
    assert "Student, Test" not in errors
    assert f"graded, but not in {theirs}: evil, ill, mixed, li" in errors


def test_canvas_export_refuses_columns_and_files_that_canvas_would_misread(out, capsys, tmp_path):
    theirs = tmp_path / "grades.csv"
    theirs.write_text(DOWNLOADED, encoding="utf-8")
    assert (
        "has no column 'HW9'" in export(out, capsys, "canvas", "--theirs", theirs, "--assignment", "HW9")[1]
    )
    assert "Canvas ignores columns" in export(out, capsys, "canvas", "--assignment", "Final Grade")[1]
    theirs.write_text("a,b\n1,2\n")
    assert "is not a Canvas gradebook" in export(out, capsys, "canvas", "--theirs", theirs)[1]
    theirs.write_text("")
    assert "is not a Canvas gradebook" in export(out, capsys, "canvas", "--theirs", theirs)[1]


MODIFIED = "Monday, 2 March 2026, 9:00 AM"
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
    blank = [""] * 3
    rows = [
        [f"Participant {n}", name, sid, "", "Submitted", *blank, maximum, "", editable, MODIFIED, "-", ""]
        for n, name, sid, editable in students
    ]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([HEADER, *rows])
    return rows


@pytest.mark.parametrize(("maximum", "half"), [("100.00", "97.5"), ("100,00", "97,5")])
def test_moodle_worksheet_changes_only_in_two_columns(out, capsys, tmp_path, maximum, half):
    before = _worksheet(tmp_path / "sheet.csv", maximum)
    data, errors = export(out, capsys, "moodle", "--theirs", tmp_path / "sheet.csv")
    assert data.startswith(b"\xef\xbb\xbfIdentifier,")
    assert data.count(b"\r\n") == 6
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == HEADER
    grade_at, feedback_at = header.index("Grade"), header.index("Feedback comments")
    assert [row[grade_at] for row in rows] == ["100", half, "", "", ""]
    for old, new in zip(before, rows, strict=True):
        for at in range(len(header)):
            assert at in (grade_at, feedback_at) or old[at] == new[at]
    assert "a &lt; b &amp; c: the &lt;b&gt;root&lt;/b&gt; is missing" in rows[1][feedback_at]
    assert "Sam Stranger: in the worksheet, but not graded here" in errors
    assert "li: Moodle does not allow this grade to be changed" in errors


def test_moodle_export_needs_an_english_worksheet_and_respects_its_maximum(out, capsys, tmp_path):
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


def test_gradescope_results_follow_its_specification(out, capsys):
    export(out, capsys, "gradescope")
    folder = out.parent / "export"
    assert {path.parent.name for path in folder.glob("*/results.json")} == {"as1", "bo", "li", "evil"}
    results = json.loads((folder / "bo" / "results.json").read_text())
    assert results["score"] == 97.5
    assert all(isinstance(value, GRADESCOPE_TOP[name]) for name, value in results.items())
    for test in results["tests"]:
        assert all(isinstance(value, GRADESCOPE_TEST[name]) for name, value in test.items())
        assert test.get("status", "passed") in ("passed", "failed")
        assert test["visibility"] == "visible"  # Gradescope hides the total if any test is hidden
    assert sum(test["score"] for test in results["tests"]) == 97.5

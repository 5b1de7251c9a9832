"""Exports for nbgrader, spreadsheets, programs and CI servers, parsed as each of them would."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree as Xml

import pytest
import report_samples as samples
from classes import gradebook
from exported import MESSAGE, export, out

from grader.classroom.exports.formats import FORMATS, exporter

__all__ = ["out"]  # a fixture


def test_nbgrader_csv_quotes_names_and_escapes_formulas(out, capsys):
    data, _ = export(out, capsys, "nbgrader", "--assignment", "hw3")
    rows = {row["student_id"]: row for row in csv.DictReader(io.StringIO(data.decode()))}
    assert data.decode().splitlines()[0] == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,"
        "raw_score,late_submission_penalty,score,max_score"
    )
    assert (rows["as1"]["last_name"], rows["as1"]["first_name"]) == ("Smith", "Alice")
    assert (rows["gone"]["score"], rows["gone"]["timestamp"]) == ("0.0", "")
    assert rows["mixed"]["score"] == rows["ill"]["score"] == ""
    assert rows["evil"]["email"] == "'+cmd@x.edu"
    assert not any(cell.startswith(tuple("=+-@")) for row in rows.values() for cell in row.values())


def test_full_csv_has_every_criterion_and_no_formula(out, capsys):
    data, _ = export(out, capsys, "csv")
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(data.decode()))}
    assert rows["bo"]["forward.noise_coefficient"] == "2.5"
    assert rows["evil"]["name"] == '\'=HYPERLINK("http://x")'
    assert rows["li"]["name"] == "李小龙"
    assert {key: row["state"] for key, row in rows.items() if row["state"] != "graded"} == {
        "mixed": "provisional",
        "gone": "nothing handed in",
        "ill": "excused",
    }


def test_provisional_grades_are_exported_only_on_request(out, capsys):
    data, errors = export(out, capsys, "csv", "--with-provisional")
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(data.decode()))}
    assert rows["mixed"]["points"] == "74.5"
    assert errors == ""


def test_json_has_points_adjustments_and_results(out, capsys):
    data, _ = export(out, capsys, "json")
    students = {each["student"]: each for each in json.loads(data)["students"]}
    assert students["bo"]["points"] == students["bo"]["result"]["earned"] == 97.5
    assert students["ill"]["adjustments"][0]["because"] == "ill"
    assert students["gone"]["result"] is None


def test_junit_counts_and_cases_agree(out, capsys):
    data, _ = export(out, capsys, "junit")
    root = Xml.fromstring(data)
    assert root.tag == "testsuites"
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"as1", "bo", "li", "evil", "mixed", "ill"}
    for suite in suites.values():
        cases = suite.findall("testcase")
        assert int(suite.get("tests")) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name)) == len(suite.findall(f"testcase/{tag}"))
        assert all(len(case) <= 1 and case.get("name") and case.get("classname") for case in cases)
    assert int(root.get("failures")) == sum(int(suite.get("failures")) for suite in suites.values())
    failure = suites["bo"].find("testcase/failure")
    assert failure.get("message") == MESSAGE
    assert int(suites["mixed"].get("errors")) == 1
    assert failure.text == "2.5 / 5 points: At step t the noise is as strong as the forward formula says"
    explained = suites["mixed"].find("testcase/failure").text.splitlines()
    assert [line.partition(":")[0] for line in explained[1:]] == ["expected", "found", "hint"]


def test_junit_drops_characters_that_xml_cannot_hold(tmp_path, capsys):
    out = gradebook(tmp_path / "out", {"m": samples.hostile("a\x00\x0b\ufffe\x1b[31mb]]>")})
    data, _ = export(out, capsys, "junit")
    assert b"b]]&gt;" in data
    Xml.fromstring(data)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_offered_can_be_loaded(name: str) -> None:
    """Formats name their function in a string, which no type checker follows."""
    assert callable(exporter(name))

"""The students' editions in archives whose names Canvas and Moodle read, checked as their importers do."""

from __future__ import annotations

import io
import re
from zipfile import ZipFile

import pytest
import report_samples as samples
from classes import gradebook, run, save_student
from exported import export
from report_samples import grade

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs

CANVAS = {
    "ann": ({"canvas": "1001"}, "dl.zip/alderann_LATE_1001_56789_hw_1.ipynb"),
    "ben": ({"canvas": "1002"}, "dl.zip/benbirch_1002_56790_all.zip/hw.ipynb"),
    "cleo": ({"canvas": "1003"}, "dl.zip/benbirch_1002_56790_all.zip/hw.ipynb"),  # Ben handed in for both
    "dora": ({"canvas": "1004"}, "other/dora.ipynb"),
}
MOODLE = {
    "ann": ({"moodle": "4711"}, "dl.zip/Ann Alder_4711_assignsubmission_file_/hw.ipynb"),
    "ben": ({"moodle": "4712"}, "dl.zip/Team Red_0_assignsubmission_file_/hw.ipynb"),
    "cleo": ({}, "dl.zip/Participant_4713_assignsubmission_file_/hw.ipynb"),
    "dora": ({}, "other/dora.ipynb"),
}


def write(folder, people):
    """Write a class in which each student handed in the file with this label."""
    persons = {
        key: Person(key=key, name=f"{key.title()} A_B/../x", ids=ids) for key, (ids, _) in people.items()
    }
    grades = dict.fromkeys(people, grade()) | {"dora": samples.mixed()}
    out = gradebook(folder / "out", grades, persons)
    with Gradebook(out) as book:
        for key, (_, label) in people.items():
            inputs = ResultInputs(notebook=label, rubric="r", grader="g", settings="{}")
            result = book.add_result(inputs, grades[key], [], readable=True)
            save_student(book, persons[key], label=label, result=result)
    run(out, "people", "merge", "ann", "ann", "--because", "x")  # refused; and writes nothing
    for key in people:
        run(out, "adjust", key, "--comment", f"for {key}")  # which writes the editions
    return out


def as_canvas(name):
    """Return user and attachment as ``infer_comment_context_from_filename`` does."""
    numbers = [part for part in name.rpartition(".")[0].split("_") if re.fullmatch(r"\d+", part)]
    return tuple(map(int, numbers[:2]))


def as_moodle(name):
    """Return participant, plugin and file as ``importziplib.php`` does; None if it ignores the file."""
    parts = name.split("_", 4)
    is_read = len(parts) == 5 and parts[1].isdigit() and parts[0][0] not in ".~"
    return (int(parts[1]), f"{parts[2]}_{parts[3]}", parts[4]) if is_read else None


def read(data):
    with ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_canvas_takes_the_reports_back_by_the_names_of_its_download(tmp_path, capsys):
    out = write(tmp_path, CANVAS)
    data, errors = export(out, capsys, "canvas-feedback")
    files = read(data)
    assert {as_canvas(name): text for name, text in files.items()}.keys() == {(1001, 56789), (1002, 56790)}
    assert set(files) == {"alderann_LATE_1001_56789_report.html", "benbirch_1002_56790_report.html"}
    assert "for ben" in files["benbirch_1002_56790_report.html"]
    assert "left out: cleo" in errors
    assert "provisional grades were left out: dora" in errors
    assert data == export(out, capsys, "canvas-feedback")[0]


def test_moodle_takes_the_reports_back_by_participant(tmp_path, capsys):
    out = write(tmp_path, MOODLE)
    files = read(export(out, capsys, "moodle-feedback", "--with-provisional")[0])
    found = {as_moodle(name): text for name, text in files.items()}
    plugin = "assignfeedback_file"
    assert found.keys() == {(number, plugin, "report.html") for number in (4711, 4712, 4713)}
    assert "for ben" in found[4712, plugin, "report.html"]
    assert not any("/" in name or "\\" in name for name in files)


@pytest.mark.parametrize("name", ["_.ann", "~ ann", "...", "_ _"])
def test_moodle_ignores_no_report_for_how_a_name_begins(tmp_path, capsys, name):
    label = f"dl.zip/{name}_4711_assignsubmission_file_/hw.ipynb"
    out = write(tmp_path, {"ann": ({"moodle": "4711"}, label), "dora": ({}, "other/dora.ipynb")})
    (file,) = read(export(out, capsys, "moodle-feedback")[0])
    assert as_moodle(file) == (4711, "assignfeedback_file", "report.html")


@pytest.mark.parametrize(
    ("platform", "kind", "label"),
    [
        ("canvas", "canvas", "dl.zip/zoezimmer_1001_56789_hw.ipynb"),
        ("moodle", "moodle", "dl.zip/Zoe Zimmer_1001_assignsubmission_file_/hw.ipynb"),
    ],
)
def test_no_report_goes_to_whom_the_platform_knows_by_that_number(tmp_path, capsys, platform, kind, label):
    """Ben's file was entered by hand, and has the number of Zoe, who comes after him."""
    own = {"canvas": "dl.zip/alderann_1000_5_hw.ipynb", "moodle": MOODLE["ann"][1].replace("4711", "1000")}
    people = {
        "ann": ({kind: "1000"}, own[platform]),
        "ben": ({}, label),
        "zoe": ({kind: "1001"}, label.replace("56789", "56790")),
        "dora": ({}, "other/dora.ipynb"),
    }
    out = write(tmp_path, people)
    data, errors = export(out, capsys, f"{platform}-feedback")
    assert len(read(data)) == 2
    assert not any("for ben" in text for text in read(data).values())
    assert "left out: ben" in errors


def test_one_upload_of_two_students_goes_to_neither(tmp_path, capsys):
    upload = "dl.zip/anon_x7_56789_hw.ipynb"
    people = {"ann": ({}, upload), "ben": ({}, upload), "dora": ({}, "other/dora.ipynb")}
    people["cleo"] = ({}, "dl.zip/anon_x8_56790_hw.ipynb")
    data, errors = export(write(tmp_path, people), capsys, "canvas-feedback")
    assert set(read(data)) == {"anon_x8_56790_report.html"}
    assert "left out: ann, ben" in errors


@pytest.mark.parametrize("change", ["comment", "file"])
def test_an_edition_that_is_out_of_date_is_not_handed_out(tmp_path, capsys, change):
    out = write(tmp_path, CANVAS)
    if change == "file":
        (out / "student" / "ben.html").unlink()
    else:
        with Gradebook(out) as book:
            book.forget_report("ben")
    data, errors = export(out, capsys, "canvas-feedback")
    assert data == b""
    assert "the editions of ben are out of date" in errors


def test_a_class_from_elsewhere_has_no_archive(tmp_path, capsys):
    out = gradebook(tmp_path / "out", {"ann": grade()})
    for platform in ("Canvas", "Moodle"):
        _, errors = export(out, capsys, f"{platform.lower()}-feedback")
        assert f"no hand-in has a name of {platform}'s own download" in errors

"""The student's code on the page: the right lines, their numbers, as text, never as markup, and bounded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import report_samples as samples
from report_figures import figures
from report_page import Reader, page, words
from report_samples import EXERCISES, HOSTILE, RUBRIC

from grader.extraction.extract import extract
from grader.extraction.listing import listing
from grader.model import CodePassage, Criterion, Listing, Verdict, for_students
from grader.notebook.submission import read_notebook
from grader.report.page import render

DIFFUSER = """\
import torch

class NoiseDiffuser:
    def __init__(self, start, end, steps):
        self.betas = torch.linspace(start, end, steps)

    @torch.no_grad()
    def add_noise(self, image, t):
        noise = torch.randn_like(image)
        return self.betas[t] * image + noise, noise
"""
CRITERIA = (
    Criterion(
        id="schedule.betas",
        exercise=1,
        title="β",
        points=4,
        code="NoiseDiffuser.__init__",
        lines_with=("linspace",),
    ),
    Criterion(id="sample.formula", exercise=3, title="σ", points=8, code="generate_samples"),
)
LOST = {
    "schedule.betas": {"verdict": Verdict.FAIL, "message": "β is not linear.", "mistake": "β runs backwards"}
}


def lifted(folder: Path, *cells: str, output: str = "") -> Listing:
    """What the pipeline makes of a notebook with these code cells, the first with an output."""
    path = folder / "student.ipynb"
    printed = [{"output_type": "stream", "name": "stdout", "text": output}]
    code = [
        {"cell_type": "code", "source": cell, "outputs": [], "metadata": {}, "execution_count": None}
        for cell in cells
    ]
    content = {"cells": [{**code[0], "outputs": printed}, *code[1:]], "metadata": {}}
    path.write_text(json.dumps({**content, "nbformat": 4, "nbformat_minor": 5}))
    submission = read_notebook(path, "student")
    return listing(submission, extract(submission, ["NoiseDiffuser", "generate_samples"]), CRITERIA)


def test_a_criterion_finds_the_lines_that_it_asks_about(tmp_path):
    (passage,) = lifted(tmp_path, "x = 1", DIFFUSER).passages
    assert (passage.criterion, passage.name) == ("schedule.betas", "NoiseDiffuser.__init__")
    assert (passage.cell, passage.first, passage.last, list(passage.marked)) == (2, 4, 5, [5])


def test_the_definition_that_counts_is_shown_where_there_are_two(tmp_path):
    (passage,) = lifted(tmp_path, DIFFUSER, DIFFUSER).passages
    assert passage.cell == 2


def test_lines_below_a_magic_keep_their_numbers(tmp_path):
    (passage,) = lifted(tmp_path, "%matplotlib inline\n!pip install x\n" + DIFFUSER).passages
    assert (passage.first, passage.last) == (6, 7)


def test_what_was_lost_shows_the_students_lines_beside_it(tmp_path):
    code = lifted(tmp_path, "x = 1", DIFFUSER)
    seen = words(page(samples.grade(changes=LOST), [code]))
    assert "Recognised mistake β runs backwards" in seen
    assert "Your NoiseDiffuser.__init__, cell 2, lines 4 to 5" in seen
    reader = page(samples.grade(changes=LOST), [code])
    assert len(reader.all("mark")) == 1
    assert {"--before:3", "--before:0"} <= {tag["style"] for tag in reader.all("pre") if "style" in tag}


def test_the_notebook_has_notes_in_its_margin_that_lead_to_the_criteria(tmp_path):
    reader = page(samples.grade(changes=LOST), [lifted(tmp_path, "x = 1", DIFFUSER)])
    section = words(reader)[words(reader).index("Your notebook") :]
    assert "Lost: The noise schedule is linear" in section
    assert "self.betas = torch.linspace(start, end, steps)" in section
    links = {tag["href"] for tag in reader.all("a")}
    assert any("schedule-betas" in link for link in links)


def test_a_hidden_criterion_shows_no_lines(tmp_path):
    lost = {"schedule.betas": {**LOST["schedule.betas"], "visibility": "hidden"}}
    closed = page(for_students(samples.grade(changes=lost)), [lifted(tmp_path, DIFFUSER)])
    assert "runs backwards" not in words(closed)
    assert not closed.all("mark")


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_text_whatever_it_says(tmp_path, text):
    said = text.encode("utf-8", "replace").decode()
    code = lifted(tmp_path, DIFFUSER, f"{said}\nx = {said!r}  # {said}")
    reader = page(samples.grade(changes=LOST), [code])
    names = {name for name, _ in reader.elements}
    assert names <= {name for name, _ in page(samples.mixed(), figures()).elements} | {"mark", "pre"}
    for _, attributes in reader.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert not str(attributes.get("href", "")).startswith("javascript")
    html = render(samples.grade(changes=LOST), [lifted(tmp_path, DIFFUSER, said)], EXERCISES)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def test_a_notebook_of_fifty_megabytes_gives_a_page_under_two(tmp_path):
    code = lifted(tmp_path, DIFFUSER, *["x = '&'\n" * 4_000] * 4, output="<b>&" * 12_500_000)
    assert (tmp_path / "student.ipynb").stat().st_size > 50_000_000
    html = render(samples.grade(changes=LOST), [code, *figures()], EXERCISES)
    assert len(html.encode()) < 2_000_000
    assert "self.betas = " in Reader(html).text


@pytest.mark.parametrize("row", ["1&" * 200, "<&" * 190 + "'", "x = f'{" * 20, "a=1", ""])
def test_no_code_makes_a_page_of_two_megabytes(row):
    """Whatever is dear in a page: entities, changes of colour, lines, and lines beside every criterion."""
    source = f"{row}\n" * (95_000 // (len(row) + 1))
    passages = [
        CodePassage(criterion=id, name=id, cell=1, first=n, last=90) for n, id in enumerate(RUBRIC, 1)
    ]
    changes = {id: {"verdict": Verdict.FAIL, "message": f"Wrong: {id}."} for id in RUBRIC}
    code = Listing(cells=[(1, source)], passages=passages)
    html = render(samples.grade(changes=changes), [code, *figures()], EXERCISES)
    assert len(html.encode()) < 2_000_000

"""The student's code on the page: the right lines and numbers, always as text, and bounded in size."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import report_samples as samples
from report_figures import figures
from report_page import ParsedPage, page, visible_text
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


def listing_of(
    folder: Path, *cells: str, output: str = "", criteria: Sequence[Criterion] = CRITERIA
) -> Listing:
    """Return the listing of a notebook with these code cells, of which the first has an output."""
    path = folder / "student.ipynb"
    printed = [{"output_type": "stream", "name": "stdout", "text": output}]
    code = [
        {"cell_type": "code", "source": cell, "outputs": [], "metadata": {}, "execution_count": None}
        for cell in cells
    ]
    content = {"cells": [{**code[0], "outputs": printed}, *code[1:]], "metadata": {}}
    path.write_text(json.dumps({**content, "nbformat": 4, "nbformat_minor": 5}))
    submission = read_notebook(path, "student")
    return listing(submission, extract(submission, ["NoiseDiffuser", "generate_samples"]), criteria)


def test_a_criterion_refers_to_the_lines_that_it_checks(tmp_path):
    (passage,) = listing_of(tmp_path, "x = 1", DIFFUSER).passages
    assert (passage.criterion, passage.name) == ("schedule.betas", "NoiseDiffuser.__init__")
    assert (passage.cell, passage.first, passage.last, list(passage.marked)) == (2, 4, 5, [5])


def test_of_a_call_over_several_lines_the_line_with_the_name_is_marked(tmp_path):
    argument = DIFFUSER.replace("(start, end, steps)\n", "(\n            start,\n            end, steps)\n")
    chain = DIFFUSER.replace("torch.linspace", "(torch\n            .linspace").replace(
        "steps)\n", "steps))\n", 1
    )
    for code, marked in ((argument, [5]), (chain, [6])):
        (passage,) = listing_of(tmp_path, "x = 1", code).passages
        assert list(passage.marked) == marked


def test_of_a_result_over_several_lines_the_return_is_marked(tmp_path):
    code = DIFFUSER.replace("noise, noise", "noise, (\n            noise\n        )")
    marked = replace(CRITERIA[0], code="NoiseDiffuser.add_noise", lines_with=("return",))
    (passage,) = listing_of(tmp_path, code, criteria=[marked]).passages
    assert list(passage.marked) == [10]


def test_the_last_of_two_definitions_is_shown(tmp_path):
    (passage,) = listing_of(tmp_path, DIFFUSER, DIFFUSER).passages
    assert passage.cell == 2


def test_lines_below_a_magic_keep_their_numbers(tmp_path):
    (passage,) = listing_of(tmp_path, "%matplotlib inline\n!pip install x\n" + DIFFUSER).passages
    assert (passage.first, passage.last) == (6, 7)


def test_a_lost_criterion_shows_the_students_lines(tmp_path):
    code = listing_of(tmp_path, "x = 1", DIFFUSER)
    seen = visible_text(page(samples.grade(changes=LOST), [code]))
    assert "Recognised mistake β runs backwards" in seen
    assert "Your NoiseDiffuser.__init__, cell 2, lines 4 to 5" in seen
    parsed = page(samples.grade(changes=LOST), [code])
    assert len(parsed.all("mark")) == 1
    assert {"--before:3", "--before:0"} <= {tag["style"] for tag in parsed.all("pre") if "style" in tag}


def test_a_long_excerpt_is_cut_and_leads_to_the_whole_cell(tmp_path):
    lines = "".join(f"        self.x{number} = {number}\n" for number in range(200))
    code = DIFFUSER.replace("steps):\n", "steps):\n" + lines)
    parsed = page(samples.grade(changes=LOST), [listing_of(tmp_path, "x = 1", code)])
    excerpt = visible_text(parsed).partition("The whole cell")[0]
    assert "def __init__(self, start, end, steps)" in excerpt
    assert "self.x50" not in excerpt
    assert "self.x199 = 199 self.betas = torch.linspace(start, end, steps)" in excerpt
    ids = {tag["id"] for _, tag in parsed.elements if "id" in tag}
    links = {tag["href"][1:] for tag in parsed.all("a") if tag["href"].startswith("#")}
    assert links <= ids


def test_the_margin_of_the_notebook_links_to_the_criteria(tmp_path):
    parsed = page(samples.grade(changes=LOST), [listing_of(tmp_path, "x = 1", DIFFUSER)])
    section = visible_text(parsed)[visible_text(parsed).index("Your notebook") :]
    assert "Lost: The noise schedule is linear" in section
    assert "self.betas = torch.linspace(start, end, steps)" in section
    links = {tag["href"] for tag in parsed.all("a")}
    assert any("schedule-betas" in link for link in links)


def test_a_hidden_criterion_shows_no_lines(tmp_path):
    lost = {"schedule.betas": {**LOST["schedule.betas"], "visibility": "hidden"}}
    closed = page(for_students(samples.grade(changes=lost)), [listing_of(tmp_path, DIFFUSER)])
    assert "runs backwards" not in visible_text(closed)
    assert not closed.all("mark")


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_never_markup(tmp_path, text):
    source = text.encode("utf-8", "replace").decode()
    code = listing_of(tmp_path, DIFFUSER, f"{source}\nx = {source!r}  # {source}")
    parsed = page(samples.grade(changes=LOST), [code])
    names = {name for name, _ in parsed.elements}
    assert names <= {name for name, _ in page(samples.mixed(), figures()).elements} | {"mark", "pre"}
    for _, attributes in parsed.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert not str(attributes.get("href", "")).startswith("javascript")
    html = render(samples.grade(changes=LOST), [listing_of(tmp_path, DIFFUSER, source)], EXERCISES)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def test_a_notebook_of_fifty_megabytes_gives_a_page_under_two(tmp_path):
    code = listing_of(tmp_path, DIFFUSER, *["x = '&'\n" * 4_000] * 4, output="<b>&" * 12_500_000)
    assert (tmp_path / "student.ipynb").stat().st_size > 50_000_000
    html = render(samples.grade(changes=LOST), [code, *figures()], EXERCISES)
    assert len(html.encode()) < 2_000_000
    assert "self.betas = " in ParsedPage(html).text


@pytest.mark.parametrize("row", ["1&" * 200, "<&" * 190 + "'", "x = f'{" * 20, "a=1", ""])
def test_no_code_makes_a_page_of_two_megabytes(row):
    """All that makes a page large: entities, many tokens, many lines, and an excerpt for every criterion."""
    source = f"{row}\n" * (95_000 // (len(row) + 1))
    passages = [
        CodePassage(criterion=id, name=id, cell=1, first=n, last=90) for n, id in enumerate(RUBRIC, 1)
    ]
    changes = {id: {"verdict": Verdict.FAIL, "message": f"Wrong: {id}."} for id in RUBRIC}
    code = Listing(cells=[(1, source)], passages=passages)
    html = render(samples.grade(changes=changes), [code, *figures()], EXERCISES)
    assert len(html.encode()) < 2_000_000

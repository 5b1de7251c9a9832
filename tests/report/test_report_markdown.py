"""The notebook's markdown in the report: formatted as written, and without active content."""

from __future__ import annotations

import re

import nbformat
import pytest
import report_samples as samples
from report_page import page
from report_samples import HOSTILE

from grader.model import Listing
from grader.notebook.submission import read_notebook
from grader.report.markdown import MAX_CHARACTERS, render_markdown

ALLOWED = set("p em strong code pre ul ol li blockquote br hr table thead tbody tr th td".split())  # noqa: SIM905
ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[here](javascript:alert(1))",
    "![dot](https://example.org/seen.png)",
    "[ref]\n\n[ref]: data:text/html,<script>alert(1)</script>",
    "<svg><style>*{display:none}</style></svg>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "`</code><b onclick=alert(1)>x</b>`",
    "<p style='position:fixed'>over all</p>",
    "| a |\n|---|\n| <iframe src=//example.org> |",
    "# <h1>heading</h1>",
)


@pytest.mark.parametrize("text", [*ATTACKS, *HOSTILE])
def test_only_allowed_elements_and_no_attributes_remain(text: str) -> None:
    html = str(render_markdown(text))
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= ALLOWED
    assert not re.search(r"<[a-z0-9]+\s[^>]*=", html)  # no attribute at all


def test_ordinary_markdown_keeps_its_formatting() -> None:
    html = str(
        render_markdown("# My answer\nThe *mean* is $\\mu_t$:\n\n- `a < b`\n- see [Ho](https://arxiv.org)\n")
    )
    assert "<p><strong>My answer</strong></p>" in html
    assert "<em>mean</em> is $\\mu_t$" in html
    assert "<code>a &lt; b</code>" in html
    assert "see Ho" in html
    assert "arxiv" not in html


@pytest.mark.parametrize("piece", ["*a", "[", "`", "<a ", "> ", "1. ", "|a", "[a](", "\\"])
def test_input_that_is_expensive_to_parse_is_truncated(piece: str) -> None:
    assert len(render_markdown(piece * 9999)) < 20 * MAX_CHARACTERS


def test_markdown_keeps_its_place_between_the_code_cells() -> None:
    listing = Listing(
        cells=[(1, "import torch"), (3, "answer")],
        passages=(),
        prose=[(0, "First words."), (1, "Between."), (2, "Second between."), (3, "Last words.")],
    )
    shown = page(samples.mixed(), [listing]).text
    places = [shown.index(text) for text in ("First words.", "Between.", "Second between.", "Last words.")]
    assert places == sorted(places)
    assert shown.index("import torch") in range(places[0], places[1])
    assert shown.index("answer") in range(places[2], places[3])


def test_a_notebooks_markdown_is_read(tmp_path) -> None:
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("x = 1")]
    cells += [nbformat.v4.new_markdown_cell("The end.")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert read_notebook(tmp_path / "a.ipynb", "a").markdown == ((0, "# Title"), (1, "The end."))

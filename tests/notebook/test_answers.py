"""The answers that a person grades are found, whatever students did to the cells around them."""

from __future__ import annotations

from typing import Any

import pytest
from person_rubric import png

from grader.notebook.answers import find_answers
from grader.notebook.outputs import outputs_of
from grader.written_answers import AnswerPlace


def _markdown(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}, **more}


def _code(source: str, *outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}, **more}


def _sources(cells: list[dict[str, Any]], **place: str) -> list[str]:
    found = find_answers(cells, {"a": AnswerPlace(**place)})
    return [cell.source.strip() for cell in found["a"].cells] if "a" in found else []


NOTEBOOK = [
    _markdown("# Homework\n\n## Question 1: why?\nSay it."),
    _markdown("Because.\n```\n# no heading\n```"),
    _markdown("### More\nof it"),
    _code("x = 1"),
    _markdown("## Question 2"),
    _markdown("Another answer"),
]


@pytest.mark.parametrize(
    "heading",
    ["Question 1: why?", "question 1 - **Why**", "Question 1", "Qestion 1 why"],
)
def test_a_section_reaches_to_the_next_heading_of_its_level(heading: str) -> None:
    sources = _sources(NOTEBOOK, heading=heading)
    assert sources[0] == "## Question 1: why?\nSay it."
    assert sources[1:] == ["Because.\n```\n# no heading\n```", "### More\nof it", "x = 1"]


def test_no_similar_heading_is_no_answer() -> None:
    assert _sources(NOTEBOOK, heading="Reflection") == []
    assert _sources(NOTEBOOK, heading="Question 10") == []


def test_of_a_question_that_is_answered_twice_both_sections_are_shown() -> None:
    again = [*NOTEBOOK, _markdown("## Question 1: why?"), _markdown("Second thoughts")]
    assert _sources(again, heading="Question 1: why?")[-1] == "Second thoughts"
    assert "Because." in _sources(again, heading="Question 1: why?")[1]


@pytest.mark.parametrize(
    "named",
    [{"id": "q1"}, {"metadata": {"tags": ["q1"]}}, {"metadata": {"id": "q1"}},
     {"metadata": {"nbgrader": {"grade_id": "q1"}}}],
)  # fmt: skip
def test_cells_are_found_by_id_or_tag(named: dict[str, Any]) -> None:
    cells = [*NOTEBOOK, _markdown("Mine", **named), _markdown("not mine", id="q10")]
    assert _sources(cells, cell="q1") == ["Mine"]


def test_a_marker_reaches_to_the_next_heading_or_marker() -> None:
    cells = [
        _markdown("**Your answer 1:**"),
        _markdown("first"),
        _markdown("**Your answer 2:** second"),
        _markdown("still second"),
        _markdown("# End"),
    ]
    places = {"one": AnswerPlace(marker="Your answer 1"), "two": AnswerPlace(marker="Your answer 2")}
    found = find_answers(cells, places)
    assert [cell.source for cell in found["one"].cells] == ["**Your answer 1:**", "first"]
    assert [cell.source for cell in found["two"].cells] == ["**Your answer 2:** second", "still second"]


def _digest(cell: dict[str, Any]) -> str:
    return find_answers([cell], {"a": AnswerPlace(cell="q")})["a"].digest


def test_another_text_or_another_plot_is_another_answer() -> None:
    image = {"output_type": "display_data", "data": {"image/png": png(3, 2)}}
    other = {"output_type": "display_data", "data": {"image/png": png(4, 2)}}
    assert _digest(_markdown("a", id="q")) != _digest(_markdown("b", id="q"))
    assert _digest(_code("a", image, id="q")) != _digest(_code("a", other, id="q"))
    assert _digest(_code("a", image, id="q")) == _digest(_code("a", image, id="q", execution_count=9))


def test_outputs_are_text_and_images_and_nothing_else() -> None:
    html = {"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>"}}
    table = {"output_type": "execute_result", "data": {"text/html": "<b>x</b>", "text/plain": "x"}}
    fake = {"output_type": "display_data", "data": {"image/png": png()[:20] + '"onerror="x'}}
    error = {"output_type": "error", "traceback": ["\x1b[31mValueError\x1b[0m", "wrong"]}
    outputs, hidden = outputs_of(_code("", html, table, fake, error))
    assert [(each.media, each.content) for each in outputs] == [("text/plain", "x\nValueError\nwrong")]
    assert hidden == 2


def test_images_attached_to_text_are_part_of_the_answer() -> None:
    cell = _markdown(
        "![photo](attachment:derivation.png)",
        id="q",
        attachments={"derivation.png": {"image/png": png()}, "unused.png": {"image/png": png()}},
    )
    (shown,) = find_answers([cell], {"a": AnswerPlace(cell="q")})["a"].cells
    assert [each.media for each in shown.outputs] == ["image/png"]


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "source": 3, "outputs": 5, "metadata": None, "id": "q"},
        {"cell_type": "markdown", "source": ["a", 1], "attachments": [1], "metadata": {"tags": 4}, "id": "q"},
        {"cell_type": "code", "outputs": [None, {"output_type": "stream", "text": 7}], "id": "q"},
        {"cell_type": "code", "outputs": [{"output_type": "error", "traceback": None}], "id": "q"},
        {"id": "q"},
    ],
)
def test_damaged_cells_are_read_as_far_as_they_go(cell: dict[str, Any]) -> None:
    find_answers([cell, None, "text"], {"a": AnswerPlace(cell="q"), "b": AnswerPlace(heading="x")})


def test_a_long_answer_is_cut_and_says_so() -> None:
    cells = [_markdown(f"Answer {number}", id="q") for number in range(100)]
    found = find_answers(cells, {"a": AnswerPlace(cell="q")})["a"]
    assert (len(found.cells), found.left_out) == (60, 40)

"""Answers that a person grades, as the page shows them: rendered markdown, code, text and images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from grader.model import Figure
from grader.report.markdown import render_markdown
from grader.text import clean
from grader.written_answers import Answer, AnswerCell

MAX_CODE, MAX_MARKDOWN = 20_000, 30_000  # characters of a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputView:
    """A stored output: text, or the address of an image."""

    text: str = ""
    image: Markup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCellView:
    """A cell of an answer; ``html`` is None for code."""

    html: Markup | None
    code: Markup
    outputs: tuple[OutputView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """An answer: its cells, and how many cells and outputs are not shown."""

    place: str
    cells: tuple[AnswerCellView, ...]
    left_out: int


def answer_views(figures: Iterable[Figure]) -> dict[str, AnswerView]:
    """Return the answers among a report's figures by the id of their criterion."""
    return {
        figure.criterion: AnswerView(
            place=figure.place, cells=tuple(map(_cell, figure.cells)), left_out=figure.left_out
        )
        for figure in figures
        if isinstance(figure, Answer)
    }


def _cell(cell: AnswerCell) -> AnswerCellView:
    is_markdown = cell.kind == "markdown"
    return AnswerCellView(
        html=render_markdown(cell.source, limit=MAX_MARKDOWN) if is_markdown else None,
        code=Markup() if is_markdown else _text(cell.source),
        outputs=tuple(
            OutputView(image=Markup(f"data:{each.media};base64,{each.content}"))
            if each.media.startswith("image/")
            else OutputView(text=each.content)
            for each in cell.outputs
        ),
    )


def _text(text: str) -> Markup:
    """Return escaped text that may be longer than what templates print of a value."""
    return Markup.escape(clean(text, limit=MAX_CODE))

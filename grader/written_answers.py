"""What a person grades: rubric items, and the answer in the notebook as cells with their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

PERSON = "person"  # the value of ``judged_by`` for a criterion that no check decides
NO_ITEMS = "none"  # stands for no item where a person names those that are awarded


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricItem:
    """A part of a criterion that a person awards or not; the points of all items are the criterion's."""

    id: str
    points: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """A rubric item in a result, and whether it was awarded."""

    id: str
    points: float
    title: str
    earned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlace:
    """Where the notebook has an answer; one attribute is set, or none for the whole notebook.

    Attributes:
        heading: text of a heading: the answer is everything below it, to the next of its level or above.
        cell: id or tag of the cells of the answer.
        marker: text in a cell: the answer is from that cell to the next heading.
    """

    heading: str = ""
    cell: str = ""
    marker: str = ""

    def __str__(self) -> str:
        """Return the place in words."""
        if self.heading:
            return f"under the heading “{self.heading}”"
        if self.cell:
            return f"in the cells with the id or tag “{self.cell}”"
        return f"from the text “{self.marker}”" if self.marker else "in the notebook"

    @property
    def is_whole_notebook(self) -> bool:
        """True if the rubric names no place."""
        return self == ANYWHERE


ANYWHERE = AnswerPlace()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOutput:
    """A stored output of a cell: text, or an image as base64 with its media type."""

    media: str  # "text/plain", "image/png" or "image/jpeg"
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCell:
    """A cell of an answer; ``kind`` is "markdown", "code" or "raw"."""

    kind: str
    source: str
    outputs: Sequence[AnswerOutput] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a student wrote for a criterion that a person grades.

    Attributes:
        criterion: its id.
        place: where the rubric looks for it, in words.
        cells: empty if the place was not found, or is the whole notebook.
        left_out: cells and outputs beyond the limits, or of kinds that are not shown.
    """

    criterion: str
    exercise: int
    place: str
    cells: Sequence[AnswerCell] = ()
    left_out: int = 0
    kind: str = "answer"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild an answer from the output of ``dataclasses.asdict``, without its ``kind``."""
        cells = [
            AnswerCell(**{**cell, "outputs": tuple(AnswerOutput(**each) for each in cell["outputs"])})
            for cell in values["cells"]
        ]
        return cls(**{**values, "cells": tuple(cells)})


def items_from(rows: Iterable[Mapping[str, Any]]) -> tuple[RubricItem, ...]:
    """Return rubric items from rows of a rubric.toml or of JSON."""
    return tuple(RubricItem(**row) for row in rows)

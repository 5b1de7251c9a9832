"""Find the answers that a person grades: sections, cells by id or tag, or what follows a marker.

Nothing is executed. What is kept of outputs is text and images; HTML, SVG and scripts never are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from grader.notebook.formats import source_of
from grader.notebook.outputs import attachments_of, outputs_of
from grader.written_answers import AnswerCell, AnswerPlace

MAX_CELLS, MAX_CHARACTERS = 60, 60_000  # of one answer: cells, and characters of their sources
MAX_IMAGES, MAX_IMAGE_BYTES = 10, 4 << 20  # of one answer, in base64
_SIMILAR = 0.85  # of two headings, so that a typo loses no answer
_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r"(?ms)^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnswer:
    """The cells of an answer.

    Attributes:
        digest: SHA-256 of everything in them, outputs included, so that a changed answer is noticed.
        left_out: cells and outputs that are not shown.
    """

    cells: tuple[AnswerCell, ...]
    digest: str
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    """A cell, or the part of a markdown cell from one heading to the next."""

    cell: AnswerCell
    names: frozenset[str]  # ids and tags of the cell
    level: int = 0  # of the heading that it begins with; 0 for none
    heading: str = ""
    hidden: int = 0  # outputs that cannot be shown


def find_answers(cells: Iterable[Any], places: Mapping[str, AnswerPlace]) -> dict[str, FoundAnswer]:
    """Return the answers that are found, by the id of the criterion.

    Args:
        cells: the notebook's cells as JSON values.
        places: where to look, by the id of the criterion.
    """
    passages = [passage for cell in cells if isinstance(cell, dict) for passage in _passages(cell)]
    markers = [_normalized(place.marker) for place in places.values() if place.marker]
    found = {id: _at(passages, place, markers) for id, place in places.items()}
    return {id: _answer(own) for id, own in found.items() if own}


def _passages(cell: Mapping[str, Any]) -> Iterator[_Passage]:
    """Yield a cell, or a markdown cell's parts, each beginning with a heading but perhaps the first."""
    kind, source = str(cell.get("cell_type")), source_of(cell)
    names = frozenset(_names(cell))
    if kind == "heading":  # of nbformat 3
        level = cell.get("level")
        kind, source = "markdown", f"{'#' * (level if isinstance(level, int) else 1)} {source}"
    if kind != "markdown":
        outputs, hidden = outputs_of(cell)
        yield _Passage(cell=AnswerCell(kind=kind, source=source, outputs=outputs), names=names, hidden=hidden)
        return
    attached = attachments_of(cell)
    blank = _FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), source)  # "# x" in code is no heading
    headings = list(_HEADING.finditer(blank))
    starts = [0, *(heading.start() for heading in headings if heading.start())]
    for start, end in zip(starts, [*starts[1:], len(source)], strict=True):
        text = source[start:end]
        own = next((each for each in headings if each.start() == start), None)
        shown = tuple(image for name, image in attached if f"attachment:{name}" in text)
        yield _Passage(
            cell=AnswerCell(kind="markdown", source=text, outputs=shown),
            names=names,
            level=len(own[1]) if own else 0,
            heading=_normalized(own[2]) if own else "",
        )


def _names(cell: Mapping[str, Any]) -> Iterator[str]:
    """Yield the id and the tags of a cell, those of Colab and nbgrader included."""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    tags, nbgrader = metadata.get("tags"), metadata.get("nbgrader")
    candidates = [cell.get("id"), metadata.get("id"), *(tags if isinstance(tags, list) else ())]
    candidates += [nbgrader.get("grade_id")] if isinstance(nbgrader, dict) else []
    yield from (each for each in candidates if isinstance(each, str))


def _at(passages: Sequence[_Passage], place: AnswerPlace, markers: Sequence[str]) -> list[_Passage]:
    if place.cell:
        return [passage for passage in passages if place.cell in passage.names]
    if place.marker:
        return _after_marker(passages, _normalized(place.marker), markers)
    if place.heading:
        chosen = _headings(passages, _normalized(place.heading))
        return [passage for start in chosen for passage in _section(passages, start)]
    return []


def _headings(passages: Sequence[_Passage], wanted: str) -> list[int]:
    """Return the places of the headings that match best; none if no heading is similar."""
    headings = {number: passage.heading for number, passage in enumerate(passages) if passage.level}
    if same := [number for number, heading in headings.items() if heading == wanted]:
        return same
    if longer := [number for number, heading in headings.items() if f" {wanted} " in f" {heading} "]:
        return longer
    likeness = {
        number: SequenceMatcher(None, heading, wanted, autojunk=False).ratio()
        for number, heading in headings.items()
        if re.findall(r"\d+", heading) == re.findall(r"\d+", wanted)  # question 2 is not question 1
    }
    best = max(likeness, key=lambda number: likeness[number], default=0)
    return [best] if likeness.get(best, 0.0) >= _SIMILAR else []


def _section(passages: Sequence[_Passage], start: int) -> Iterator[_Passage]:
    level = passages[start].level
    yield passages[start]
    for passage in passages[start + 1 :]:
        if 0 < passage.level <= level:
            return
        yield passage


def _after_marker(passages: Sequence[_Passage], marker: str, others: Sequence[str]) -> list[_Passage]:
    """Return the passages with a marker, each with those up to the next heading or marker."""
    found: list[_Passage] = []
    is_inside = False
    for passage in passages:
        text = _normalized(passage.cell.source)
        if marker in text:
            is_inside = True
        elif passage.level or any(other in text for other in others):
            is_inside = False
        if is_inside:
            found.append(passage)
    return found


def _normalized(text: str) -> str:
    """Return a heading's or a marker's words without case, markup and punctuation."""
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())


def _answer(passages: Sequence[_Passage]) -> FoundAnswer:
    everything = [
        [passage.cell.kind, passage.cell.source, [[out.media, out.content] for out in passage.cell.outputs]]
        for passage in passages
    ]
    digest = hashlib.sha256(json.dumps(everything).encode()).hexdigest()
    cells, characters, images, size = list[AnswerCell](), 0, 0, 0
    left_out = sum(passage.hidden for passage in passages)
    for passage in passages:
        cell = passage.cell
        characters += len(cell.source)
        if len(cells) == MAX_CELLS or characters > MAX_CHARACTERS:
            left_out += 1
            continue
        shown = []
        for output in cell.outputs:
            is_image = output.media.startswith("image/")
            images, size = images + is_image, size + is_image * len(output.content)
            if is_image and (images > MAX_IMAGES or size > MAX_IMAGE_BYTES):
                left_out += 1
            else:
                shown.append(output)
        if cell.source.strip() or shown:
            cells.append(replace(cell, outputs=tuple(shown)))
    return FoundAnswer(cells=tuple(cells), digest=digest, left_out=left_out)

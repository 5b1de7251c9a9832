"""The student's code laid out for the page: highlighted here, so that the page needs no script, and bounded.

Pieces of code go to the templates, which escape them; of markdown, harmless elements are left (``prose``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup

from grader.model import CodePassage, Listing
from grader.report.markdown import rendered
from grader.text import clean

LETTERS, LINES, PIECES = 100_000, 4_000, 12_000  # what code may take of a page
PASSAGE, WIDTH = 60, 400  # lines shown beside a criterion; letters of a line
SHORT = 5_000  # letters of code worth remembering: half a megabyte, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """One line: pieces of text, each with its kind ("" for plain), and whether it is marked."""

    pieces: tuple[tuple[str, str], ...]
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The lines that a criterion asks about."""

    name: str
    where: str
    anchor: str  # of the cell in the notebook below
    before: int  # lines of the cell that come before
    lines: tuple[CodeLine, ...]
    left_out: int
    is_repeated: bool  # whether the page has shown these lines before

    @property
    def is_marked(self) -> bool:
        """Whether any line is marked."""
        return any(line.marked for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChunk:
    """A stretch of a cell, with the passages that begin at its first line."""

    before: int
    lines: tuple[CodeLine, ...]
    notes: tuple[CodePassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One code cell, or a module beside the notebook.

    Attributes:
        words: the markdown between the cell before and this one.
    """

    title: str
    anchor: str
    chunks: tuple[CodeChunk, ...]
    left_out: int
    words: Markup


class CodeView:
    """Hands out a listing's code until the page has had enough of it."""

    def __init__(self, listing: Listing | None) -> None:
        self._letters, self._lines, self._pieces = LETTERS, LINES, PIECES
        self._passages = {passage.criterion: passage for passage in listing.passages} if listing else {}
        self._rows: Mapping[int | str, list[str]] = (
            {cell: _rows(source) for cell, source in listing.cells} if listing else {}
        )
        self._notes = list(listing.passages) if listing else []
        self._prose = deque[tuple[int, str]](listing.prose if listing else ())
        self._shown: set[tuple[int | str, int]] = set()
        self.left_out = listing.left_out if listing else 0

    def excerpt(self, criterion: str) -> Excerpt | None:
        """What a criterion asks about; None where that is not known."""
        passage = self._passages.get(criterion)
        rows = self._rows.get(passage.cell, []) if passage else []
        if passage is None or not 1 <= passage.first <= passage.last <= len(rows):
            return None
        last = min(passage.last, passage.first + PASSAGE - 1)
        lines = self._take(_dedented(rows[passage.first - 1 : last]), passage.first, set(passage.marked))
        if not lines:
            return None
        repeated = (passage.cell, passage.first) in self._shown
        self._shown.add((passage.cell, passage.first))
        return Excerpt(
            name=clean(passage.name, limit=100),
            where=f"{_place(passage.cell)}, lines {passage.first} to {passage.last}",
            anchor=_anchor(passage.cell),
            before=passage.first - 1,
            lines=lines,
            left_out=passage.last - passage.first + 1 - len(lines),
            is_repeated=repeated,
        )

    def cells(self) -> tuple[CellView, ...]:
        """The whole notebook, as far as there is room for it."""
        return tuple(self._cell(number, rows) for number, rows in self._rows.items())

    def words_after(self) -> Markup:
        """The markdown that follows the last of the cells; to be asked for after them."""
        return self._words(before=None)

    def _words(self, before: int | None) -> Markup:
        """The markdown up to a cell, or all that is left."""
        words = Markup()
        while self._prose and (before is None or self._prose[0][0] < before):
            words += rendered(self._prose.popleft()[1])
        return words

    def _cell(self, number: int | str, rows: Sequence[str]) -> CellView:
        notes = sorted((note for note in self._notes if note.cell == number), key=lambda note: note.first)
        by_line = {first: tuple(some) for first, some in groupby(notes, key=lambda note: note.first)}
        starts = sorted({1, *(first for first in by_line if first <= len(rows))})
        chunks = []
        for start, end in zip(starts, [*starts[1:], len(rows) + 1], strict=True):
            lines = self._take(rows[start - 1 : end - 1], start, set())
            if lines:
                chunks.append(CodeChunk(before=start - 1, lines=lines, notes=by_line.get(start, ())))
        shown = sum(len(chunk.lines) for chunk in chunks)
        return CellView(
            title=_place(number).capitalize() if isinstance(number, int) else _place(number),
            anchor=_anchor(number),
            chunks=tuple(chunks),
            left_out=len(rows) - shown,
            words=self._words(before=number) if isinstance(number, int) else Markup(),
        )

    def _take(self, rows: Sequence[str], first: int, marked: set[int]) -> tuple[CodeLine, ...]:
        """As many of the rows as there is room for, highlighted as far as that goes."""
        taken = []
        for row in rows[: self._lines]:
            if len(row) > self._letters:
                break
            self._letters -= len(row)
            taken.append(row)
        self._lines -= len(taken)
        lines = []
        highlighted = _highlighted if sum(map(len, taken)) < SHORT else _highlighted.__wrapped__
        for number, pieces in enumerate(highlighted(tuple(taken)), start=first):
            plain = len(pieces) > self._pieces
            self._pieces -= 0 if plain else len(pieces)
            shown = (("", "".join(text for _, text in pieces)),) if plain else pieces
            lines.append(CodeLine(pieces=shown, marked=number in marked))
        return tuple(lines)


def _rows(source: str) -> list[str]:
    """The lines as Python counts them, each fit to be seen."""
    rows = re.split("\r\n|\r|\n", source)
    return [clean(row, limit=WIDTH).replace("\n", " ") for row in rows]


def _dedented(rows: Sequence[str]) -> list[str]:
    """The rows without the indentation that all of them have: a phone is narrow."""
    common = min((len(row) - len(row.lstrip(" ")) for row in rows if row.strip()), default=0)
    return [row[common:] for row in rows]


def _place(cell: int | str) -> str:
    return f"cell {cell}" if isinstance(cell, int) else clean(cell, limit=100)


def _anchor(cell: int | str) -> str:
    return "cell-" + re.sub(r"[^A-Za-z0-9]+", "-", str(cell))[:60]


_Pieces = tuple[tuple[str, str], ...]


@lru_cache(maxsize=200)  # most of a class has the handout's cells as they were
def _highlighted(rows: tuple[str, ...]) -> tuple[_Pieces, ...]:
    """The pieces of every row."""
    return tuple(_lexed(rows))


def _lexed(rows: Sequence[str]) -> Iterator[_Pieces]:
    from pygments.lexers.python import PythonLexer  # here: the command line must start without it

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    line: list[tuple[str, str]] = []
    for token, text in lexer.get_tokens("\n".join(rows)):
        for number, part in enumerate(text.split("\n")):
            if number:
                yield _merged(line)
                line = []
            if part:
                line.append((_kind(str(token)), part))
    if rows:
        yield _merged(line)


def _merged(pieces: Sequence[tuple[str, str]]) -> _Pieces:
    return tuple(
        (kind, "".join(text for _, text in some))
        for kind, some in groupby(pieces, key=lambda piece: piece[0])
    )


_KINDS = {
    "Token.Comment": "c",
    "Token.Keyword": "k",
    "Token.Operator.Word": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "n",
    "Token.Name.Function": "f",
    "Token.Name.Class": "f",
    "Token.Name.Decorator": "f",
}


def _kind(token: str) -> str:
    """The style that a kind of token has, by Pygments' name for it."""
    return next((kind for name, kind in _KINDS.items() if token.startswith(name)), "")

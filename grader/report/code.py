"""The student's code on the page: highlighted without scripts, escaped by the templates, bounded in size."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup

from grader.model import CodePassage, Listing
from grader.report.markdown import render_markdown
from grader.text import clean

# The budget of one page: every token becomes an element, "&" becomes five bytes, and a line may be shown in
# an excerpt and in its cell. With these limits a page stays under 2 MB whatever a notebook holds.
MAX_CHARACTERS, MAX_LINES, MAX_TOKENS = 100_000, 4_000, 12_000
MAX_EXCERPT_LINES, MAX_LINE_WIDTH = 60, 400
CACHED_CHARACTERS = 5_000  # highlighting of longer code is not cached: 200 entries take 0.5 MB at most

Tokens = tuple[tuple[str, str], ...]
"""The tokens of one line: CSS class ("" for plain text) and text of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """One line of code; ``marked`` if it is one to look at first; ``remarks`` are comments by staff."""

    tokens: Tokens
    marked: bool
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The lines that a criterion checks.

    Attributes:
        name: of the definition.
        place: cell and lines in words.
        anchor: of the cell further down on the page.
        lines_before: lines of the cell above the excerpt.
        left_out: lines omitted because of a limit.
        is_repeated: whether another excerpt of this page starts at the same line.
    """

    name: str
    place: str
    anchor: str
    lines_before: int
    lines: tuple[CodeLine, ...]
    left_out: int
    is_repeated: bool

    @property
    def has_marks(self) -> bool:
        """True if any line is marked."""
        return any(line.marked for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChunk:
    """Consecutive lines of a cell, and the passages that begin at the first of them."""

    lines_before: int
    lines: tuple[CodeLine, ...]
    passages: tuple[CodePassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One code cell, or a local module.

    Attributes:
        markdown_before: the markdown between the previous code cell and this one.
    """

    title: str
    anchor: str
    chunks: tuple[CodeChunk, ...]
    left_out: int
    markdown_before: Markup


class CodeView:
    """Lays out the code of a listing until the page's budget is used up.

    All calls share one budget and belong in reading order: ``excerpt`` for each criterion, then ``cells``,
    then ``markdown_after``.
    """

    def __init__(self, listing: Listing | None) -> None:
        self._characters, self._lines, self._tokens = MAX_CHARACTERS, MAX_LINES, MAX_TOKENS
        self._passages = list(listing.passages) if listing else []
        self._passage_of = {passage.criterion: passage for passage in self._passages}
        self._rows: Mapping[int | str, list[str]] = (
            {cell: _rows(source) for cell, source in listing.cells} if listing else {}
        )
        self._markdown = deque[tuple[int, str]](listing.prose if listing else ())
        self._remarks: dict[tuple[str, int], list[str]] = {}
        for cell, number, words in listing.remarks if listing else ():
            self._remarks.setdefault((cell, number), []).append(words)
        self._excerpted: set[tuple[int | str, int]] = set()
        self.left_out = listing.left_out if listing else 0

    def excerpt(self, criterion: str) -> Excerpt | None:
        """Return the lines that a criterion checks, or None if they are not known."""
        passage = self._passage_of.get(criterion)
        rows = self._rows.get(passage.cell, []) if passage else []
        if passage is None or not 1 <= passage.first <= passage.last <= len(rows):
            return None
        last = min(passage.last, passage.first + MAX_EXCERPT_LINES - 1)
        lines = self._take(
            _dedent(rows[passage.first - 1 : last]), passage.first, set(passage.marked), passage.cell
        )
        if not lines:
            return None
        repeated = (passage.cell, passage.first) in self._excerpted
        self._excerpted.add((passage.cell, passage.first))
        return Excerpt(
            name=clean(passage.name, limit=100),
            place=f"{_cell_name(passage.cell)}, lines {passage.first} to {passage.last}",
            anchor=_anchor(passage.cell),
            lines_before=passage.first - 1,
            lines=lines,
            left_out=passage.last - passage.first + 1 - len(lines),
            is_repeated=repeated,
        )

    def cells(self) -> tuple[CellView, ...]:
        """Return all cells, each as far as the budget goes."""
        return tuple(self._cell(number, rows) for number, rows in self._rows.items())

    def markdown_after(self) -> Markup:
        """Return the markdown after the last code cell; call it after ``cells``."""
        return self._take_markdown(before=None)

    def _take_markdown(self, before: int | None) -> Markup:
        """Render the markdown that is left, up to the code cell ``before`` if one is given."""
        html = Markup()
        while self._markdown and (before is None or self._markdown[0][0] < before):
            html += render_markdown(self._markdown.popleft()[1])
        return html

    def _cell(self, number: int | str, rows: Sequence[str]) -> CellView:
        passages = sorted((one for one in self._passages if one.cell == number), key=lambda one: one.first)
        by_line = {first: tuple(some) for first, some in groupby(passages, key=lambda one: one.first)}
        # A chunk starts at line 1 and at every passage, so that its margin notes stand beside its first line.
        starts = sorted({1, *(first for first in by_line if first <= len(rows))})
        chunks = []
        for start, end in zip(starts, [*starts[1:], len(rows) + 1], strict=True):
            lines = self._take(rows[start - 1 : end - 1], start, set(), number)
            if lines:
                chunks.append(CodeChunk(lines_before=start - 1, lines=lines, passages=by_line.get(start, ())))
        is_cell = isinstance(number, int)
        return CellView(
            title=_cell_name(number).capitalize() if is_cell else _cell_name(number),
            anchor=_anchor(number),
            chunks=tuple(chunks),
            left_out=len(rows) - sum(len(chunk.lines) for chunk in chunks),
            markdown_before=self._take_markdown(before=number) if isinstance(number, int) else Markup(),
        )

    def _take(
        self, rows: Sequence[str], first: int, marked: set[int], cell: int | str
    ) -> tuple[CodeLine, ...]:
        """Take as many rows as the budget allows, and highlight them while tokens are left.

        Args:
            first: number of the first row in its cell.
            marked: numbers of the rows to mark.
            cell: that they are of.
        """
        taken = []
        for row in rows[: self._lines]:
            if len(row) > self._characters:
                break
            self._characters -= len(row)
            taken.append(row)
        self._lines -= len(taken)
        lines = []
        is_short = sum(map(len, taken)) < CACHED_CHARACTERS
        highlight = _highlight if is_short else _highlight.__wrapped__
        for number, tokens in enumerate(highlight(tuple(taken)), start=first):
            if len(tokens) > self._tokens:  # the rest of the page has plain code
                tokens = (("", "".join(text for _, text in tokens)),)
            else:
                self._tokens -= len(tokens)
            remarks = tuple(self._remarks.get((str(cell), number), ()))
            lines.append(CodeLine(tokens=tokens, marked=number in marked, remarks=remarks))
        return tuple(lines)


def _rows(source: str) -> list[str]:
    """Split source into lines as Python counts them, so not at form feeds, and clean each line."""
    rows = re.split("\r\n|\r|\n", source)
    return [clean(row, limit=MAX_LINE_WIDTH).replace("\n", " ") for row in rows]


def _dedent(rows: Sequence[str]) -> list[str]:
    """Remove common indentation, to save width on a phone."""
    common = min((len(row) - len(row.lstrip(" ")) for row in rows if row.strip()), default=0)
    return [row[common:] for row in rows]


def _cell_name(cell: int | str) -> str:
    return f"cell {cell}" if isinstance(cell, int) else clean(cell, limit=100)


def _anchor(cell: int | str) -> str:
    return "cell-" + re.sub(r"[^A-Za-z0-9]+", "-", str(cell))[:60]


@lru_cache(maxsize=200)  # in a class most notebooks share the handout's cells
def _highlight(rows: tuple[str, ...]) -> tuple[Tokens, ...]:
    """Return the tokens of every row."""
    return tuple(_tokenize(rows))


def _tokenize(rows: Sequence[str]) -> Iterator[Tokens]:
    """Yield the tokens of each row; a token that spans rows, such as a docstring, is split between them."""
    from pygments.lexers.python import PythonLexer  # imported late: the command line must start without it

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    line: list[tuple[str, str]] = []
    for token, text in lexer.get_tokens("\n".join(rows)):
        for number, part in enumerate(text.split("\n")):
            if number:
                yield _merge(line)
                line = []
            if part:
                line.append((_css_class(str(token)), part))
    if rows:
        yield _merge(line)


def _merge(tokens: Sequence[tuple[str, str]]) -> Tokens:
    """Join neighbouring tokens of the same class into one."""
    return tuple(
        (css_class, "".join(text for _, text in some))
        for css_class, some in groupby(tokens, key=lambda token: token[0])
    )


_CSS_CLASSES = {
    "Token.Comment": "c",
    "Token.Keyword": "k",
    "Token.Operator.Word": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "n",
    "Token.Name.Function": "f",
    "Token.Name.Class": "f",
    "Token.Name.Decorator": "f",
}


def _css_class(token_type: str) -> str:
    """Return the CSS class of a Pygments token type, given by its dotted name; "" for plain text."""
    return next((css for name, css in _CSS_CLASSES.items() if token_type.startswith(name)), "")

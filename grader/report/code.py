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
# A longer excerpt is cut to its first line and the marked ones, each with some lines around it.
MAX_WHOLE_LINES, LINES_AROUND_MARK, MAX_SEARCHED_LINES = 14, 3, 400
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
class CodeChunk:
    """Consecutive lines of a cell, and the passages that begin at the first of them."""

    lines_before: int
    lines: tuple[CodeLine, ...]
    passages: tuple[CodePassage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The lines that a criterion checks.

    Attributes:
        name: of the definition.
        place: cell and lines in words.
        anchor: of the cell further down on the page.
        chunks: the lines shown, where lines between two chunks are left out.
        left_out: lines of the definition that are not shown.
        is_repeated: whether another excerpt of this page starts at the same line.
    """

    name: str
    place: str
    anchor: str
    chunks: tuple[CodeChunk, ...]
    left_out: int
    is_repeated: bool

    @property
    def has_marks(self) -> bool:
        """True if any line is marked."""
        return any(line.marked for chunk in self.chunks for line in chunk.lines)


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

    def excerpt(self, criterion: str, whole_up_to: int = MAX_WHOLE_LINES) -> Excerpt | None:
        """Return the lines that a criterion checks, or None; a definition up to so many lines as a whole."""
        passage = self._passage_of.get(criterion)
        rows = self._rows.get(passage.cell, []) if passage else []
        if passage is None or not 1 <= passage.first <= passage.last <= len(rows):
            return None
        rows = _dedent(rows[passage.first - 1 : passage.last])
        marked, tokens = set(passage.marked), _highlighted(rows[:MAX_SEARCHED_LINES])
        chunks = []
        remarked = {line for cell, line in self._remarks if cell == str(passage.cell)}
        for part in _parts_to_show(passage.first, passage.last, marked | remarked, whole_up_to):
            inside = slice(part.start - passage.first, part.stop - passage.first)
            if lines := self._take(rows[inside], tokens[inside], part.start, marked, passage.cell):
                chunks.append(CodeChunk(lines_before=part.start - 1, lines=lines))
        if not chunks:
            return None
        repeated = (passage.cell, passage.first) in self._excerpted
        self._excerpted.add((passage.cell, passage.first))
        return Excerpt(
            name=clean(passage.name, limit=100),
            place=f"{_cell_name(passage.cell)}, lines {passage.first} to {passage.last}",
            anchor=_anchor(passage.cell),
            chunks=tuple(chunks),
            left_out=len(rows) - sum(len(chunk.lines) for chunk in chunks),
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
            part = rows[start - 1 : end - 1][: self._lines]
            lines = self._take(part, _highlighted(part), start, set(), number)
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
        self,
        rows: Sequence[str],
        highlighted: Sequence[Tokens],
        first: int,
        marked: set[int],
        cell: int | str,
    ) -> tuple[CodeLine, ...]:
        """Take as many rows as the budget allows, highlighted while tokens are left.

        Args:
            highlighted: the tokens of each row.
            first: number of the first row in its cell.
            marked: numbers of the rows to mark.
            cell: that they are of.
        """
        lines: list[CodeLine] = []
        for number, (row, tokens) in enumerate(zip(rows, highlighted, strict=False), start=first):
            if len(row) > self._characters or not self._lines:
                break
            self._characters -= len(row)
            self._lines -= 1
            if len(tokens) > self._tokens:  # the rest of the page has plain code
                tokens = (("", row),) if row else ()
            else:
                self._tokens -= len(tokens)
            remarks = tuple(self._remarks.get((str(cell), number), ()))
            lines.append(CodeLine(tokens=tokens, marked=number in marked, remarks=remarks))
        return tuple(lines)


def _parts_to_show(first: int, last: int, marked: set[int], whole_up_to: int) -> list[range]:
    """Return the line numbers to show of a definition, as ranges with gaps of two lines or more.

    Args:
        marked: lines to show in any case, with some around them.
    """
    if last - first < whole_up_to or not marked:
        return [range(first, min(last, first + MAX_EXCERPT_LINES - 1) + 1)]
    wanted = {first} | {
        line
        for mark in marked
        for line in range(mark - LINES_AROUND_MARK, mark + LINES_AROUND_MARK + 1)
        if first <= line <= last
    }
    parts: list[range] = []
    for line in sorted(wanted)[:MAX_EXCERPT_LINES]:
        if parts and line - parts[-1].stop < 2:  # one line left out would take as much room as a gap
            parts[-1] = range(parts[-1].start, line + 1)
        else:
            parts.append(range(line, line + 1))
    return parts


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


def _highlighted(rows: Sequence[str]) -> tuple[Tokens, ...]:
    """Return the tokens of every row, from the cache if the rows are few."""
    is_short = sum(map(len, rows)) < CACHED_CHARACTERS
    return (_highlight if is_short else _highlight.__wrapped__)(tuple(rows))


@lru_cache(maxsize=200)  # in a class most notebooks share the handout's cells
def _highlight(rows: tuple[str, ...]) -> tuple[Tokens, ...]:
    """Highlight rows; see ``_highlighted``."""
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

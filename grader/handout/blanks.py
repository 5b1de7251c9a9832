"""The blanks of a cell: what students have to write, and what stands there for them.

Three dialects mark them, and may be mixed:

- nbgrader: ``### BEGIN SOLUTION`` to ``### END SOLUTION``, ``### BEGIN HIDDEN TESTS`` to its end, and
  ``=== BEGIN MARK SCHEME ===`` to its end;
- otter: ``# BEGIN SOLUTION`` to ``# END SOLUTION``, ``# SOLUTION`` behind a line, both also with
  ``NO PROMPT``, and a prompt as a string between ``# BEGIN PROMPT`` and ``# END PROMPT``;
- this project's: ``# BEGIN SOLUTION: id id``, where the ids name the criteria that the blank must cost, and
  in a block lines that begin with ``#>`` are what students get in its place.

In Markdown a marker is a comment: ``<!-- BEGIN SOLUTION -->``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from grader.errors import UsageError
from grader.notebook.parsing import parse

_LINE = re.compile(
    r"^(?P<indent>\s*)(?:(?P<hashes>#+)|<!--|===)\s*(?P<side>BEGIN|END)\s+"
    r"(?P<what>(?:ALTERNATIVE\s+)?SOLUTION|HIDDEN\s+TESTS|MARK\s+SCHEME)(?P<bare>\s+NO\s+PROMPT)?\s*"
    r"(?::\s*(?P<criteria>[\w.,\s-]*?))?\s*(?:-->|===)?\s*$"
)
_TRAILING = re.compile(r"#\s*SOLUTION(?P<bare>\s+NO\s+PROMPT)?\s*$")
# What an author may take for a marker: with a remark behind it, in small letters, or behind other text.
_NEARLY = re.compile(
    r"(?:#|<!--|===)\s*(?:BEGIN|END)\s+(?:SOLUTION|HIDDEN\s+TESTS|MARK\s+SCHEME|PROMPT)\b", re.IGNORECASE
)
_NEARLY_TRAILING = re.compile(r"#\s*SOLUTION\b")
_PROMPT_BEGINS = re.compile(r"^\s*(\"\"\"|''')\s*;?\s*#\s*BEGIN PROMPT\s*$")
_PROMPT_ENDS = re.compile(r"^\s*(\"\"\"|''')\s*;?\s*#\s*END PROMPT\s*$")
_INSTEAD = re.compile(r"^\s*#>\s?(?P<text>.*)$")

NBGRADER_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
NBGRADER_TEXT = "YOUR ANSWER HERE"
OTTER_STUB = "..."
OTTER_TEXT = "_Type your answer here, replacing this text._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A place that students fill in.

    Attributes:
        line: line of the marked cell, from 1, at which it begins.
        solution: the lines of the solution, "" if there are none.
        instead: the lines that students get in their place.
        criteria: ids of the criteria that it must cost; None where the author names none.
    """

    line: int
    solution: str
    instead: str
    criteria: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class MarkedCell:
    """A cell as its author wrote it: given text and blanks, in order."""

    pieces: tuple[str | Blank, ...]

    @property
    def blanks(self) -> tuple[Blank, ...]:
        """Its blanks, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Blank))

    def text(self, empty: Container[int]) -> str:
        """Return the cell with some blanks empty and the others solved.

        Args:
            empty: positions in ``blanks``.
        """
        lines: list[str] = []
        number = 0
        for piece in self.pieces:
            if isinstance(piece, str):
                lines.append(piece)
                continue
            if text := piece.instead if number in empty else piece.solution:
                lines.append(text)
            number += 1
        return "\n".join(lines).strip("\n")


def read_marked_cell(source: str, *, code: bool, nbgrader: bool = False) -> MarkedCell:
    """Read the markers of a cell.

    Args:
        code: whether it is a code cell, not a text.
        nbgrader: whether nbgrader's own words stand in a blank whatever its markers look like.

    Raises:
        UsageError: a block has no end or no beginning, or lies in another, or a line is nearly a marker; the
            sentence names the line.
    """
    pieces: list[str | Blank] = []
    for piece in _pieces(source.split("\n"), code, nbgrader):
        last = pieces[-1] if pieces else None
        if isinstance(piece, Blank) and isinstance(last, Blank) and piece.criteria is last.criteria is None:
            pieces[-1] = _joined(last, piece)
        else:
            pieces.append(piece)
    return MarkedCell(tuple(pieces))


def whole_cell(source: str, instead: str) -> MarkedCell:
    """Return a cell that is one blank."""
    return MarkedCell((Blank(line=1, solution=source, instead=instead),))


def _pieces(lines: Sequence[str], code: bool, nbgrader: bool) -> Iterator[str | Blank]:
    number = 0
    while number < len(lines):
        line = lines[number]
        if begins := _LINE.match(line):
            if begins["side"] == "END":
                raise UsageError(f"line {number + 1} ends a block that does not begin: {line.strip()}")
            end = _end(lines, number, begins)
            if begins["what"].endswith("SOLUTION"):
                yield _block(lines[number + 1 : end], number + 1, begins, code, nbgrader)
            number = end + 1
        elif _PROMPT_BEGINS.match(line):
            closing = next((at for at in range(number, len(lines)) if _PROMPT_ENDS.match(lines[at])), None)
            if closing is None:
                raise UsageError(f"line {number + 1} begins a prompt that has no END PROMPT")
            yield Blank(line=number + 1, solution="", instead="\n".join(lines[number + 1 : closing]))
            number = closing + 1
        elif code and (trailing := _TRAILING.search(line)) and line[: trailing.start()].strip():
            yield _one_line(line[: trailing.start()].rstrip(), number + 1, bool(trailing["bare"]))
            number += 1
        elif _NEARLY.search(line) or (code and _NEARLY_TRAILING.search(line)):
            raise UsageError(
                f"line {number + 1} looks like a marker and is none: {line.strip()}; write "
                "`# BEGIN SOLUTION` on a line of its own or `# SOLUTION` behind a line, with nothing else"
            )
        else:
            yield line
            number += 1


def _joined(first: Blank, second: Blank) -> Blank:
    """Return two blanks of neighbouring lines as the one that they are for students."""
    solution, instead = (
        "\n".join(filter(None, texts))
        for texts in ((first.solution, second.solution), (first.instead, second.instead))
    )
    return Blank(line=first.line, solution=solution, instead=instead)


def _end(lines: Sequence[str], begin: int, begins: re.Match[str]) -> int:
    what = begins["what"].split()[-1]
    for number in range(begin + 1, len(lines)):
        if found := _LINE.match(lines[number]):
            if found["side"] == "END" and found["what"].split()[-1] == what:
                return number
            raise UsageError(
                f"line {number + 1} lies in the block that begins in line {begin + 1}: "
                f"{lines[number].strip()}"
            )
    raise UsageError(f"line {begin + 1} begins a block that has no end: {lines[begin].strip()}")


def _block(lines: Sequence[str], line: int, begins: re.Match[str], code: bool, nbgrader: bool) -> Blank:
    indent = begins["indent"]
    own = [found["text"] for text in lines if (found := _INSTEAD.match(text))]
    if begins["bare"]:
        own, stub = [], ""
    elif nbgrader or len(begins["hashes"] or "") > 1:
        stub = NBGRADER_STUB if code else NBGRADER_TEXT
    else:
        stub = OTTER_STUB if code else OTTER_TEXT
    instead = own or ([] if not stub else stub.split("\n"))
    named = begins["criteria"]
    return Blank(
        line=line,
        solution="\n".join(text for text in lines if not _INSTEAD.match(text)),
        instead="\n".join(indent + text if text else "" for text in instead),
        criteria=None if named is None else tuple(re.split(r"[,\s]+", named.strip(", "))) if named else (),
    )


def _one_line(code: str, line: int, bare: bool) -> Blank:
    """Return the blank of a line with ``# SOLUTION`` behind it: an assignment keeps its target."""
    indent = code[: len(code) - len(code.lstrip())]
    instead = "" if bare else indent + _target(code.strip()) + OTTER_STUB
    return Blank(line=line, solution=code, instead=instead)


def _target(statement: str) -> str:
    """Return an assignment up to its value, "" for any other statement."""
    try:
        (node,) = parse(statement).body
    except (SyntaxError, ValueError):  # the first line of a longer statement
        return ""
    match node:
        case ast.Assign(targets=[*_, last]) | ast.AnnAssign(annotation=last, value=ast.expr()):
            encoded = statement.encode()
            equals = encoded.index(b"=", last.end_col_offset)
            return encoded[: equals + 1].decode() + " "
    return ""

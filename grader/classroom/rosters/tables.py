"""CSV tables as learning platforms and spreadsheets save them: any encoding, line ends and delimiter."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError
from grader.text import listed

_DELIMITERS = ",;\t|"
_NO_DELIMITER = "\x1f"  # for a table of one column, whose cells may hold any of the above
_LONGEST_CELL = 1 << 24  # characters; the csv module's 128 KiB are less than a student can write in a form
_OTHER_FILES = {  # by their first bytes
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF file",
    b"<": "a web page",
    b"{": "a JSON file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV file with a header.

    Attributes:
        header: the first row that is not blank.
        rows: the rows below it that are not blank, each as long as the header.
        lines: the line of the file on which each row ends.
        delimiter: as found in the file.
        line_end: that of the file's first line.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    delimiter: str
    line_end: str

    @property
    def columns(self) -> str:
        """The header, for an error message."""
        named = [repr(cell.strip()) for cell in self.header if cell.strip()]
        return listed(named, most=12) or "none"


def read_table(path: Path) -> Table:
    """Return the table in a CSV file.

    Rows that end early are filled up with empty cells, as some programs leave out empty cells at a row's end.

    Raises:
        UsageError: the file cannot be read, is no CSV file, or a row has more cells than the header, so that
            its cells cannot be told apart.
    """
    text = read_text(path)
    first = re.match(r'\s*"?sep=([^\r\n])"?[\r\n]+', text, re.IGNORECASE)  # Excel's note of the delimiter
    text = text[first.end() :] if first else text
    delimiter = first[1] if first and first[1] in text else _delimiter(text)
    try:
        numbered = _parse(text, delimiter)
    except csv.Error as error:
        raise UsageError(
            f"{path} cannot be read as a CSV file ({error}); open it in a spreadsheet and save it as CSV"
        ) from error
    header, *rows = [row for _, row in numbered] or [[]]
    for line, row in numbered:
        if any(cell.strip() for cell in row[len(header) :]):
            raise UsageError(
                f"{path}, line {line + bool(first)}: {len(row)} cells below {len(header)} columns, perhaps a "
                f"{_spoken(delimiter)} in a cell without quotes; correct that line, or export the file again"
            )
    width = len(header)
    return Table(
        path=path,
        header=tuple(header),
        rows=tuple(tuple([*row, *[""] * (width - len(row))][:width]) for row in rows),
        lines=tuple(line + bool(first) for line, _ in numbered[1:]),
        delimiter=delimiter,
        line_end="\r\n" if "\r\n" in text else "\n",
    )


def read_text(path: Path) -> str:
    """Return the text of a CSV file in any encoding that spreadsheets save.

    These are UTF-8 and UTF-16, with and without byte-order marks, Windows-1252 and Mac Roman.

    Raises:
        UsageError: the file cannot be read, or its content shows that it is another kind of file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    for start, kind in _OTHER_FILES.items():
        if data.lstrip().startswith(start):
            raise UsageError(f"{path} is {kind}, not a CSV file; save or download the table as CSV")
    return decoded(data)


def decoded(data: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16, Windows-1252 or Mac Roman, whichever it is."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    for encoding, zeros in (("utf-16-le", data[1:200:2]), ("utf-16-be", data[0:200:2])):
        if zeros and zeros.count(0) > 0.8 * len(zeros):  # plain letters have a zero as their second byte
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_from_mac = b"\r" in data and b"\n" not in data
        encodings = ("mac-roman", "cp1252") if is_from_mac else ("cp1252", "mac-roman")
        readings = [data.decode(encoding, errors="replace") for encoding in encodings]
        return min(readings, key=_implausible)  # the first of equal ones


def _implausible(text: str) -> int:
    """Count characters that names do not have where they stand, for telling encodings apart.

    These are capital letters after small ones, and signs beside letters. Mac Roman's é is Windows's Ž, and
    its ü is Ÿ; Windows's ö is Mac Roman's ˆ.
    """
    count = 3 * text.count("\ufffd")
    for found in re.finditer(r"[^\x00-\x7f\ufffd]", text):
        letter, before, after = found[0], text[: found.start()][-2:], text[found.end() :][:1]
        if unicodedata.category(letter) == "Lu":
            count += before[-1:].islower() or (before[-1:].isalpha() and after.islower())
        elif letter in "–—’":  # "Smith–Jones" and "d’Alembert" have small letters on one side only, or one
            count += before.isalpha() and before[-1:].islower() and after.islower() and len(before) == 2
        elif letter in "”":
            count += after.isalpha()
        elif letter in "“‘" or unicodedata.category(letter) not in ("Ll", "Lo"):
            count += before[-1:].isalpha() or (letter not in "“‘\xa0" and after.isalpha())
    return count


def _delimiter(text: str) -> str:
    """Return the delimiter under which most rows are as wide as the header; the widest of equal ones."""
    scores = {}
    for candidate in _DELIMITERS:
        try:
            widths = [len(row) for _, row in _parse(text, candidate)]
        except csv.Error:
            continue  # quotes end in the middle of a cell
        if widths and widths[0] > 1:
            scores[candidate] = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
    if not scores:
        return "," if not text.strip() or _has_open_quote(text) else _NO_DELIMITER
    return max(scores, key=lambda candidate: scores[candidate])


def _has_open_quote(text: str) -> bool:
    try:
        _parse(text, _NO_DELIMITER)
    except csv.Error:
        return True
    return False


def _parse(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with the number of its last line.

    ``strict`` reports a quote that is never closed, which would swallow all rows after it.
    """
    # newline="": StringIO splits lines at \r, \n and \r\n, and line ends in quoted cells stay as they are.
    blanks = bool(re.match(rf'[^\r\n]*{re.escape(delimiter)} +"', text))  # some programs write `a, "b"`
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=blanks
    )
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def _spoken(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, "delimiter")


def written(rows: Sequence[Sequence[str]], *, delimiter: str, line_end: str = "\n") -> str:
    """Return rows as CSV text."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue()


def number(text: str) -> float | None:
    """Return the number in a cell, or None; the last point or comma is the decimal point, as in Canvas."""
    digits = re.sub(r"[\s'\u2019]", "", text)  # some languages group digits with these
    if not re.fullmatch(r"-?[\d.,]*\d[\d.,]*", digits):
        return None
    at = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits[:at], digits[at + 1 :]) if at >= 0 else (digits, "")
    return float(f"{re.sub('[.,]', '', whole) or 0}.{fraction or 0}")

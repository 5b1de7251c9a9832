"""Read code cells from a file's bytes: notebooks of nbformat 3 and 4, scripts, damaged files.

A damaged file is read as far as possible, with a note on what was done. Nothing is executed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.errors import NotebookError

MAX_CONTAINERS, MAX_COMMAS = 5_000_000, 20_000_000  # more would take gigabytes of memory as Python objects

_BOMS = {  # UTF-32 comes first, because its little-endian mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHER_FORMATS = {  # by the bytes that a file begins with
    b"PK\x03\x04": "a zip archive; unpack it and hand in the .ipynb file inside",
    b"%PDF": "a PDF; hand in the .ipynb file that it was made from",
    b"\x1f\x8b": "a gzip archive; unpack it and hand in the .ipynb file inside",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"<!": "a web page (HTML); download the notebook itself, as .ipynb",
    b"<html": "a web page (HTML); download the notebook itself, as .ipynb",
    b"<?xml": "an XML file; download the notebook itself, as .ipynb",
}
_WORD_PART = b"word/document.xml"  # a member of every .docx file, which is a zip archive
_CONFLICT_MARKER = re.compile(r"^(<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_CELL_START = re.compile(r'\{\s*"cell_type"')


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell, or the file of a local module.

    Attributes:
        number: position among the notebook's code cells, from 1; for a local module, the name of its file.
    """

    number: int | str
    source: str


@dataclass(slots=True)
class NotebookCode:
    """The contents of a notebook or script.

    Attributes:
        cells: source of each code cell.
        notes: sentences on how the file was read, if anything about it was unusual.
        python_version: of the kernel that ran the notebook last, if the file gives it.
        markdown: text of each markdown cell, with the number of code cells before it.
        raw: the same of raw cells.
        is_damaged: whether only a part of the file could be read.
        all_cells: every cell as JSON values, with its outputs; none of a script.
    """

    cells: list[str]
    notes: list[str] = field(default_factory=list)
    python_version: str | None = None
    markdown: list[tuple[int, str]] = field(default_factory=list)
    raw: list[tuple[int, str]] = field(default_factory=list)
    is_damaged: bool = False
    all_cells: Sequence[Any] = ()


def read_code(data: bytes, suffix: str) -> NotebookCode:
    """Return the code in a notebook, or in a script if ``suffix`` is ".py".

    Raises:
        NotebookError: the file cannot be read; the message gives the reason.
    """
    if not data.strip():
        raise NotebookError("the file is empty; save the notebook and hand it in again")
    if data.startswith(b"PK") and (_WORD_PART in data):
        raise NotebookError("this is not a notebook but a Word document; hand in the .ipynb file")
    for start, description in _OTHER_FORMATS.items():
        if data.lstrip().startswith(start):
            raise NotebookError(f"this is not a notebook but {description}")
    notes: list[str] = []
    text = _decode(data, notes)
    if suffix == ".py":
        text = _resolve_conflicts(text, notes)
        notes.append("You handed in a script: it counts as one cell, and line numbers are those of the file.")
        return NotebookCode([normalize_text(text)], notes)
    if text.count("[") + text.count("{") > MAX_CONTAINERS or text.count(",") > MAX_COMMAS:
        raise NotebookError(
            "the file holds more values than any notebook should; clear the outputs and save it again"
        )
    contents, is_damaged = _parse(text, notes)
    code = _from_json(contents, notes)
    code.is_damaged = is_damaged
    return code


def normalize_text(text: str) -> str:
    """Return text with "\\n" as line ending, and lone surrogates, which UTF-8 cannot encode, replaced."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(data: bytes, notes: list[str]) -> str:
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
    # UTF-16 without a byte order mark: in text that is mostly ASCII every other byte is zero.
    if encoding is None and data[:40:2].count(0) + data[1:40:2].count(0) > 15:
        encoding = "utf-16-le" if data[1] == 0 else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding not in (None, "utf-8-sig"):
            raise NotebookError(
                f"the file is neither UTF-8 nor valid {encoding.upper()}; save it as UTF-8"
            ) from error
        notes.append(
            f"The file is not valid UTF-8 (first error at byte {error.start:,}), so it was read as Latin-1."
        )
        return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    if encoding not in (None, "utf-8-sig"):
        notes.append(f"The file is encoded as {encoding[:6].upper()} instead of UTF-8, but could be read.")
    return text


def _parse(text: str, notes: list[str]) -> tuple[dict[str, Any], bool]:
    """Return the notebook's data, and whether it is only what was left of a damaged file."""
    is_damaged = False
    try:
        data = _load_json(_resolve_conflicts(text, notes))
    except json.JSONDecodeError as error:
        data, is_damaged = _recover(text, error, notes), True
    except RecursionError as error:
        raise NotebookError("this is not a notebook: its JSON is nested too deeply") from error
    if not isinstance(data, dict) or not ("cells" in data or "worksheets" in data):
        raise NotebookError("this is JSON, but not a notebook: it has no cells")
    return data, is_damaged


def _load_json(text: str) -> Any:
    return json.loads(text, parse_int=_integer)


def _integer(digits: str) -> int:
    return int(digits) if len(digits) < 30 else 0  # int() raises ValueError beyond 4,300 digits


def _resolve_conflicts(text: str, notes: list[str]) -> str:
    """Return the text with the first version wherever there is an unresolved merge conflict."""
    markers = [match[1][0] for match in _CONFLICT_MARKER.finditer(text)]
    if not {"<", "=", ">"} <= set(markers):
        return text
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("<<<<<<<"))
    notes.append(
        f"The file contains an unresolved merge conflict (line {line:,}); "
        "where it holds two versions, the first was used."
    )
    kept, skipping = [], False
    for row in text.splitlines(keepends=True):
        if marker := _CONFLICT_MARKER.match(row.rstrip("\r\n")):
            skipping = marker[1][0] in "|="
        elif not skipping:
            kept.append(row)
    return "".join(kept)


def _recover(text: str, error: json.JSONDecodeError, notes: list[str]) -> dict[str, Any]:
    """Return the complete cells of a file that is truncated or corrupt."""
    cut_off = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
    cells = _complete_cells(text)
    if not any(cell.get("cell_type") == "code" for cell in cells):
        if cut_off:
            raise NotebookError(
                f"the notebook is cut off at line {error.lineno:,}; save or download it again"
            ) from error
        raise NotebookError(
            f"this is not a notebook: line {error.lineno:,}, column {error.colno:,} is not JSON ({error.msg})"
        ) from error
    what = "cut off" if cut_off else f"damaged ({error.msg})"
    notes.append(
        f"The file is {what} at line {error.lineno:,}: {len(cells)} complete cells were recovered "
        "and graded. Save or download it again to have all of it graded."
    )
    return {"cells": cells}


def _complete_cells(text: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_int=_integer)
    cells, position = [], 0
    while match := _CELL_START.search(text, position):
        try:
            cell, position = decoder.raw_decode(text, match.start())
            cells.append(cell)
        except (ValueError, RecursionError):
            position = match.end()
    return cells


def _from_json(data: dict[str, Any], notes: list[str]) -> NotebookCode:
    """Return the contents of nbformat 3 or 4, tolerating deviations from the schema."""
    sheets = data.get("worksheets") or [data]
    cells = [
        cell
        for sheet in (sheets if isinstance(sheets, list) else [])
        for cell in _list(sheet.get("cells") if isinstance(sheet, dict) else None)
    ]
    code, markdown, raw = list[str](), list[tuple[int, str]](), list[tuple[int, str]]()
    for cell in cells:
        match cell:
            case {"cell_type": "code"}:
                code.append(source_of(cell))
            case {"cell_type": "markdown" | "heading"}:
                markdown.append((len(code), source_of(cell)))
            case {"cell_type": "raw"}:
                raw.append((len(code), source_of(cell)))
    info = _dict(_dict(data.get("metadata")).get("language_info"))
    language, version = info.get("name"), info.get("version")
    if isinstance(language, str) and "python" not in language.lower():
        notes.append(f"The notebook says it is written in {language[:30]}; it was read as Python.")
    version = version if isinstance(version, str) else None
    return NotebookCode(code, notes, version, markdown, raw, all_cells=cells)


def source_of(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell given as JSON values."""
    source = cell["source"] if "source" in cell else cell.get("input")  # "input" in nbformat 3
    if isinstance(source, list):
        lines = [str(line) for line in source]
        ended = any(line.endswith("\n") for line in lines)
        source = ("" if ended else "\n").join(lines)
    return normalize_text(source) if isinstance(source, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

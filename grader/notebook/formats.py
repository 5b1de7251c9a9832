"""From the bytes that were handed in to the code in them: notebooks of any age, scripts, damaged files.

A file that is damaged is read as far as it goes, and a note says what was done. Nothing in it is executed.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import Any

from grader.errors import NotebookError

MAX_CONTAINERS, MAX_COMMAS = 5_000_000, 20_000_000  # what would take gigabytes once it is read

_BOMS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHERS = {
    b"PK\x03\x04": "a zip archive; unpack it and hand in the .ipynb in it",
    b"%PDF": "a PDF; hand in the .ipynb that it was printed from",
    b"\x1f\x8b": "a gzip archive; unpack it and hand in the .ipynb in it",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"<!": "a web page (HTML); download the notebook itself, as .ipynb",
    b"<html": "a web page (HTML); download the notebook itself, as .ipynb",
    b"<?xml": "an XML file; download the notebook itself, as .ipynb",
}
_CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_CELL = re.compile(r'\{\s*"cell_type"')


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell. ``number`` counts the notebook's code cells from 1, in the order they are saved in.

    For a module beside the notebook, ``number`` is its file's name.
    """

    number: int | str
    source: str


@dataclass(slots=True)
class NotebookCode:
    """The code cells of a file, what there is to say about reading them, and the Python of its kernel.

    Attributes:
        prose: its markdown cells, each with the number of code cells before it.
    """

    cells: list[str]
    notes: list[str] = field(default_factory=list)
    python: str | None = None
    prose: list[tuple[int, str]] = field(default_factory=list)


def code_of(data: bytes, suffix: str) -> NotebookCode:
    """The code in the bytes of a notebook, or of a script where ``suffix`` is ".py".

    Raises:
        NotebookError: there is none to be had; the message says why.
    """
    if not data.strip():
        raise NotebookError("the file is empty; save the notebook again and hand it in once more")
    for start, what in _OTHERS.items():
        if data.lstrip().startswith(start):
            raise NotebookError(f"this is not a notebook but {what}")
    notes: list[str] = []
    text = _decoded(data, notes)
    if suffix == ".py":
        text = _without_conflicts(text, notes)
        notes.append("A script was handed in; it counts as one cell, and lines are the file's.")
        return NotebookCode([plain_text(text)], notes)
    if text.count("[") + text.count("{") > MAX_CONTAINERS or text.count(",") > MAX_COMMAS:
        raise NotebookError(
            "the file holds more values than any notebook; clear the outputs and save it again"
        )
    return _code(_parsed(text, notes), notes)


def plain_text(text: str) -> str:
    """Text with one kind of line end, and nothing that UTF-8 cannot carry."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decoded(data: bytes, notes: list[str]) -> str:
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
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
            f"The file is not valid UTF-8 (first at byte {error.start:,}); "
            "its characters were read as Latin-1."
        )
        return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    if encoding not in (None, "utf-8-sig"):
        notes.append(f"The file is saved as {encoding[:6].upper()}, not UTF-8; it was read all the same.")
    return text


def _parsed(text: str, notes: list[str]) -> dict[str, Any]:
    try:
        data = _json(_without_conflicts(text, notes))
    except json.JSONDecodeError as error:
        data = _damaged(text, error, notes)
    except RecursionError as error:
        raise NotebookError("this is not a notebook: its JSON is nested too deeply") from error
    if not isinstance(data, dict) or not ("cells" in data or "worksheets" in data):
        raise NotebookError("this is JSON, but not a notebook: it has no cells")
    return data


def _json(text: str) -> Any:
    return json.loads(text, parse_int=_number)


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 30 else 0  # of no use to anybody, and Python refuses 5,000 digits


def _without_conflicts(text: str, notes: list[str]) -> str:
    """The text with the first version at every merge conflict."""
    markers = [match[1][0] for match in _CONFLICT.finditer(text)]
    if not {"<", "=", ">"} <= set(markers):
        return text
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("<<<<<<<"))
    notes.append(
        f"The file holds an unresolved merge conflict (line {line:,}); "
        "where there are two versions, the first was read."
    )
    kept, skipping = [], False
    for row in text.splitlines(keepends=True):
        if marker := _CONFLICT.match(row.rstrip("\r\n")):
            skipping = marker[1][0] in "|="
        elif not skipping:
            kept.append(row)
    return "".join(kept)


def _damaged(text: str, error: json.JSONDecodeError, notes: list[str]) -> dict[str, Any]:
    """The cells that are whole in a file that is cut off, or spoilt somewhere."""
    cut_off = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
    cells = _whole_cells(text)
    if not any(cell.get("cell_type") == "code" for cell in cells):
        if cut_off:
            raise NotebookError(
                f"the notebook is cut off at line {error.lineno:,}; download it, or save it, once more"
            ) from error
        raise NotebookError(
            f"this is not a notebook: line {error.lineno:,}, column {error.colno:,} is not JSON ({error.msg})"
        ) from error
    what = "cut off" if cut_off else f"damaged ({error.msg})"
    notes.append(
        f"The file is {what} at line {error.lineno:,}: {len(cells)} whole cells could be saved and were "
        "judged; download it, or save it, once more."
    )
    return {"cells": cells}


def _whole_cells(text: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_int=_number)
    cells, position = [], 0
    while match := _CELL.search(text, position):
        try:
            cell, position = decoder.raw_decode(text, match.start())
            cells.append(cell)
        except (ValueError, RecursionError):
            position = match.end()
    return cells


def _code(data: dict[str, Any], notes: list[str]) -> NotebookCode:
    """The sources of the cells of nbformat 3 or 4, schema slips and all."""
    sheets = data.get("worksheets") or [data]
    cells = [
        cell
        for sheet in (sheets if isinstance(sheets, list) else [])
        for cell in _list(sheet.get("cells") if isinstance(sheet, dict) else None)
    ]
    code, prose = list[str](), list[tuple[int, str]]()
    for cell in cells:
        match cell:
            case {"cell_type": "code"}:
                code.append(_source(cell))
            case {"cell_type": "markdown" | "heading"}:
                prose.append((len(code), _source(cell)))
    about = _dict(_dict(data.get("metadata")).get("language_info"))
    language, version = about.get("name"), about.get("version")
    if isinstance(language, str) and "python" not in language.lower():
        notes.append(f"The notebook says that it is written in {language[:30]}; it was read as Python.")
    return NotebookCode(code, notes, version if isinstance(version, str) else None, prose)


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"] if "source" in cell else cell.get("input")
    if isinstance(source, list):
        lines = [str(line) for line in source]
        ended = any(line.endswith("\n") for line in lines)
        source = ("" if ended else "\n").join(lines)
    return plain_text(source) if isinstance(source, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

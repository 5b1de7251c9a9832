"""Reads what was handed in: from the bytes of an .ipynb to numbered code cells. Nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import NotebookError

MAX_BYTES = 512 << 20
MAX_SOURCE = 2 << 20  # characters of code; parsing more takes minutes


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell. ``number`` counts the notebook's code cells from 1, in the order they are saved in."""

    number: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One notebook as it was handed in."""

    name: str
    path: str
    sha256: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def read(path: Path, name: str) -> Submission:
    """The code cells of the notebook at ``path``, nbformat 3 or 4, to be known as ``name``.

    Raises:
        NotebookError: it is not a notebook, or cannot be read as one; the message says why.
    """
    data = _bytes(path)
    text, notes = _decode(data)
    cells = tuple(Cell(number, source) for number, source in enumerate(_code(_parse(text)), start=1))
    if not cells:
        raise NotebookError("the notebook has no code cells; was the empty template handed in?")
    if sum(len(cell.source) for cell in cells) > MAX_SOURCE:
        raise NotebookError(
            f"the notebook holds more than {MAX_SOURCE >> 20} MB of code, which no homework needs"
        )
    return Submission(
        name=name, path=str(path), sha256=hashlib.sha256(data).hexdigest(), cells=cells, notes=tuple(notes)
    )


def fingerprint(path: Path) -> str:
    """SHA-256 of the file, or of nothing where it cannot be read."""
    try:
        return hashlib.sha256(_bytes(path)).hexdigest()
    except NotebookError:
        return hashlib.sha256(b"").hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():  # a FIFO would block, a device would never end
            raise NotebookError("this is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise NotebookError(
                f"the file is larger than {MAX_BYTES >> 20} MB; clear the outputs and save it again"
            )
        return path.read_bytes()
    except OSError as error:
        raise NotebookError(f"the file cannot be read ({error.strerror}); check its permissions") from error


def _decode(data: bytes) -> tuple[str, list[str]]:
    if not data.strip():
        raise NotebookError("the file is empty; save the notebook again and hand it in once more")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strictly(data, "utf-16"), [
            "The file is saved as UTF-16, not UTF-8; it was read all the same."
        ]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        where = f"byte {error.start:,}"
        note = f"The file is not valid UTF-8 (first at {where}); its characters were read as Latin-1."
        return data.decode("latin-1"), [note]


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotebookError(
            f"the file is neither UTF-8 nor valid {encoding.upper()}; save it as UTF-8"
        ) from error


def _parse(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg:
            raise NotebookError(
                f"the notebook is cut off at line {error.lineno:,}; download it, or save it, once more"
            ) from error
        raise NotebookError(
            f"this is not a notebook: line {error.lineno:,}, column {error.colno:,} is not JSON ({error.msg})"
        ) from error
    except RecursionError as error:
        raise NotebookError("this is not a notebook: its JSON is nested too deeply") from error
    if not isinstance(data, dict) or not ("cells" in data or "worksheets" in data):
        raise NotebookError("this is JSON, but not a notebook: it has no cells")
    return data


def _code(data: dict[str, Any]) -> list[str]:
    """The sources of the code cells. Outputs go first, since they may be a hundred times as large as the
    code.
    """
    version = data.get("nbformat")
    if not isinstance(version, int):
        version = 3 if "worksheets" in data else 4
    try:
        sheets = data.get("worksheets") or [data]
        for sheet in sheets:
            sheet["cells"] = [_without_outputs(cell) for cell in sheet["cells"] if isinstance(cell, dict)]
        return [cell.source for cell in _upgraded(data, version).cells if cell.cell_type == "code"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotebookError(
            f"this notebook's cells are malformed ({type(error).__name__}: {error})"
        ) from error


def _without_outputs(cell: dict[str, Any]) -> dict[str, Any]:
    bare = {key: value for key, value in cell.items() if key != "attachments"}
    if bare.get("cell_type") == "code":
        bare["outputs"] = []
    for text in ("source", "input"):
        if isinstance(bare.get(text), list):
            bare[text] = "".join(str(line) for line in bare[text])
    return bare


def _upgraded(data: dict[str, Any], version: int) -> Any:
    import nbformat

    logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # schema slips that do not matter to us
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if version < 4:
            return nbformat.convert(nbformat.from_dict(data), 4)
        return nbformat.from_dict(data)

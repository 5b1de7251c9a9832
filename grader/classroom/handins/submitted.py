"""Files as they are handed in: their names, their kinds, and what operating systems leave beside them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from grader.notebook.checkpoints import is_checkpoint_name

SIDECARS = ("submission_metadata.yml", "timestamp.txt")
HEAD = 1 << 18  # bytes that tell a notebook from other files; its first cell begins well before
_FIRST = 64  # bytes that tell whether a file is JSON at all
_CLUTTER = re.compile(
    r"\._.*|\.DS_Store|\.ipynb_checkpoints|\.Trash.*|\.?~[$].*|\.~lock\..*#|~WR\w\d+\.tmp|Thumbs\.db|desktop\.ini|__MACOSX|\.git|__pycache__",
    re.IGNORECASE,
)
_SCRIPT = re.compile(r"\.py(\.txt|_+)?$", re.IGNORECASE)
_PACKED = re.compile(r"\.(rar|7z|tbz2?|txz|gz|bz2|xz|zst|zipx)$", re.IGNORECASE)
ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz)$", re.IGNORECASE)  # those that are opened
_WORK = re.compile(r"\.ipynb.{0,9}$", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"\.(pdf|docx?|odt|rtf|pages|html?|g(doc|sheet|slides)|url|webloc|lnk)$", re.IGNORECASE
)
_PROGRAM = re.compile(r"\.(java|r|rmd|qmd|jl|m|mlx|nb|c|cc|cpp|cs|js|ts|kt|go|rs|scala|hs)$", re.IGNORECASE)
_CELLS = re.compile(r'"(cell_type|nbformat|worksheets)"\s*:')


class Kind(Enum):
    """Possible uses of a file."""

    NOTEBOOK = "notebook"
    SCRIPT = "script"
    WEIGHTS = "weights"
    ARCHIVE = "archive, zip or tar"
    PACKED = "archive of another format"
    SIDECAR = "platform's metadata"
    EMPTY = "folder or archive without files"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedFile:
    """A submitted file.

    Attributes:
        name: its path below what was given to ``grade``, with "/" between folders; archives are folders.
            No two files share one.
        path: its location; None if only its name is needed.
        modified: when it was last changed, in seconds, as an archive says of its member or the file system of
            a file. It only decides between notebooks of one attempt.
    """

    name: str
    kind: Kind
    path: Path | None = None
    modified: float = 0.0

    @property
    def parts(self) -> tuple[str, ...]:
        """Folders and the file's own name, which is "" for a folder or archive without files."""
        parts = PurePosixPath(self.name).parts
        return (*parts, "") if self.kind is Kind.EMPTY else parts

    @property
    def own_name(self) -> str:
        """The last part of the name."""
        return PurePosixPath(self.name).name

    @property
    def is_gradable(self) -> bool:
        """True if the grader reads such files by themselves."""
        return self.kind in (Kind.NOTEBOOK, Kind.SCRIPT)


def is_notebook(name: str) -> bool:
    """Return whether a file is a notebook by its name."""
    return name.lower().endswith(".ipynb")


def is_archive(name: str) -> bool:
    """Return whether a file is an archive that can be opened, by its name."""
    return ARCHIVE.search(name) is not None


def is_clutter(part: str) -> bool:
    """Return whether operating systems and editors leave behind a file or folder of this name."""
    return _CLUTTER.fullmatch(part) is not None


def may_be_work(name: str) -> bool:
    """Return whether a file may hold a student's work, by its name, also if it cannot be graded."""
    return (
        any(pattern.search(name) for pattern in (_WORK, ARCHIVE, _DOCUMENT, _PROGRAM, _PACKED, _SCRIPT))
        or name in SIDECARS
    )


def head_of(path: Path | None, size: int) -> bytes:
    """Return the beginning of a file; nothing if it cannot be read."""
    try:
        if path is None or not path.is_file():
            return b""
        with path.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""


def unique_label(label: str, taken: set[str]) -> str:
    """Return a label with a number if it is taken, and take it."""
    candidate, number = label, 2
    while candidate in taken:
        candidate, number = f"{label} ({number})", number + 1
    taken.add(candidate)
    return candidate


def kind_of(name: str, read: Callable[[int], bytes]) -> Kind:
    """Return the kind of a file by its name, or by its content if its name tells nothing.

    Args:
        name: the file's own name, without folders.
        read: returns that many bytes of the beginning.
    """
    if name in SIDECARS:
        return Kind.SIDECAR
    if is_notebook(name):
        return Kind.NOTEBOOK
    if is_archive(name):
        return Kind.ARCHIVE
    if _SCRIPT.search(name):
        return Kind.SCRIPT
    if is_checkpoint_name(name):
        return Kind.WEIGHTS
    if _PACKED.search(name):
        return Kind.PACKED
    return Kind.NOTEBOOK if _is_json(read(_FIRST)) and _has_cells(read(HEAD)) else Kind.OTHER


def _is_json(start: bytes) -> bool:
    return _text(start).lstrip().startswith("{")


def _has_cells(head: bytes) -> bool:
    return _CELLS.search(_text(head)) is not None


def _text(head: bytes) -> str:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[1:2] == b"\0"
    return head.decode("utf-16" if wide else "utf-8-sig", errors="replace")

"""Find pairs of submissions that share more code than the handout and the class explain.

A pair is a pointer for a person to look at, never a verdict.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from grader.classroom.pages.fingerprints import (
    KIND,
    Fingerprint,
    Symbol,
    pack_hashes,
    symbols,
    winnow,
)
from grader.classroom.pages.templating import environment
from grader.classroom.storage.gradebook import Gradebook
from grader.errors import NotebookError, UsageError
from grader.files import write
from grader.notebook.submission import read_notebook

# Fraction of the smaller submission's own fingerprints that the other one shares. The sample solutions, which
# were written independently, share at most 0.1; a copy with other names, comments, layout and order keeps
# more than 0.7.
THRESHOLD = 0.5
MIN_FINGERPRINTS = 25  # of its own, some thirty lines, for a submission to be compared at all
MAX_PAIRS = 100  # listed; a class with more has another problem
FOLDER = "similar"
_VERSION = 2  # of the pages; a new one writes every page again
_NONE = np.array([], np.uint64)
_NO_PAIRS = np.empty((0, 2), int)
_PAGE = re.compile(r"[0-9a-f]{16}\.html|\d{3}\.html")  # the second: numbers, as pages were once called


@dataclass(frozen=True, slots=True)
class SharedPassage:
    """A passage that two submissions share: in each, its location in words and its text."""

    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Keys of two students with similar code, and the fraction that the smaller submission shares."""

    first: str
    second: str
    share: float


def compare_class(book: Gradebook, paths: Mapping[str, Path], handout: Path | None, out: Path) -> None:
    """Find the similar pairs of a class, store them, and write a page for each with the shared passages.

    Does nothing if no submission has changed since the last comparison.

    Args:
        paths: notebooks by SHA-256. The code of all others is in the gradebook.
        handout: the notebook that every student was given.

    Raises:
        UsageError: the handout cannot be read, or a page cannot be written.
    """
    given = handout_hashes(handout)
    for digest in set(paths) - set(book.fingerprints(KIND)):
        save_fingerprints(book, digest, paths[digest])
    notebooks, names, groups = dict[str, str](), dict[str, str](), dict[str, tuple[str, ...]]()
    for entry in book.entries():
        if entry.inputs:
            key = entry.person.key
            notebooks[key], names[key], groups[key] = entry.inputs.notebook, entry.person.name, entry.group
    compared = [
        _VERSION,
        KIND,
        sorted(notebooks.items()),
        sorted(names.items()),
        sorted(groups.items()),
        sorted(given),
    ]
    state = hashlib.sha256(json.dumps(compared).encode()).hexdigest()
    pages = [page for *_, page in book.similar_pairs()]
    if book.setting("similarity") == state and all((out / page).exists() for page in pages):
        return
    packed = book.fingerprints(KIND)
    own = {
        key: np.setdiff1d(np.frombuffer(packed[digest], np.uint64), np.array(sorted(given), np.uint64))
        for key, digest in notebooks.items()
        if digest in packed
    }

    @lru_cache(maxsize=50)  # copies come in groups, so one submission is in several pairs
    def code_of(digest: str) -> FingerprintedCode:
        return FingerprintedCode.from_cells(book.cells(digest))

    rows = []
    # Members of one group handed in together.
    found = [pair for pair in similar_pairs(own) if pair.second not in groups[pair.first]]
    for pair in found[:MAX_PAIRS]:
        page = _page_of(pair)
        left, right = (code_of(notebooks[key]) for key in (pair.first, pair.second))
        (out / FOLDER).mkdir(exist_ok=True)
        write(out / page, _render_pair(pair, shared_passages(left, right, given), book))
        rows.append((pair.first, pair.second, pair.share, page))
    book.set_similar_pairs(rows)
    current = {page for *_, page in rows}
    for page_file in (out / FOLDER).glob("*.html"):
        if _PAGE.fullmatch(page_file.name) and f"{FOLDER}/{page_file.name}" not in current:
            page_file.unlink(missing_ok=True)
    book.set_setting("similarity", state)


def save_fingerprints(book: Gradebook, digest: str, path: Path) -> None:
    """Store a notebook's code and fingerprints in the gradebook."""
    cells = code_cells(path) if book.is_readable(digest) else []
    book.save_code(digest, cells, KIND, pack_hashes(winnow(symbols(cells))))


def similar_pairs(own: Mapping[str, Collection[int] | NDArray[np.uint64]]) -> list[Pair]:
    """Return pairs that share at least ``THRESHOLD`` of the smaller one's fingerprints, most similar first.

    A fingerprint that many students have shows how this homework is usually solved, not copying, and is left
    out. That also bounds the work: a fingerprint with n holders counts for n * (n - 1) / 2 pairs.

    Args:
        own: fingerprints by student, without the handout's.
    """
    keys = sorted(own)
    sizes = [len(own[key]) for key in keys]
    hashes = np.concatenate([np.fromiter(own[key], np.uint64, len(own[key])) for key in keys] or [_NONE])
    order = np.argsort(hashes, kind="stable")
    holders, hashes = np.repeat(np.arange(len(keys), dtype=np.int32), sizes)[order], hashes[order]
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    counts = np.diff(np.append(starts, len(hashes)))
    too_common = min(20, max(8, len(own) // 20))
    distinctive = np.zeros(len(keys), int)  # fingerprints of each student that are not too common
    pairs = [_NO_PAIRS]
    for count in range(1, too_common + 1):
        # A row for each fingerprint with this number of holders. The sort was stable, so they are in order.
        rows = holders[starts[counts == count][:, None] + np.arange(count)]
        distinctive += np.bincount(rows.ravel(), minlength=len(keys))
        pairs += [rows[:, [one, two]] for one, two in combinations(range(count), 2)]
    together, shared = np.unique(np.concatenate(pairs) @ [len(keys), 1], return_counts=True)
    first, second = np.divmod(together, max(len(keys), 1))
    smaller = np.minimum(distinctive[first], distinctive[second])
    found = [
        Pair(keys[one], keys[two], round(count / least, 3))
        for one, two, count, least in np.stack([first, second, shared, smaller], axis=1).tolist()
        if least >= MIN_FINGERPRINTS and count / least >= THRESHOLD
    ]
    return sorted(found, key=lambda pair: (-pair.share, pair.first, pair.second))


def shared_passages(
    left: FingerprintedCode, right: FingerprintedCode, given: Collection[int]
) -> list[SharedPassage]:
    """Return what two submissions share beyond the handout's hashes, in the order of the left one.

    Fingerprints overlap, so ranges that overlap or adjoin on both sides are merged into one passage.
    """
    in_right = dict(reversed(right.ranges))  # of several ranges with one hash, the first
    passages: list[tuple[_LineRange, _LineRange]] = []
    for hash, one in left.ranges:
        other = in_right.get(hash)
        if other is None or hash in given:
            continue
        if passages and passages[-1][0].touches(one) and passages[-1][1].touches(other):
            passages[-1] = (passages[-1][0].union(one), passages[-1][1].union(other))
        elif not any(previous.contains(one) for previous, _ in passages):
            passages.append((one, other))
    return [
        SharedPassage((str(one), one.text(left.cells)), (str(other), other.text(right.cells)))
        for one, other in passages
    ]


@dataclass(frozen=True, slots=True)
class FingerprintedCode:
    """A submission's code cells, and the hash and lines of each fingerprint in reading order."""

    cells: Sequence[str]
    ranges: Sequence[tuple[int, _LineRange]]

    @classmethod
    def from_cells(cls, cells: Sequence[str]) -> Self:
        """Compute the fingerprints of code cells."""
        found = symbols(cells)
        in_order = sorted(winnow(found), key=lambda fingerprint: fingerprint.start)
        return cls(cells, [(each.hash, _line_range(found, each)) for each in in_order])

    def places_of(self, hashes: Collection[int]) -> list[str]:
        """Return the lines that have these fingerprints, the longest passages first."""
        merged: list[_LineRange] = []
        for hash, lines in self.ranges:
            if hash not in hashes:
                continue
            if merged and merged[-1].touches(lines):
                merged[-1] = merged[-1].union(lines)
            else:
                merged.append(lines)
        longest = sorted(merged, key=lambda lines: lines.first - lines.last)
        return [str(lines) for lines in longest]


@dataclass(frozen=True, slots=True)
class _LineRange:
    """Consecutive lines of one cell."""

    cell: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"cell {self.cell}, lines {self.first} to {self.last}"

    def touches(self, other: _LineRange) -> bool:
        return self.cell == other.cell and self.first - 1 <= other.last and other.first - 1 <= self.last

    def union(self, other: _LineRange) -> _LineRange:
        return _LineRange(self.cell, min(self.first, other.first), max(self.last, other.last))

    def contains(self, other: _LineRange) -> bool:
        return self.cell == other.cell and self.first <= other.first and other.last <= self.last

    def text(self, cells: Sequence[str]) -> str:
        return "\n".join(cells[self.cell - 1].split("\n")[self.first - 1 : self.last])


def _line_range(found: Sequence[Symbol], fingerprint: Fingerprint) -> _LineRange:
    """Return the lines of a fingerprint; if it spans several cells, those in its first cell."""
    cell = found[fingerprint.start].cell
    spanned = found[fingerprint.start : fingerprint.end + 1]
    lines = [symbol.line for symbol in spanned if symbol.cell == cell]
    return _LineRange(cell, min(lines), max(lines))


def handout_hashes(handout: Path | None) -> set[int]:
    """Return the fingerprints of the handout; none without one.

    Raises:
        UsageError: it cannot be read.
    """
    if handout is None:
        return set()
    try:
        submission = read_notebook(handout, handout.stem)
    except NotebookError as error:
        raise UsageError(f"the handout {handout} cannot be read: {error}") from error
    return {each.hash for each in winnow(symbols([cell.source for cell in submission.cells]))}


def code_cells(path: Path) -> list[str]:
    """Return the source of a notebook's code cells; an empty list if it cannot be read."""
    try:
        return [cell.source for cell in read_notebook(path, path.stem).cells]
    except NotebookError:
        return []


def _page_of(pair: Pair) -> str:
    """Return the address of a pair's page, which stays the same from run to run.

    It is a digest: both keys together may be longer than a file name can be.
    """
    digest = hashlib.sha256(json.dumps(sorted((pair.first, pair.second))).encode()).hexdigest()
    return f"{FOLDER}/{digest[:16]}.html"


def _render_pair(pair: Pair, passages: Sequence[SharedPassage], book: Gradebook) -> str:
    names = [book.entry(key).person.name for key in (pair.first, pair.second)]
    if names[0] == names[1]:
        names = [f"{names[0]} ({pair.first})", f"{names[1]} ({pair.second})"]
    template = environment().get_template("pair.html.j2")
    return template.render(pair=pair, names=names, passages=passages, percent=round(100 * pair.share))

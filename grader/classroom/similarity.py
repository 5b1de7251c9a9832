"""Finds code that is alike beyond what the handout gave everyone: a pointer for a person, no verdict."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Self

from grader.classroom.fingerprints import KIND, Fingerprint, Symbol, marks, pack, symbols, unpack
from grader.classroom.gradebook import Gradebook
from grader.classroom.pages import environment
from grader.errors import NotebookError, UsageError
from grader.files import write
from grader.notebook.submission import read_notebook

# Share of the smaller one's own fingerprints that the other has, too. Among the sample solutions, which were
# written apart, it is 0.1 at most; a copy with other names, comments, layout and order keeps more than 0.7.
ALIKE = 0.5
OWN = 25  # fingerprints that a submission must have of its own to be compared: some thirty lines
SHOWN = 100  # pairs; who has more has another problem
FOLDER = "similar"


@dataclass(frozen=True, slots=True)
class SharedPassage:
    """Lines of two submissions that say the same: their cells, first lines, and text."""

    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two students whose code is alike."""

    first: str
    second: str
    share: float


def compare(book: Gradebook, paths: Mapping[str, Path], handout: Path | None, out: Path) -> None:
    """Write the pairs into the gradebook, and a page for each with the lines side by side.

    Args:
        paths: where notebooks are, by SHA-256; of others the gradebook has the code.
        handout: the notebook that everybody was given.

    Raises:
        UsageError: the handout cannot be read as a notebook.
    """
    given = _given(handout)
    for digest in set(paths) - set(book.marks(KIND)):
        remember(book, digest, paths[digest])
    of = {each.person.key: each.inputs.notebook for each in book.standings() if each.inputs}
    state = hashlib.sha256(json.dumps([KIND, sorted(of.items()), sorted(given)]).encode()).hexdigest()
    if book.setting("similarity") == state and all((out / page).exists() for *_, page in book.alike()):
        return
    packed = book.marks(KIND)
    marked = lru_cache(maxsize=50)(
        lambda digest: FingerprintedCode.of(book.cells(digest))
    )  # copies come in groups
    found = pairs({key: unpack(packed[digest]) - given for key, digest in of.items() if digest in packed})
    rows = []
    for number, pair in enumerate(found[:SHOWN], start=1):
        page = f"{FOLDER}/{number:03}.html"
        left, right = (marked(of[key]) for key in (pair.first, pair.second))
        (out / FOLDER).mkdir(exist_ok=True)
        write(out / page, _page(pair, passages(left, right, given), book))
        rows.append((pair.first, pair.second, pair.share, page))
    book.set_alike(rows)
    book.keep("similarity", state)


def remember(book: Gradebook, digest: str, path: Path) -> None:
    """Write a notebook's code and fingerprints into the gradebook."""
    cells = _cells(path) if book.is_readable(digest) else []
    book.set_code(digest, cells, KIND, pack(marks(symbols(cells))))


def pairs(own: Mapping[str, Collection[int]]) -> list[Pair]:
    """Pairs that share more than ``ALIKE`` of the smaller one's fingerprints, the most alike first.

    A fingerprint that many have is how this homework is solved, and tells nothing.
    """
    holders: dict[int, list[str]] = defaultdict(list)
    for key, hashes in own.items():
        for hash in hashes:
            holders[hash].append(key)
    many = min(20, max(8, len(own) // 20))
    shared: Counter[tuple[str, str]] = Counter()
    telling: Counter[str] = Counter()
    for keys in holders.values():
        if len(keys) <= many:
            telling.update(keys)
            shared.update(combinations(sorted(keys), 2))
    found = [
        Pair(first, second, round(times / smaller, 3))
        for (first, second), times in shared.items()
        if (smaller := min(telling[first], telling[second])) >= OWN and times / smaller >= ALIKE
    ]
    return sorted(found, key=lambda pair: (-pair.share, pair.first, pair.second))


def passages(
    left: FingerprintedCode, right: FingerprintedCode, given: Collection[int]
) -> list[SharedPassage]:
    """What two submissions have in common beyond the handout, in the order of the left one."""
    at = dict(reversed(right.places))  # the first of several
    runs: list[tuple[_Lines, _Lines]] = []
    for hash, one in left.places:
        two = at.get(hash)
        if two is None or hash in given:
            continue
        if runs and runs[-1][0].meets(one) and runs[-1][1].meets(two):
            runs[-1] = (runs[-1][0].joined(one), runs[-1][1].joined(two))
        elif not any(before.holds(one) for before, _ in runs):
            runs.append((one, two))
    return [
        SharedPassage((str(one), one.text(left.cells)), (str(two), two.text(right.cells)))
        for one, two in runs
    ]


@dataclass(frozen=True, slots=True)
class FingerprintedCode:
    """A submission's code cells, and the lines where each of its fingerprints stands, in reading order."""

    cells: Sequence[str]
    places: Sequence[tuple[int, _Lines]]

    @classmethod
    def of(cls, cells: Sequence[str]) -> Self:
        """Take the fingerprints of these cells."""
        found = symbols(cells)
        in_order = sorted(marks(found), key=lambda mark: mark.start)
        return cls(cells, [(mark.hash, _lines(found, mark)) for mark in in_order])


@dataclass(frozen=True, slots=True)
class _Lines:
    """Some lines of one cell."""

    cell: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"cell {self.cell}, lines {self.first} to {self.last}"

    def meets(self, other: _Lines) -> bool:
        return self.cell == other.cell and self.first - 1 <= other.last and other.first - 1 <= self.last

    def joined(self, other: _Lines) -> _Lines:
        return _Lines(self.cell, min(self.first, other.first), max(self.last, other.last))

    def holds(self, other: _Lines) -> bool:
        return self.cell == other.cell and self.first <= other.first and other.last <= self.last

    def text(self, cells: Sequence[str]) -> str:
        return "\n".join(cells[self.cell - 1].split("\n")[self.first - 1 : self.last])


def _lines(found: Sequence[Symbol], mark: Fingerprint) -> _Lines:
    """Where a fingerprint stands; one that runs over the end of a cell, to that end."""
    cell = found[mark.start].cell
    spanned = [symbol.line for symbol in found[mark.start : mark.end + 1] if symbol.cell == cell]
    return _Lines(cell, min(spanned), max(spanned))


def _given(handout: Path | None) -> set[int]:
    if handout is None:
        return set()
    try:
        submission = read_notebook(handout, handout.stem)
    except NotebookError as error:
        raise UsageError(f"the handout {handout} cannot be used: {error}") from error
    return {mark.hash for mark in marks(symbols([cell.source for cell in submission.cells]))}


def _cells(path: Path) -> list[str]:
    try:
        return [cell.source for cell in read_notebook(path, path.stem).cells]
    except NotebookError:
        return []


def _page(pair: Pair, shared: Sequence[SharedPassage], book: Gradebook) -> str:
    names = [book.standing(key).person.name for key in (pair.first, pair.second)]
    template = environment().get_template("pair.html.j2")
    return template.render(pair=pair, names=names, passages=shared, percent=round(100 * pair.share))

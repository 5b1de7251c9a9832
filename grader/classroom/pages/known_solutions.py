"""Find submissions whose own code is that of known solutions, such as the audit's or an earlier year's.

It is a question for a person, never a verdict. ``solutions`` in the rubric's ``[settings]`` lists the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from grader.classroom.pages.fingerprints import KIND, symbols, unpack_hashes, winnow
from grader.classroom.pages.similarity import (
    MIN_FINGERPRINTS,
    THRESHOLD,
    FingerprintedCode,
    code_cells,
    handout_hashes,
)
from grader.classroom.storage.gradebook import Gradebook
from grader.rubric import Rubric

SETTING = "known solutions"  # of the gradebook: a sentence for each student by key
_STATE = "known solutions, compared"
_MAX_PASSAGES = 3  # places that a sentence lists


def compare_with_solutions(book: Gradebook, rubric: Rubric, handout: Path | None) -> None:
    """Store a sentence for each student at least half of whose own code is in known solutions.

    Code is compared as between students (``similarity``), after the handout is taken away. 33 notebooks
    that were written for other tests share at most 0.21 with any one of them.

    Raises:
        UsageError: the handout cannot be read.
    """
    files = known_solutions(rubric)
    own = {entry.person.key: entry.inputs.notebook for entry in book.entries() if entry.inputs}
    contents = [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in files.items()]
    compared = json.dumps([KIND, sorted(own.items()), contents, str(handout)])
    state = hashlib.sha256(compared.encode()).hexdigest()
    if book.setting(_STATE) == state:
        return
    given, packed = handout_hashes(handout), book.fingerprints(KIND)
    known = {name: _hashes(path) - given for name, path in files.items()}
    every = set().union(*known.values())
    found = {}
    for key, digest in own.items():
        hashes = unpack_hashes(packed[digest]) - given if digest in packed else set()
        shared = hashes & every
        if len(hashes) >= MIN_FINGERPRINTS and len(shared) >= THRESHOLD * len(hashes):
            code = FingerprintedCode.from_cells(book.cells(digest))
            found[key] = _sentence(len(shared) / len(hashes), shared, known, code)
    book.set_setting(SETTING, found)
    book.set_setting(_STATE, state)


def known_solutions(rubric: Rubric) -> dict[str, Path]:
    """Return the files that the rubric's ``solutions`` match, by their names relative to its folder."""
    patterns = rubric.settings.get("solutions", ())
    found = (path for pattern in patterns for path in sorted(_matching(rubric.folder, pattern)))
    return {_name(path, rubric.folder): path for path in found if path.suffix in (".py", ".ipynb")}


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern matches, which may lead out of the folder with ``../``."""
    while pattern.startswith("../"):
        folder, pattern = folder.parent, pattern.removeprefix("../")
    return [path for path in folder.glob(pattern) if path.is_file()]


def _name(path: Path, folder: Path) -> str:
    inside = path.is_relative_to(folder)
    return path.relative_to(folder).as_posix() if inside else f"{path.parent.name}/{path.name}"


def _hashes(path: Path) -> set[int]:
    cells = [path.read_text(encoding="utf-8")] if path.suffix == ".py" else code_cells(path)
    return {each.hash for each in winnow(symbols(cells))}


def _sentence(share: float, shared: set[int], known: Mapping[str, set[int]], code: FingerprintedCode) -> str:
    most = max(known, key=lambda name: len(shared & known[name]))
    places = code.places_of(shared)
    more = f" and {len(places) - _MAX_PASSAGES} more places" if len(places) > _MAX_PASSAGES else ""
    listed = "; ".join(places[:_MAX_PASSAGES])
    return f"{100 * share:.0f} % of the code is that of known solutions, mostly {most} ({listed}{more})."

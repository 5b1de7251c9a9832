"""Variants of the base solution: some text of its parts replaced, graded without training."""

from __future__ import annotations

from collections.abc import Sequence

from corpus import CORPUS

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.model import Grade
from grader.options import Options

Changes = Sequence[tuple[str, str]]


def changed_cells(**changes: Changes) -> list[str]:
    """Return the base solution with text replaced in its parts."""
    cells = []
    for part, source in CORPUS.base:
        for old, new in changes.get(part, ()):
            assert old in source, old
            source = source.replace(old, new)
        cells.append(source)
    return cells


def grade_cells(warm: WarmGrader, cells: list[str], *only: str) -> Grade:
    """Grade cells without training, by the criteria in ``only`` or all."""
    return warm.grade(notebook(cells), Options(quick=True, only=only))

"""Digests of the code that each criterion is about, by which alike answers can be told apart.

They are computed once for each result, between requests, and kept.
"""

from __future__ import annotations

import ast
import hashlib
import textwrap
from collections.abc import Mapping, Sequence

from grader.classroom.storage.gradebook import Gradebook
from grader.model import Figure, Listing
from grader.notebook.parsing import parse


class CodeStore(Gradebook):
    """The part of the gradebook that holds digests of code."""

    def results_without_codes(self) -> list[int]:
        """Return the ids of results whose code has no digests yet."""
        query = "SELECT id FROM result WHERE id NOT IN (SELECT result FROM review_code)"
        return [row["id"] for row in self._rows(query)]

    def add_codes(self, result: int) -> None:
        """Store the digests of a result's code; results never change."""
        with self.transaction():
            found = {"": "", **_digests(self.figures(result))}  # a row also for a result without any
            for criterion, code in found.items():
                self._rows("INSERT OR REPLACE INTO review_code VALUES (?, ?, ?)", result, criterion, code)

    def codes(self, criterion: str) -> Mapping[int, str]:
        """Return the digests of the code for one criterion, by result."""
        rows = self._rows("SELECT result, digest FROM review_code WHERE criterion = ?", criterion)
        return {row["result"]: row["digest"] for row in rows}


def _digests(figures: Sequence[Figure]) -> dict[str, str]:
    """Return a digest of the code that each criterion is about, without comments, docstrings and layout."""
    listing = next((each for each in figures if isinstance(each, Listing)), None)
    if listing is None:
        return {}
    cells = dict(listing.cells)
    return {
        passage.criterion: _digest(cells.get(passage.cell, ""), passage.first, passage.last)
        for passage in listing.passages
    }


def _digest(source: str, first: int, last: int) -> str:
    text = "\n".join(source.split("\n")[first - 1 : last])
    try:
        tree = parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and node.body:
            is_text = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            node.body = node.body[1:] or [ast.Pass()] if is_text else node.body
    return hashlib.sha256(ast.dump(tree).encode(errors="surrogatepass")).hexdigest()[:12]

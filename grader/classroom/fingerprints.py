"""Reduces code to fingerprints that survive renaming, new layout and new comments: winnowed syntax trees.

Source: Schleimer, Wilkerson and Aiken 2003, "Winnowing: Local Algorithms for Document Fingerprinting".
"""

from __future__ import annotations

import ast
import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.extraction.statements import statements
from grader.notebook.submission import Cell

KIND = "syntax 1"  # to be changed with anything below: kept fingerprints are then taken anew
GRAM = 20  # symbols that have to agree in a row: about two lines
WINDOW = 10  # of so many grams one at least is kept
_SILENT = (ast.expr_context, ast.Import, ast.ImportFrom, ast.alias)
_UNTOLD = {"annotation", "returns", "type_comment", "ctx"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """One node of a syntax tree without its names, and where it stands."""

    text: str
    cell: int
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint: the hash of a gram, and the symbols it spans, first and last."""

    hash: int
    start: int
    end: int


def symbols(cells: Sequence[str]) -> list[Symbol]:
    """The normalised symbols of code cells: variable names and literals are gone, what is called stays."""
    found: list[Symbol] = []
    numbered = [Cell(number, source) for number, source in enumerate(cells, start=1)]
    for statement in statements(numbered)[0]:
        first = getattr(statement.node, "lineno", 1)
        for text, line in _walk(statement.node):
            found.append(Symbol(text, int(statement.cell), max(statement.line + line - first, 1)))
    return found


def marks(found: Sequence[Symbol]) -> list[Fingerprint]:
    """Winnowed fingerprints: in each window of grams the smallest hash, the rightmost of equals."""
    texts = [symbol.text for symbol in found]
    hashes = [_hash(texts[at : at + GRAM]) for at in range(len(texts) - GRAM + 1)]
    kept: dict[int, Fingerprint] = {}
    for start in range(max(len(hashes) - WINDOW + 1, min(len(hashes), 1))):
        window = range(start, min(start + WINDOW, len(hashes)))
        at = min(window, key=lambda index: (hashes[index], -index))
        kept[at] = Fingerprint(hashes[at], at, at + GRAM - 1)
    return list(kept.values())


def pack(found: Sequence[Fingerprint]) -> bytes:
    """The hashes, each once, as bytes."""
    return array("Q", sorted({mark.hash for mark in found})).tobytes()


def unpack(packed: bytes) -> set[int]:
    """The hashes that ``pack`` wrote."""
    numbers = array("Q")
    numbers.frombytes(packed)
    return set(numbers)


def _walk(root: ast.AST) -> Iterator[tuple[str, int]]:
    """The nodes in reading order, without recursion: students may nest as deep as they like."""
    stack: list[tuple[ast.AST, int]] = [(root, getattr(root, "lineno", 1))]
    while stack:
        node, line = stack.pop()
        if isinstance(node, _SILENT) or _is_docstring(node):
            continue
        line = getattr(node, "lineno", line)
        yield _symbol(node), line
        children = [
            child
            for name, value in ast.iter_fields(node)
            if name not in _UNTOLD
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]
        stack += [(child, line) for child in reversed(children)]


def _symbol(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return "field"  # its name is the student's own
        case ast.Attribute(attr=name) | ast.keyword(arg=name):
            return f"{type(node).__name__} {name}"
        case ast.Constant(value=value):
            return type(value).__name__
    return type(node).__name__


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _hash(texts: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(texts).encode(), digest_size=8).digest(), "big")

"""Fingerprints of code that survive new names, comments and layout: winnowed k-grams of syntax-tree nodes.

Source: Schleimer, Wilkerson and Aiken 2003, "Winnowing: Local Algorithms for Document Fingerprinting". Hash
every run of k symbols (a k-gram), then keep the smallest hash in every window of w consecutive k-grams. Two
texts with a common run of at least w + k - 1 symbols are guaranteed to share a fingerprint, and no shared run
shorter than k symbols is ever reported, while only about 2 / (w + 1) of all hashes are kept.
"""

from __future__ import annotations

import ast
import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.extraction.statements import statements
from grader.notebook.formats import Cell
from grader.notebook.syntax import parse_cell

KIND = "syntax 1"  # change it with anything below, so that stored fingerprints are computed again
GRAM = 20  # k, the noise threshold: about two lines of code
WINDOW = 10  # w; a common run of 29 symbols is always found
_IGNORED_NODES = (ast.expr_context, ast.Import, ast.ImportFrom, ast.alias)
_IGNORED_FIELDS = {"annotation", "returns", "type_comment", "ctx"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A syntax-tree node without the names in it, and its location."""

    text: str
    cell: int
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a k-gram, and the indices of its first and last symbol."""

    hash: int
    start: int
    end: int


def symbols(cells: Sequence[str]) -> list[Symbol]:
    """Return the symbols of code cells in reading order.

    Variable names and values of literals are dropped; names of attributes and keyword arguments stay, since
    they mostly belong to libraries and tell a call of ``sqrt`` from one of ``exp``.
    """
    found: list[Symbol] = []
    numbered = [Cell(number, source) for number, source in enumerate(cells, start=1)]
    for statement in statements(map(parse_cell, numbered))[0]:
        first = getattr(statement.node, "lineno", 1)
        for text, line in _walk(statement.node):
            found.append(Symbol(text, int(statement.cell), max(statement.line + line - first, 1)))
    return found


def winnow(found: Sequence[Symbol]) -> list[Fingerprint]:
    """Return the fingerprints: in each window of k-grams the smallest hash, the rightmost of equal ones.

    Consecutive windows mostly have the same minimum, which is kept once. Taking the rightmost keeps it the
    same for as many windows as possible.
    """
    texts = [symbol.text for symbol in found]
    hashes = [_hash(texts[at : at + GRAM]) for at in range(len(texts) - GRAM + 1)]
    kept: dict[int, Fingerprint] = {}
    for start in range(max(len(hashes) - WINDOW + 1, min(len(hashes), 1))):
        window = range(start, min(start + WINDOW, len(hashes)))
        at = min(window, key=lambda index: (hashes[index], -index))
        kept[at] = Fingerprint(hashes[at], at, at + GRAM - 1)
    return list(kept.values())


def pack_hashes(fingerprints: Sequence[Fingerprint]) -> bytes:
    """Return the distinct hashes as bytes, unsigned numbers of 64 bits."""
    return array("Q", sorted({each.hash for each in fingerprints})).tobytes()


def unpack_hashes(packed: bytes) -> set[int]:
    """Return the hashes that ``pack_hashes`` packed."""
    numbers = array("Q")
    numbers.frombytes(packed)
    return set(numbers)


def _walk(root: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield symbol and line of each node in reading order.

    Without recursion: the nesting depth of submitted code is unlimited, Python's call stack is not.
    """
    stack: list[tuple[ast.AST, int]] = [(root, getattr(root, "lineno", 1))]
    while stack:
        node, line = stack.pop()
        if isinstance(node, _IGNORED_NODES) or _is_docstring(node):
            continue
        line = getattr(node, "lineno", line)
        yield _symbol(node), line
        children = [
            child
            for name, value in ast.iter_fields(node)
            if name not in _IGNORED_FIELDS
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]
        stack += [(child, line) for child in reversed(children)]


def _symbol(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return "field"  # the student chose its name
        case ast.Attribute(attr=name) | ast.keyword(arg=name):
            return f"{type(node).__name__} {name}"
        case ast.Constant(value=value):
            return type(value).__name__
    return type(node).__name__


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _hash(texts: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(texts).encode(), digest_size=8).digest(), "big")

"""Parses Python, one source at a time in this process: CPython before 3.11.8 counts how deep a syntax tree is
in one place for all threads. Where they take turns in the middle of a tree it says "SystemError: AST
constructor recursion depth mismatch", whatever the source (python/cpython, issue 106905).
"""

from __future__ import annotations

import ast
import threading
import warnings

_ONE_AT_A_TIME = threading.Lock()


def parse(source: str) -> ast.Module:
    """The syntax tree, without a word about invalid escapes such as "\\d": those are the student's affair.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python cannot parse this.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)  # noqa: TID251

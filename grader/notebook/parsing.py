"""The only place that calls ``ast.parse``, which threads must not do at the same time.

CPython before 3.11.8 keeps the recursion depth of the tree it is building in one variable for all threads.
If another thread gets the interpreter in the middle of a tree, ``ast.parse`` raises "SystemError: AST
constructor recursion depth mismatch", whatever the source (python/cpython issue 106905).
"""

from __future__ import annotations

import ast
import threading
import warnings

_LOCK = threading.Lock()


def parse(source: str) -> ast.Module:
    """Return the syntax tree of ``source``, without warnings about invalid escapes such as "\\d".

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python cannot parse the source.
    """
    with _LOCK, warnings.catch_warnings():  # catch_warnings changes global state, so it needs the lock, too
        warnings.simplefilter("ignore")
        return ast.parse(source)  # noqa: TID251

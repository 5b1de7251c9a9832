"""Tells whether two sources compute the same: comments, docstrings, layout and the names of locals do not
count, since the instructions that Python makes of them are the same.

The digest holds on the Python that it was taken with. Sources that look at themselves, as TorchScript or
``locals()`` do, are the same only if they are so to the letter.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from grader.notebook.parsing import parse

Row = Mapping[str, Any]  # a statement as the judge is sent it: source, cell, line, flags

_BUILTINS = {"locals", "vars", "dir", "eval", "exec", "compile", "globals", "breakpoint"}
_MODULES = {"inspect", "linecache", "traceback", "jit", "dis", "gc", "ast", "tokenize", "symtable"}
_FRAMES = {"_getframe", "currentframe", "settrace", "setprofile", "tb_frame", "f_locals", "f_back"}
_INSIDES = {"__code__", "__doc__", "__dict__", "__globals__", "__closure__", "getsource", "script"}
_ERRORS = {"__traceback__", "tb_lineno", "exc_info", "UnboundLocalError"}
_SELF = frozenset(_BUILTINS | _ERRORS | _MODULES | _FRAMES | _INSIDES)
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # "return" outside a function, say
_METHODS_TOO = frozenset({"eval", "compile"})  # ``model.eval()`` looks at nothing


def is_introspective(statements: Iterable[Row]) -> bool:
    """Whether code may see its own text or names, or reach what it does not name; or nobody can say."""
    return any(_is_introspective(str(row["source"])) for row in statements)


@lru_cache(maxsize=4096)  # each is asked about as part of the whole, then of each part
def _is_introspective(source: str) -> bool:
    try:
        return any(name in _SELF for name in _names(parse(source)))
    except _UNREADABLE:
        return True


def digest(statements: Sequence[Row], modules: Mapping[str, Sequence[Row]]) -> str:
    """The same for two sources only if they compute the same.

    Args:
        statements: of the notebook, in order.
        modules: statements of the modules beside it, by the names they are imported by.
    """
    every = {"": statements, **modules}
    to_the_letter = any(map(is_introspective, every.values()))
    read = _letters if to_the_letter else _instructions
    parts = {name: [read(row) for row in rows] for name, rows in every.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def _letters(row: Row) -> Any:
    return [row["source"], row["cell"], row["line"], row["flags"]]


def _instructions(row: Row) -> Any:
    try:
        tree = _without_docstrings(parse(row["source"]))
        return _code(compile(tree, "", "exec", row["flags"], dont_inherit=True))
    except _UNREADABLE:  # it fails in the worker as well, and takes no other statement along
        return _letters(row)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str())):
                    node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


def _code(code: CodeType) -> list[Any]:
    """All of a code object but the names of its locals and where it stands."""
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    return [
        *(code.co_name, code.co_flags, code.co_code.hex(), code.co_exceptiontable.hex()),
        *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        *(code.co_varnames[:arguments], code.co_names),
        *(code.co_nlocals, len(code.co_cellvars), len(code.co_freevars)),
        [_constant(value) for value in code.co_consts],
    ]


def _constant(value: Any) -> Any:
    match value:
        case CodeType():
            return _code(value)
        case tuple():
            return ["tuple", *map(_constant, value)]
        case frozenset():
            return ["frozenset", *sorted(map(repr, value))]
    return [type(value).__name__, repr(value)]


def _names(tree: ast.Module) -> Iterator[str]:
    """Names that code uses, but for methods that are called like a builtin."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                yield name
            case ast.Attribute(attr=name) if name not in _METHODS_TOO:
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (part for alias in aliases for part in alias.name.split("."))
                if isinstance(node, ast.ImportFrom) and node.module:
                    yield from node.module.split(".")

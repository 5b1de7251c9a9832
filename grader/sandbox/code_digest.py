"""Digest of source code that depends only on what the code computes.

It is taken from the bytecode, so comments, docstrings, layout and the names of local variables make no
difference. It is valid only for the Python version that computed it. Introspective code, such as
TorchScript or code that calls ``locals()``, can see what bytecode leaves out, so its digest is taken from
the source text.
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

Statement = Mapping[str, Any]  # keys: source, cell, line, flags

_BUILTINS = {"locals", "vars", "dir", "eval", "exec", "compile", "globals", "breakpoint"}
_MODULES = {"inspect", "linecache", "traceback", "jit", "dis", "gc", "ast", "tokenize", "symtable"}
_FRAMES = {"_getframe", "currentframe", "settrace", "setprofile", "tb_frame", "f_locals", "f_back"}
_INSIDES = {"__code__", "__doc__", "__dict__", "__globals__", "__closure__", "getsource", "script"}
_ERRORS = {"__traceback__", "tb_lineno", "exc_info", "UnboundLocalError"}
_INTROSPECTIVE = frozenset(_BUILTINS | _ERRORS | _MODULES | _FRAMES | _INSIDES)
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # "return" outside a function, say
_METHODS_TOO = frozenset({"eval", "compile"})  # harmless as methods: ``model.eval()``


def is_introspective(statements: Iterable[Statement]) -> bool:
    """Return whether code may see its own text or names, or reach what it does not name; True if in doubt."""
    return any(_is_introspective(str(statement["source"])) for statement in statements)


@lru_cache(maxsize=4096)  # the same statements are checked as a whole, then part by part
def _is_introspective(source: str) -> bool:
    try:
        return any(name in _INTROSPECTIVE for name in _names(parse(source)))
    except _UNREADABLE:
        return True


def digest(statements: Sequence[Statement], modules: Mapping[str, Sequence[Statement]]) -> str:
    """Return a SHA-256 hex digest that two sources share only if they compute the same.

    Args:
        statements: the notebook's, in order.
        modules: statements of the local modules, by the name under which they are imported.
    """
    every = {"": statements, **modules}
    read = _text if any(map(is_introspective, every.values())) else _instructions
    parts = {name: [read(one) for one in rows] for name, rows in every.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def _text(statement: Statement) -> Any:
    return [statement["source"], statement["cell"], statement["line"], statement["flags"]]


def _instructions(statement: Statement) -> Any:
    try:
        tree = _without_docstrings(parse(statement["source"]))
        return _code(compile(tree, "", "exec", statement["flags"], dont_inherit=True))
    except _UNREADABLE:  # it fails in the worker, too, without affecting other statements
        return _text(statement)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str())):
                    node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


def _code(code: CodeType) -> list[Any]:
    """Return everything about a code object except line numbers and the names of its local variables."""
    # The names of arguments count: callers may pass them by keyword.
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
            return ["frozenset", *sorted(map(repr, value))]  # its order differs between processes
    return [type(value).__name__, repr(value)]


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that code uses, except methods that share their name with a builtin."""
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

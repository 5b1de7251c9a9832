"""Tells statements that only set things up from those that train, download, plot or loop.

A judgement on syntax, so that a notebook's constants can be computed without running its experiments. It errs
on the side of not running; the worker's walls, not this module, are what keeps a hostile statement in check.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from grader.extraction.statements import SETTERS

# Calls that read files, show things, wait, or work for long, by their last name.
_COSTLY = frozenset(
    {"load", "save", "open", "input", "download", "urlretrieve", "mount", "login", "init", "watch"}
    | {"print", "show", "imshow", "plot", "savefig", "figure", "subplots", "display", "display_images"}
    | {"get_ipython", "system", "run_line_magic", "run_cell_magic", "getoutput", "sleep", "exec", "eval"}
    | {"backward", "step", "fit", "load_state_dict"}
)
_FOLDERS = frozenset({"makedirs", "mkdir"})
_HARMLESS_EXPRESSIONS = _FOLDERS | SETTERS | {"setattr", "seed", "set_default_dtype"}


def is_cheap(node: ast.stmt, never: Sequence[str]) -> bool:
    """Whether running the statement costs next to nothing and shows nothing.

    Args:
        node: a statement at the top level of a notebook.
        never: names of functions that are not to be called here, such as ``train``.
    """
    match node:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return _cheap_expression(node, never)
        case ast.Expr(value=ast.Call(func=func)):
            return _last_name(func) in _HARMLESS_EXPRESSIONS and _cheap_expression(node, never)
        case ast.If(body=body, orelse=orelse):
            return _cheap_expression(node.test, never) and all(
                _cheap_inside(part, never) for part in (*body, *orelse)
            )
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            caught = [part for handler in handlers for part in handler.body]
            return all(_cheap_inside(part, never) for part in (*body, *caught, *orelse, *final))
        case ast.Delete():
            return False
    return False


def makes_folder(node: ast.stmt, never: Sequence[str]) -> bool:
    """Whether the statement makes a folder below the current one, into which a definition may later write."""
    calls = [
        part for part in ast.walk(node) if isinstance(part, ast.Call) and _last_name(part.func) in _FOLDERS
    ]
    texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    outside = any(isinstance(text, str) and text.startswith(("/", "~", "..")) for text in texts)
    return bool(calls) and not outside and isinstance(node, ast.Expr | ast.If) and is_cheap(node, never)


def _cheap_inside(node: ast.stmt, never: Sequence[str]) -> bool:
    definitions = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass
    if isinstance(node, definitions) or is_cheap(node, never):
        return True
    return isinstance(node, ast.Expr) and _says_something(node.value)


def _says_something(node: ast.expr) -> bool:
    """A docstring, or a print of something plain; the worker's output goes nowhere."""
    if isinstance(node, ast.Constant):
        return True
    return isinstance(node, ast.Call) and _last_name(node.func) in ("print", "warn")


def _cheap_expression(node: ast.AST, never: Sequence[str]) -> bool:
    for part in ast.walk(node):
        if isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
        if isinstance(part, ast.Call):
            name = _last_name(part.func)
            if name in _COSTLY or (name in never and isinstance(part.func, ast.Name) and name.islower()):
                return False
    return True


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""

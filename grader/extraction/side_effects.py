"""Tell top-level statements that only set things up from those that train, download, plot or loop.

The decision is made on syntax alone, so a notebook's constants can be computed without running its
experiments. When in doubt, a statement is not run. Safety does not depend on this module: a hostile statement
that passes still runs in the sandbox.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Container, Sequence

from grader.extraction.candidates import last_name
from grader.extraction.statements import DEFINITION_NODES, SETTERS, is_definition

# Calls that read files, show something, wait or take long, by the last part of their name.
_COSTLY = frozenset(
    {"load", "save", "open", "input", "download", "urlretrieve", "mount", "login", "init", "watch"}
    | {"print", "show", "imshow", "plot", "savefig", "figure", "subplots", "display", "display_images"}
    | {"get_ipython", "system", "run_line_magic", "run_cell_magic", "getoutput", "sleep", "exec", "eval"}
    | {"backward", "step", "fit", "load_state_dict"}
)
_OPENS = frozenset({"open", "Path"})
_CHEAP_INSIDE = (ast.Import, ast.ImportFrom, ast.Pass, ast.Raise, ast.Break, ast.Continue)
_MAKE_FOLDER = frozenset({"makedirs", "mkdir"})
_HARMLESS_CALLS = _MAKE_FOLDER | SETTERS | {"setattr", "next", "send", "seed", "set_default_dtype"}


def is_cheap(node: ast.stmt, forbidden: Sequence[str]) -> bool:
    """Return whether running a statement takes next to no time and has no visible effect.

    Args:
        node: a statement at the top level of a notebook or module.
        forbidden: functions that must not be called at top level, such as ``train``.
    """
    match node:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return _has_cheap_calls(node, forbidden)
        case ast.Expr(value=ast.Call(func=func)):
            return last_name(func) in _HARMLESS_CALLS and _has_cheap_calls(node, forbidden)
        case ast.If(body=body, orelse=orelse):
            return _has_cheap_calls(node.test, forbidden) and all(
                _is_cheap_inside(part, forbidden) for part in (*body, *orelse)
            )
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            # A definition or import that works needs no handler, whatever that does, such as an installation.
            fails = any(not is_definition(part) for part in body)
            caught = [part for handler in handlers for part in handler.body if fails]
            return all(_is_cheap_inside(part, forbidden) for part in (*body, *caught, *orelse, *final))
        case ast.For(iter=first, body=body, orelse=orelse):
            return _defines(body, orelse, forbidden) and _has_cheap_calls(first, forbidden)
        case ast.With(items=items, body=body):
            return _defines(body, [], forbidden) and all(_has_cheap_calls(item, forbidden) for item in items)
    return False


def _defines(body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], forbidden: Sequence[str]) -> bool:
    """Return whether the body of a block defines functions or classes, and only does cheap things besides."""
    defines = any(isinstance(part, DEFINITION_NODES) for each in body for part in ast.walk(each))
    return defines and all(_is_cheap_inside(part, forbidden) for part in (*body, *orelse))


def reads_written_file(node: ast.stmt, forbidden: Sequence[str], written: Container[str]) -> bool:
    """Return whether a statement only takes values from files that cells write, such as a configuration.

    Args:
        node: a statement at the top level of a notebook.
        forbidden: functions that must not be called at top level.
        written: the files, by normalised path.
    """
    match node:
        case ast.With(body=body) if not all(isinstance(part, ast.Assign) for part in body):
            return False
        case ast.With() | ast.Assign():
            calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
            opened = [each.args[0] if each.args else None for each in calls if last_name(each.func) in _OPENS]
            paths = [each.value for each in opened if isinstance(each, ast.Constant)]
            known = [isinstance(path, str) and posixpath.normpath(path) in written for path in paths]
            others = {last_name(each.func) for each in calls} - {*_OPENS, "load"}
            return (
                bool(opened)
                and len(paths) == len(opened)
                and all(known)
                and others.isdisjoint({*_COSTLY, *forbidden})
            )
    return False


def makes_folder(node: ast.stmt, forbidden: Sequence[str]) -> bool:
    """Return whether a statement makes a folder below the current one, which functions may write to later."""
    makes = any(
        isinstance(part, ast.Call) and last_name(part.func) in _MAKE_FOLDER for part in ast.walk(node)
    )
    texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    outside = any(isinstance(text, str) and text.startswith(("/", "~", "..")) for text in texts)
    return makes and not outside and isinstance(node, ast.Expr | ast.If) and is_cheap(node, forbidden)


def _is_cheap_inside(node: ast.stmt, forbidden: Sequence[str]) -> bool:
    """Return whether a statement in a block is cheap; so are definitions, messages and ways to leave it."""
    if isinstance(node, (*_CHEAP_INSIDE, *DEFINITION_NODES)) or is_cheap(node, forbidden):
        return True
    return isinstance(node, ast.Expr) and _is_message(node.value)


def _is_message(node: ast.expr) -> bool:
    """Return whether an expression is a docstring or a message, or ends the program; output is discarded."""
    if isinstance(node, ast.Constant):
        return True
    return isinstance(node, ast.Call) and last_name(node.func) in ("print", "warn", "exit", "quit")


def _has_cheap_calls(node: ast.AST, forbidden: Sequence[str]) -> bool:
    """Return whether no call in ``node`` is costly or forbidden."""
    for part in ast.walk(node):
        if isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
        if isinstance(part, ast.Call):
            name = last_name(part.func)
            # Classes may be instantiated, so only names in lower case are forbidden.
            called = name in forbidden and isinstance(part.func, ast.Name) and name.islower()
            if called or name in _COSTLY:
                return False
    return True

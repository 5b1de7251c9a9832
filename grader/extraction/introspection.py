"""Point out code that a person should look at: it inspects the interpreter or its caller, or stores data.

No solution needs it, but it costs no points: it is a question, never a verdict. Hidden uses go unnoticed: the
grader's security rests on the sandbox and on the judge, not on this module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from grader.extraction.statements import Statement
from grader.text import place

MAX_NOTES = 5
LARGE_TEXT, LARGE_TABLE = 10_000, 500  # characters of a literal, and values of a list in the code
_END = "No solution needs it, so a TA will take a look."
_MODULES = {"ctypes", "gc", "_ctypes", "faulthandler", "dis", "bytecode"}
_MEMBERS = {
    *("sys._getframe", "sys.modules", "sys.settrace", "sys.setprofile", "sys.meta_path", "sys.monitoring"),
    *("inspect.stack", "inspect.currentframe", "inspect.getouterframes", "os._exit", "os.fork", "os.kill"),
    *("torch.initial_seed", "torch.get_rng_state", "random.getstate", "traceback.extract_stack"),
}
# Names that nothing else has, whatever object they are asked of.
_ATTRIBUTES = {
    *(
        "f_back",
        "f_globals",
        "f_locals",
        "f_code",
        "__globals__",
        "__subclasses__",
        "__closure__",
        "tb_frame",
    ),
    "get_rng_state",
    *("is_tracing", "is_scripting", "is_compiling", "is_fx_tracing", "is_dynamo_compiling", "initial_seed"),
    *("TorchFunctionMode", "TorchDispatchMode", "__torch_function__", "__torch_dispatch__"),
    *("_get_current_dispatch_mode", "_get_current_function_mode", "_current_autograd_node"),
}


def notes(statements: Iterable[Statement]) -> list[str]:
    """Return a note for each such name, with the first place that uses it; at most ``MAX_NOTES``."""
    found: dict[str, str] = {}
    for statement in statements:
        for node in ast.walk(statement.node):
            found_here = (
                _introspective_names,
                _questions,
                _questions_of_arguments,
                _counted_calls,
                _large_literals,
            )
            for what in (what for each in found_here for what in each(node)):
                found.setdefault(what, place(statement.cell, statement.line_of(node)))
    return [f"Your code {what} ({where}). {_END}" for what, where in list(found.items())[:MAX_NOTES]]


def is_for_a_person(note: str) -> bool:
    """Return whether a note of a result is one of ``notes``."""
    return note.endswith(_END)


def _introspective_names(node: ast.AST) -> Iterator[str]:
    for name in _names(node):
        yield f"uses `{name}`"


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names if alias.name.partition(".")[0] in _MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            if module.partition(".")[0] in _MODULES:
                yield module
            yield from (f"{module}.{a.name}" for a in names if f"{module}.{a.name}" in _MEMBERS)
            yield from (a.name for a in names if a.name in _ATTRIBUTES)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if f"{name}.{attribute}" in _MEMBERS:
            yield f"{name}.{attribute}"
        case ast.Attribute(attr=attribute) if attribute in _ATTRIBUTES:
            yield attribute
        case ast.FunctionDef(name=name) if name in _ATTRIBUTES:
            yield name


def _questions(node: ast.AST) -> Iterator[str]:
    """Yield what a branch depends on, if that is a number of images or batches, or an object's class."""
    if not _branches(node):
        return
    for part in ast.walk(node.test):
        if not isinstance(part, ast.Compare):
            continue
        sides = [part.left, *part.comparators]
        numbers = [each for side in sides for each in ast.walk(side) if _is_number(each)]
        names_one = any(isinstance(op, _NAMES_ONE) for op in part.ops)
        size = names_one and any(map(_is_batch_size, sides))
        if numbers and (size or any(map(_is_number_of_batches, sides))):
            yield _asks(part)
        if names_one and any(_is_class(each) for side in sides for each in ast.walk(side)):
            yield _asks(part)


def _branches(node: ast.AST) -> TypeGuard[ast.If | ast.IfExp | ast.While]:
    """Return whether a node does something under a condition, other than to raise an error."""
    if isinstance(node, ast.If) and all(isinstance(each, ast.Raise) for each in node.body):
        return False
    return isinstance(node, ast.If | ast.IfExp | ast.While)


_NAMES_ONE = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)


def _questions_of_arguments(node: ast.AST) -> Iterator[str]:
    """Yield branches of a function on one value of an argument, or of an attribute of its object."""
    if not isinstance(node, ast.FunctionDef):
        return
    names = {each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)} - {"self"}
    branches = filter(_branches, ast.walk(node))
    for part in (part for branch in branches for part in ast.walk(branch.test)):
        if not isinstance(part, ast.Compare) or not all(isinstance(op, _NAMES_ONE) for op in part.ops):
            continue
        sides = [part.left, *part.comparators]
        numbers = [each for side in sides for each in ast.walk(side) if _is_special(each)]
        if numbers and any(_is_of(side, names) for side in sides):
            yield _asks(part)


def _counted_calls(node: ast.AST) -> Iterator[str]:
    """Yield branches of a network's forward on a number that counts its calls."""
    if not isinstance(node, ast.FunctionDef) or node.name not in ("forward", "__call__"):
        return
    counters = {name for each in ast.walk(node) for name in _counters(each)}
    for branch in filter(_branches, ast.walk(node)):
        if any(_own_name(part) in counters for part in ast.walk(branch.test)):
            yield f"does something of its own after a number of calls: {ast.unparse(branch.test)}"[:100]


def _counters(node: ast.AST) -> Iterator[str]:
    """Yield the attribute of ``self`` that a statement computes from its value before."""
    match node:
        case ast.AugAssign(target=target) if name := _own_name(target):
            yield name
        case ast.Assign(targets=[target], value=value) if name := _own_name(target):
            if isinstance(value, ast.BinOp) and any(_own_name(part) == name for part in ast.walk(value)):
                yield name


def _own_name(node: ast.AST) -> str | None:
    """Return the name of ``self.name`` or ``getattr(self, "name", …)``."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
        case ast.Call(
            func=ast.Name(id="getattr"), args=[ast.Name(id="self"), ast.Constant(value=str(name)), *_]
        ):
            return name
    return None


def _asks(part: ast.Compare) -> str:
    return f"does something of its own for {ast.unparse(part)}"[:100]


def _is_of(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(value=ast.Name(id="self")):
            return True
    return False


def _is_special(node: ast.AST) -> bool:
    """Return whether a number is one that code has no common reason to ask for: none of channels or edges."""
    return (
        isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in range(-1, 5)
    )


def _is_number_of_batches(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
            return "loader" in name.lower()
    return False


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value > 1


def _is_batch_size(node: ast.AST) -> bool:
    """Return whether an expression is ``x.shape[0]`` or ``x.size(0)``."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=0)):
            return True
        case ast.Call(func=ast.Attribute(attr="size"), args=[ast.Constant(value=0)]):
            return True
    return False


def _is_class(node: ast.AST) -> bool:
    """Return whether an expression is an object's class, its name, or the module of one."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[_]):
            return True
        case ast.Attribute(attr="__name__", value=ast.Attribute(attr="__class__") | ast.Call()):
            return True
        case ast.Attribute(attr="__module__"):
            return True
    return False


def _large_literals(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() | bytes() as text) if len(text) >= LARGE_TEXT and not _is_prose(text):
            yield f"holds a text of {len(text):,} characters"
        case ast.List(elts=items) | ast.Tuple(elts=items) if len(items) >= LARGE_TABLE:
            yield f"holds a list of {len(items):,} values"


def _is_prose(text: str | bytes) -> bool:
    """Return whether a text is words in lines, as a docstring is, rather than encoded data."""
    words = text.split()
    return len(words) > len(text) / 20

"""Functions as wrappers, decorated functions, closures, factories, callables, methods."""

from __future__ import annotations

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    Definition,
    block,
    body_of,
    code,
    contains,
    definitions,
    header,
    replaced,
    statements,
    with_body,
)

_SPECIAL = (cst.Yield, cst.Await, cst.Global, cst.Nonlocal, cst.NamedExpr)


def _functions(draft: Draft) -> list[Definition]:
    """Return the plain functions at the top of cells."""
    return [
        each
        for each in definitions(draft)
        if each.owner is None and each.is_plain and not contains(each.function, _SPECIAL)
    ]


def _replace(draft: Draft, definition: Definition, source: str) -> bool:
    new = statements(source)
    draft.cells[definition.cell] = replaced(definition.module, definition.function, *new)
    return True


def _given(definition: Definition) -> str:
    return ", ".join(definition.parameters)


@transformation("functions")
def wrapped_function(draft: Draft) -> bool:
    """``def f(a): return f_(a)``, by position, by keyword, or with ``*args``."""
    for definition in _functions(draft):
        inner = draft.fresh(f"_{definition.name}", f"{definition.name}_impl", "inner", "run")
        by_name = ", ".join(f"{name}={name}" for name in definition.parameters)
        style = draft.rng.choice(("position", "keyword", "any"))
        body = block(header(definition.function, inner), body_of(definition.function))
        if style == "any":
            outer = block(f"def {definition.name}(*args, **kwargs):", f"return {inner}(*args, **kwargs)")
        else:
            given = _given(definition) if style == "position" else by_name
            outer = block(header(definition.function), f"return {inner}({given})")
        return _replace(draft, definition, draft.rng.choice((body + outer, outer + body)))
    return False


_DECORATORS = (
    """
def {name}(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper
""",
    """
def {name}(function):
    def wrapper(*args, **kwargs):
        start = time.time()
        result = function(*args, **kwargs)
        print("took", time.time() - start)
        return result
    return wrapper
""",
    """
class {name}:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.calls = function, 0
    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)
    def __get__(self, instance, owner):
        return functools.partial(self.__call__, instance)
""",
    """
def {name}(function):
    function.registered = True
    return function
""",
    """
def {name}(function):
    try:
        return functools.wraps(function)(lambda *a, **k: function(*a, **k))
    finally:
        pass
""",
)


@transformation("functions")
def decorated(draft: Draft) -> bool:
    """Decorate a function or method by a decorator that counts, times or registers."""
    for definition in definitions(draft):
        if definition.function.decorators or definition.name == "__init__":
            continue
        name = draft.fresh("logged", "timed", "count_calls", "register", "debug")
        function = definition.function.with_changes(decorators=[cst.Decorator(cst.Name(name))])
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        source = draft.rng.choice(_DECORATORS).format(name=name)
        draft.add_first(f"import functools\nimport time\n\n{source}")
        return True
    return False


@transformation("functions")
def decorator_with_arguments(draft: Draft) -> bool:
    """Decorate a function by ``@decorator(option)``."""
    for definition in _functions(draft):
        name = draft.fresh("named", "retry", "with_options", "traced")
        decorator = cst.Decorator(statements(f"{name}(times=1)")[0].body[0].value)
        function = definition.function.with_changes(decorators=[decorator])
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        draft.add_first(
            f"import functools\n\n\ndef {name}(times=1):\n    def decorate(f):\n        @functools.wraps(f)\n"
            "        def inner(*args, **kwargs):\n            for _ in range(times):\n"
            "                result = f(*args, **kwargs)\n            return result\n        return inner\n"
            "    return decorate"
        )
        return True
    return False


@transformation("functions")
def closure(draft: Draft) -> bool:
    """Move the body of a function into a function inside it."""
    for definition in definitions(draft):
        if (
            not definition.is_plain
            or contains(definition.function, _SPECIAL)
            or definition.name == "__init__"
        ):
            continue
        if "super()" in body_of(definition.function):
            continue
        inner = draft.fresh("inner", "run", "compute", "go")
        parameters = ", ".join(definition.parameters)
        body = (
            block(f"def {inner}({parameters}):", body_of(definition.function))
            + f"return {inner}({parameters})"
        )
        function = with_body(definition.function, body)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


@transformation("functions")
def function_factory(draft: Draft) -> bool:
    """``f = make_f()``."""
    for definition in _functions(draft):
        make = draft.fresh(f"make_{definition.name}", "build", "factory", f"get_{definition.name}")
        inner = draft.rng.choice((definition.name, "inner", "function"))
        body = block(header(definition.function, inner), body_of(definition.function)) + f"return {inner}"
        return _replace(draft, definition, block(f"def {make}():", body) + f"{definition.name} = {make}()\n")
    return False


@transformation("functions")
def callable_object(draft: Draft) -> bool:
    """``f = F()`` of a class with ``__call__``, or a bound or static method of one."""
    for definition in _functions(draft):
        owner = draft.fresh("Runner", "Trainer", "Sampler", "Callable", "Helper")
        own = "self, " if definition.parameters else "self"
        head = header(definition.function, "__call__").replace("(", f"({own}", 1)
        style = draft.rng.choice(("call", "method", "static", "class"))
        name = draft.rng.choice((definition.name, "run", "apply"))
        if style == "call":
            source = block(f"class {owner}:", block(head, body_of(definition.function)))
            value = f"{owner}()"
        elif style == "method":
            source = block(
                f"class {owner}:", block(head.replace("__call__", name, 1), body_of(definition.function))
            )
            value = f"{owner}().{name}"
        else:
            first = "@staticmethod\n" if style == "static" else "@classmethod\n"
            plain = header(definition.function, name)
            plain = (
                plain if style == "static" else head.replace("__call__", name, 1).replace("self", "cls", 1)
            )
            source = block(f"class {owner}:", first + block(plain, body_of(definition.function)))
            value = f"{owner}.{name}"
        return _replace(draft, definition, f"{source}\n{definition.name} = {value}\n")
    return False


@transformation("functions")
def partial_function(draft: Draft) -> bool:
    """``f = partial(f_, option=1)``."""
    for definition in _functions(draft):
        inner = draft.fresh(f"_{definition.name}", f"{definition.name}_with", "general")
        option = draft.fresh("option", "mode", "scale")
        if contains(definition.function.params, cst.ParamStar):
            continue
        head = header(definition.function, inner)
        head = f"{head[: head.rindex(')')].rstrip().rstrip(',')}, {option}=None):"
        source = block(head, body_of(definition.function))
        source = f"from functools import partial\n{source}{definition.name} = partial({inner}, {option}=1)\n"
        return _replace(draft, definition, source)
    return False


@transformation("functions")
def lambda_function(draft: Draft) -> bool:
    """``f = lambda a: ...`` of a function that only returns, or calls another one."""
    for definition in _functions(draft):
        inner = draft.fresh(f"_{definition.name}", "inner")
        body = block(header(definition.function, inner), body_of(definition.function))
        parameters = code(definition.function.params)
        return _replace(
            draft,
            definition,
            f"{body}{definition.name} = lambda {parameters}: {inner}({_given(definition)})\n",
        )
    return False


@transformation("functions")
def alias_of_function(draft: Draft) -> bool:
    """``f = f2`` of a function that is defined by another name."""
    for definition in _functions(draft):
        other = draft.fresh(f"{definition.name}_v2", f"my_{definition.name}", f"{definition.name}_final")
        body = block(header(definition.function, other), body_of(definition.function))
        return _replace(draft, definition, f"{body}\n{definition.name} = {other}\n")
    return False

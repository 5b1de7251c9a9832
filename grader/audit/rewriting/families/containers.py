"""Results as tuples, lists, dicts, named tuples, dataclasses and namespaces."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import Definition, code, definitions, replaced, statements


@transformation("containers")
def result_as_list(draft: Draft) -> bool:
    """``return [a, b]``."""
    return _change_result(draft, lambda values, names: f"[{', '.join(values)}]", None)


@transformation("containers")
def result_as_dict(draft: Draft) -> bool:
    """``return {"a": a, "b": b}``, read by key where it is called."""
    return _change_result(
        draft,
        lambda values, names: (
            "{" + ", ".join(f'"{n}": {v}' for n, v in zip(names, values, strict=True)) + "}"
        ),
        lambda result, name: f'{result}["{name}"]',
    )


@transformation("containers")
def result_as_dict_call(draft: Draft) -> bool:
    """``return dict(a=a, b=b)``, unpacked by ``values()`` where it is called."""
    return _change_result(
        draft,
        lambda values, names: f"dict({', '.join(f'{n}={v}' for n, v in zip(names, values, strict=True))})",
        lambda result, name: f"{result}.get('{name}')",
    )


@transformation("containers")
def result_as_namespace(draft: Draft) -> bool:
    """``return SimpleNamespace(a=a, b=b)``."""
    return _change_result(
        draft,
        lambda values, names: (
            "__import__('types').SimpleNamespace("
            + ", ".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
            + ")"
        ),
        lambda result, name: f"{result}.{name}",
    )


@transformation("containers")
def result_as_named_tuple(draft: Draft) -> bool:
    """A result of a ``NamedTuple`` or ``namedtuple``."""
    kind = draft.fresh("Result", "Output", "Noisy", "Answer")
    by_class = draft.rng.random() < 0.5

    def before(names: list[str]) -> str:
        if by_class:
            fields = "\n".join(f"    {name}: object" for name in names)
            return f"from typing import NamedTuple\n\n\nclass {kind}(NamedTuple):\n{fields}"
        return f'from collections import namedtuple\n\n{kind} = namedtuple("{kind}", {names})'

    read = draft.rng.choice((None, lambda result, name: f"{result}.{name}"))
    return _change_result(draft, lambda values, names: f"{kind}({', '.join(values)})", read, before)


@transformation("containers")
def result_as_dataclass(draft: Draft) -> bool:
    """A result of a dataclass, frozen or not."""
    kind = draft.fresh("Result", "Output", "History", "Answer")
    options = draft.rng.choice(("", "(frozen=True)", "(slots=True)"))

    def before(names: list[str]) -> str:
        fields = "\n".join(f"    {name}: object" for name in names)
        return f"from dataclasses import dataclass\n\n\n@dataclass{options}\nclass {kind}:\n{fields}"

    return _change_result(
        draft,
        lambda values, names: f"{kind}({', '.join(f'{n}={v}' for n, v in zip(names, values, strict=True))})",
        lambda result, name: f"{result}.{name}",
        before,
    )


def _change_result(
    draft: Draft,
    make: Callable[[list[str], list[str]], str],
    read: Callable[[str, str], str] | None,
    before: Callable[[list[str]], str] | None = None,
) -> bool:
    """Change how a function returns several values, and how its callers read them.

    Args:
        make: returns the text of a result, from the texts of its values and the names of its fields.
        read: returns the text that reads a field of a result; None if it is unpacked as before.
        before: returns the definition that the result needs.
    """
    for definition in definitions(draft):
        returns = _returned(definition)
        if not returns or sum(each.name == definition.name for each in definitions(draft)) > 1:
            continue
        names = _names(returns[0])
        if len(set(names)) < len(names):
            continue
        calls = _calls(draft, definition.name)
        if read is not None and any(call is None for _, _, call in calls):
            continue
        module = definition.module
        for value in returns:
            new = make([code(each.value) for each in value.elements], names)
            module = cst.ensure_type(module.deep_replace(value, cst.parse_expression(new)), cst.Module)
        draft.cells[definition.cell] = module.code
        if read is not None:
            _read_fields(draft, definition.name, names, read)
        if before is not None:
            draft.add_first(before(names))
        return True
    return False


def _returned(definition: Definition) -> list[cst.Tuple]:
    """Return the tuples that a function returns; [] if it also returns other things."""
    found: list[cst.BaseExpression | None] = []

    class Returns(cst.CSTVisitor):
        def visit_Return(self, node: cst.Return) -> None:
            found.append(node.value)

        def visit_Lambda(self, node: cst.Lambda) -> bool:
            return False

        def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
            return node is definition.function

    definition.function.visit(Returns())
    tuples = [each for each in found if isinstance(each, cst.Tuple)]
    sizes = {len(each.elements) for each in tuples}
    return tuples if len(tuples) == len(found) and len(sizes) == 1 else []


def _names(value: cst.Tuple) -> list[str]:
    """Return names for the fields of a result: those of the variables, where they have one."""
    texts = [code(each.value) for each in value.elements]
    return [
        text if text.isidentifier() and not text.startswith("_") else f"part{n}"
        for n, text in enumerate(texts)
    ]


def _calls(draft: Draft, name: str) -> list[tuple[int, cst.Module, cst.Assign | None]]:
    """Return the calls of a function: the assignment that unpacks it; None where it is used otherwise."""
    found: list[tuple[int, cst.Module, cst.Assign | None]] = []
    for cell, module in draft.modules():

        class Calls(cst.CSTVisitor):
            def visit_Assign(self, node: cst.Assign) -> bool:
                if _calls_name(node.value, name) and isinstance(node.targets[0].target, cst.Tuple):
                    found.append((cell, module, node))  # noqa: B023
                    return False
                return True

            def visit_Call(self, node: cst.Call) -> None:
                if _calls_name(node, name):
                    found.append((cell, module, None))  # noqa: B023

        module.visit(Calls())
    return found


def _calls_name(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Call) and code(node.func).rpartition(".")[2] == name


def _read_fields(draft: Draft, name: str, names: list[str], read: Callable[[str, str], str]) -> None:
    while True:
        unpacked = [(cell, module, node) for cell, module, node in _calls(draft, name) if node is not None]
        if not unpacked:
            return
        cell, module, node = unpacked[0]
        result = draft.fresh("result", "out", "answer", "res")
        target = node.targets[0].target
        assert isinstance(target, cst.Tuple)
        lines = [f"{result} = {code(node.value)}"]
        lines += [
            f"{code(each.value)} = {read(result, field)}"
            for each, field in zip(target.elements, names, strict=False)
        ]
        line = _line_of(module, node)
        draft.cells[cell] = replaced(module, line, *statements("\n".join(lines)))


def _line_of(module: cst.Module, node: cst.Assign) -> cst.SimpleStatementLine:
    found: list[cst.SimpleStatementLine] = []

    class Lines(cst.CSTVisitor):
        def visit_SimpleStatementLine(self, line: cst.SimpleStatementLine) -> None:
            if node in line.body:
                found.append(line)

    module.visit(Lines())
    return found[0]

"""Expressions moved into helper functions or given a name."""

from __future__ import annotations

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    Definition,
    block,
    code,
    contains,
    definitions,
    names_in,
    replaced,
    statements,
    with_replaced,
)


@transformation("helpers")
def extract_expression(draft: Draft) -> bool:
    """Move the value of an assignment into a helper function."""
    for definition in definitions(draft):
        if contains(definition.function, (cst.Yield, cst.Lambda)) or definition.name == "__init__":
            continue
        known = _bound(definition)
        found: list[tuple[cst.Assign, list[str]]] = []

        class Assignments(cst.CSTVisitor):
            def visit_Assign(self, node: cst.Assign) -> None:
                free = sorted(names_in(node.value) & known)  # noqa: B023
                complicated = (cst.Lambda, cst.CompFor, cst.NamedExpr, cst.Yield)
                if free and len(code(node.value)) > 12 and not contains(node.value, complicated):
                    found.append((node, free))  # noqa: B023

        definition.function.visit(Assignments())
        if not found or "super()" in code(definition.function):
            continue
        node, free = draft.rng.choice(found)
        helper = draft.fresh("helper", "compute_value", "step", "combine")
        call = node.with_changes(value=cst.parse_expression(f"{helper}({', '.join(free)})"))
        draft.cells[definition.cell] = with_replaced(definition.module, node, call)
        text = block(f"def {helper}({', '.join(free)}):", f"return {code(node.value)}")
        if draft.rng.random() < 0.5:
            draft.add_first(text)
        else:
            draft.cells.append(text)
        return True
    return False


def _bound(definition: Definition) -> set[str]:
    """Return the names of parameters and locals of a function, those of functions inside it included."""
    bound = set(definition.parameters)

    class Bindings(cst.CSTVisitor):
        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            if isinstance(node.target, cst.Name | cst.Tuple):
                bound.update(names_in(node.target))

        def visit_For(self, node: cst.For) -> None:
            bound.update(names_in(node.target))

        def visit_Param(self, node: cst.Param) -> None:
            bound.add(node.name.value)

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            bound.add(node.name.value)

    definition.function.visit(Bindings())
    return bound - {definition.name}


@transformation("helpers")
def named_intermediate(draft: Draft) -> bool:
    """Give the value of a ``return`` a name first."""
    for definition in definitions(draft):
        found = [
            (line, value) for line in _lines(definition.function) if (value := _returned(line)) is not None
        ]
        if not found:
            continue
        line, value = draft.rng.choice(found)
        name = draft.fresh("result", "ret", "answer", "output_")
        new = statements(f"{name} = {code(value)}\nreturn {name}")
        draft.cells[definition.cell] = replaced(definition.module, line, *new)
        return True
    return False


def _lines(node: cst.CSTNode) -> list[cst.SimpleStatementLine]:
    found: list[cst.SimpleStatementLine] = []

    class Lines(cst.CSTVisitor):
        def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
            found.append(node)

    node.visit(Lines())
    return found


def _returned(line: cst.SimpleStatementLine) -> cst.BaseExpression | None:
    only = line.body[0]
    return only.value if isinstance(only, cst.Return) else None

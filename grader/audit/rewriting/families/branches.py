"""Forms of assignments, branches, texts and blocks."""

from __future__ import annotations

import re
from textwrap import indent

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import in_functions, replace_one
from grader.audit.rewriting.trees import (
    block,
    body_of,
    code,
    contains,
    definitions,
    replaced,
    rewrite,
    with_body,
)


@transformation("branches")
def walrus(draft: Draft) -> bool:
    """Assign within an expression."""

    def change(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        if len(node.body) > 1 or not isinstance(only, cst.Assign) or len(only.targets) > 1:
            return None
        if not isinstance(only.targets[0].target, cst.Name) or contains(only.value, cst.Yield):
            return None
        assigned = f"({code(only.targets[0].target)} := {code_in_parentheses(only.value)})"
        return draft.rng.choice((assigned, f"if {assigned} is not None:\n    pass", f"[{assigned}]"))

    return in_functions(draft, cst.SimpleStatementLine, change)


@transformation("branches")
def match_statement(draft: Draft) -> bool:
    """``match`` in place of ``if``."""

    def change(node: cst.If) -> str | None:
        if isinstance(node.orelse, cst.If) or not isinstance(node.body, cst.IndentedBlock):
            return None
        yes = body_of(node)  # type: ignore[arg-type]
        no = "pass" if node.orelse is None else body_of(node.orelse)  # type: ignore[arg-type]
        cases = block("case True:", yes) + block("case _:", no)
        return f"match bool({code(node.test)}):\n{indent(cases, '    ')}"

    def is_inner(node: cst.If) -> str | None:
        return change(node)

    return in_functions(draft, cst.If, is_inner)


@transformation("branches")
def conditional_expression_to_if(draft: Draft) -> bool:
    """``if`` and ``else`` in place of a conditional expression."""

    def change(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        if isinstance(only, cst.Assign) and isinstance(only.value, cst.IfExp):
            target = code(only.targets[0].target)
            value = only.value
            return block(f"if {code(value.test)}:", f"{target} = {code(value.body)}") + block(
                "else:", f"{target} = {code(value.orelse)}"
            )
        return None

    return replace_one(draft, cst.SimpleStatementLine, change)


@transformation("branches")
def other_texts(draft: Draft) -> bool:
    """``format`` or ``%`` in place of an f-string."""

    def change(node: cst.FormattedString) -> str | None:
        if any(
            isinstance(p, cst.FormattedStringExpression) and (p.conversion or p.equal) for p in node.parts
        ):
            return None
        text, values = "", []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                text += part.value
            elif isinstance(part, cst.FormattedStringExpression):
                spec = cst.Module([]).code_for_node(cst.FormattedString(part.format_spec or []))[2:-1]
                text += f"{{:{spec}}}" if spec else "{}"
                values.append(code(part.expression))
        if '"' in text or "\n" in text or "'" in text:
            return None
        return f'"{text}".format({", ".join(values)})'

    return rewrite(draft, cst.FormattedString, change)


@transformation("branches")
def augmented_assignment(draft: Draft) -> bool:
    """``a = a + b`` in place of ``a += b``."""

    def change(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        if len(node.body) > 1 or not isinstance(only, cst.AugAssign):
            return None
        target = code(only.target)
        return f"{target} = {target} {code(only.operator).strip().rstrip('=')} ({code(only.value)})"

    return replace_one(draft, cst.SimpleStatementLine, change)


@transformation("branches")
def several_at_once(draft: Draft) -> bool:
    """One assignment for each target in place of ``a, b = x, y``; or a chain of tuples for it."""

    def change(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        if not isinstance(only, cst.Assign) or len(only.targets) > 1:
            return None
        target = only.targets[0].target
        if not isinstance(target, cst.Tuple) or not isinstance(only.value, cst.Tuple):
            return None
        pairs = zip(target.elements, only.value.elements, strict=True)
        return "\n".join(f"{code(one.value)} = {code(two.value)}" for one, two in pairs)

    return replace_one(draft, cst.SimpleStatementLine, change)


@transformation("branches")
def body_in_block(draft: Draft) -> bool:
    """Put the body of a function under ``try``, ``with``, ``if`` or a loop of one pass."""
    heads = (
        ("try:", "finally:\n    pass\n"),
        ("try:", "except KeyboardInterrupt:\n    print('stopped')\n    raise\n"),
        ("if True:", ""),
        ("for _once in (0,):", ""),
        ("while True:", ""),
        ("with __import__('contextlib').nullcontext():", ""),
    )
    for definition in definitions(draft):
        text = body_of(definition.function) if definition.is_plain else ""
        if not text or definition.name == "__init__" or not re.search(r"^return\b", text, re.M):
            continue
        head, tail = draft.rng.choice(heads)
        new = with_body(definition.function, block(head, text) + tail)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, new)
        return True
    return False


def code_in_parentheses(value: cst.BaseExpression) -> str:
    """Return a value in text that can stand anywhere."""
    return f"({code(value)})" if isinstance(value, cst.Tuple | cst.Lambda) else code(value)

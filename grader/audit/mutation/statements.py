"""Mutation operators for statements: deleted, repeated, exchanged, moved out of a loop or into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from grader.audit.mutation.edit import Proposal

_Body = Sequence[cst.BaseStatement]


def proposals(node: cst.CSTNode) -> Iterator[Proposal]:
    """Yield every edit of the statements in one block, or of one compound statement."""
    if isinstance(node, cst.IndentedBlock):
        yield from _of_block(node)
    if isinstance(node, cst.If):
        yield from _condition(node)
    if isinstance(node, cst.With):
        yield from _without_context(node)
    if isinstance(node, cst.AugAssign):
        target, value = node.target, node.value
        yield Proposal("line", node, cst.Assign(targets=[cst.AssignTarget(target)], value=value))


def _of_block(block: cst.IndentedBlock) -> Iterator[Proposal]:
    body = list(block.body)  # type: list[cst.BaseStatement]
    for number, statement in enumerate(body):
        if _is_docstring(statement):
            continue
        rest = [*body[:number], *body[number + 1 :]]
        if isinstance(statement, cst.SimpleStatementLine) and not _is_import(statement):
            yield Proposal("line deleted", block, _with(block, rest or [_PASS]))
            yield Proposal("line repeated", block, _with(block, [*body[: number + 1], *body[number:]]))
        if number + 1 < len(body):
            exchanged = [*body[:number], body[number + 1], statement, *body[number + 2 :]]
            yield Proposal("lines exchanged", block, _with(block, exchanged))
        if isinstance(statement, cst.For | cst.While) and isinstance(statement.body, cst.IndentedBlock):
            yield from _around_loop(block, body, number, statement)


def _around_loop(
    block: cst.IndentedBlock, body: list[cst.BaseStatement], number: int, loop: cst.For | cst.While
) -> Iterator[Proposal]:
    """Yield edits that move a line out of a loop, in either direction, or the line after a loop into it."""
    assert isinstance(loop.body, cst.IndentedBlock)
    inner = list(loop.body.body)  # type: list[cst.BaseStatement]
    before, after = body[:number], body[number + 1 :]
    for at, statement in enumerate(inner):
        if not isinstance(statement, cst.SimpleStatementLine) or len(inner) == 1:
            continue
        rest = loop.with_changes(body=_with(loop.body, [*inner[:at], *inner[at + 1 :]]))
        yield Proposal("line before the loop", block, _with(block, [*before, statement, rest, *after]))
        yield Proposal("line after the loop", block, _with(block, [*before, rest, statement, *after]))
    if len(inner) > 1:
        rest = loop.with_changes(body=_with(loop.body, inner[:-1]))
        yield Proposal("line after the loop", block, _with(block, [*before, rest, inner[-1], *after]))
    if after and isinstance(after[0], cst.SimpleStatementLine):
        longer = loop.with_changes(body=_with(loop.body, [*inner, after[0]]))
        yield Proposal("line into the loop", block, _with(block, [*before, longer, *after[1:]]))
    if before and isinstance(before[-1], cst.SimpleStatementLine):
        longer = loop.with_changes(body=_with(loop.body, [before[-1], *inner]))
        yield Proposal("line into the loop", block, _with(block, [*before[:-1], longer, *after]))


def _condition(node: cst.If) -> Iterator[Proposal]:
    negated = cst.UnaryOperation(operator=cst.Not(), expression=_in_parentheses(node.test))
    yield Proposal("condition", node, node.with_changes(test=negated))
    yield Proposal("condition", node, node.with_changes(test=cst.Name("True")))
    yield Proposal("condition", node, node.with_changes(test=cst.Name("False")))


def _without_context(node: cst.With) -> Iterator[Proposal]:
    yield Proposal("context dropped", node, cst.If(test=cst.Name("True"), body=node.body))


def _with(block: cst.IndentedBlock, body: _Body) -> cst.IndentedBlock:
    return block.with_changes(body=list(body))


def _is_docstring(statement: cst.BaseStatement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    return isinstance(statement.body[0], cst.Expr) and isinstance(
        statement.body[0].value, cst.SimpleString | cst.ConcatenatedString
    )


def _is_import(statement: cst.SimpleStatementLine) -> bool:
    return isinstance(statement.body[0], cst.Import | cst.ImportFrom)


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


_PASS = cst.SimpleStatementLine(body=[cst.Pass()])

"""Syntax trees: find definitions and calls, replace nodes, read and build source text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any

import libcst as cst

from grader.audit.rewriting.draft import Draft

BLANK = cst.Module([])


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, and the class it is a method of."""

    cell: int
    module: cst.Module
    function: cst.FunctionDef
    owner: cst.ClassDef | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.function.name.value

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters that can be given by position."""
        given = self.function.params
        return [each.name.value for each in (*given.posonly_params, *given.params)]

    @property
    def is_plain(self) -> bool:
        """True for ordinary parameters only, no decorator, and a body of more than one line."""
        given = self.function.params
        return (
            not self.function.decorators
            and isinstance(self.function.body, cst.IndentedBlock)
            and not (given.kwonly_params or given.posonly_params or given.star_kwarg)
            and not isinstance(given.star_arg, cst.Param | cst.ParamStar)
        )


def definitions(draft: Draft) -> list[Definition]:
    """Return the functions at the top of a cell and the methods of classes there, in random order."""
    found = []
    for cell, module in draft.modules():
        for statement in module.body:
            if isinstance(statement, cst.FunctionDef):
                found.append(Definition(cell, module, statement))
            elif isinstance(statement, cst.ClassDef):
                found += [
                    Definition(cell, module, each, statement)
                    for each in statement.body.body
                    if isinstance(each, cst.FunctionDef)
                ]
    draft.rng.shuffle(found)
    return found


def classes(draft: Draft) -> list[tuple[int, cst.Module, cst.ClassDef]]:
    """Return the classes at the top of a cell, in random order."""
    found = [
        (cell, module, each)
        for cell, module in draft.modules()
        for each in module.body
        if isinstance(each, cst.ClassDef) and isinstance(each.body, cst.IndentedBlock)
    ]
    draft.rng.shuffle(found)
    return found


def code(node: cst.CSTNode) -> str:
    """Return the source text of a node, unindented and without the lines above it."""
    return dedent(BLANK.code_for_node(without_space(node))).strip("\n")


def without_space(node: cst.CSTNode) -> cst.CSTNode:
    """Return a statement without the empty lines and comments above it."""
    if isinstance(
        node, cst.FunctionDef | cst.ClassDef | cst.SimpleStatementLine | cst.For | cst.With | cst.If
    ):
        return node.with_changes(leading_lines=[])
    return node


def statements(source: str) -> list[Any]:
    """Parse statements."""
    return list(cst.parse_module(dedent(source).strip("\n") + "\n").body)


def expression(source: str) -> cst.BaseExpression:
    """Parse an expression."""
    return cst.parse_expression(source)


def replaced(module: cst.Module, old: cst.CSTNode, *new: cst.CSTNode) -> str:
    """Return the source of a module with a statement replaced, by several or none."""

    class Replace(cst.CSTTransformer):
        def on_leave(self, original: Any, updated: Any) -> Any:
            if original is old:
                return new[0] if len(new) == 1 else cst.FlattenSentinel(new)
            return super().on_leave(original, updated)

    changed = module.visit(Replace())
    return changed.code


def with_replaced(module: cst.Module, old: cst.CSTNode, new: cst.CSTNode) -> str:
    """Return the source of a module with a node replaced by another."""
    return cst.ensure_type(module.deep_replace(old, new), cst.Module).code


def with_body(function: cst.FunctionDef, source: str) -> cst.FunctionDef:
    """Return a function with another body, given as unindented source."""
    return function.with_changes(body=cst.IndentedBlock(statements(source)))


def body_of(function: cst.FunctionDef | cst.ClassDef) -> str:
    """Return the unindented source of a body of several lines."""
    return "\n".join(dedent(BLANK.code_for_node(each)).strip("\n") for each in function.body.body)


def header(function: cst.FunctionDef, name: str | None = None) -> str:
    """Return ``def name(parameters):`` without decorators."""
    plain = function.with_changes(
        decorators=[], leading_lines=[], lines_after_decorators=[], name=cst.Name(name or function.name.value)
    )
    return code(plain.with_changes(body=cst.SimpleStatementSuite([cst.Pass()]))).removesuffix(" pass")


def block(head: str, body: str) -> str:
    """Return a compound statement."""
    return f"{head}\n{indent(body, '    ')}\n"


def names_in(node: cst.CSTNode) -> set[str]:
    """Return the variables that occur in a node, without attributes and names of arguments."""
    found: set[str] = set()

    class Names(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            found.add(node.value)

        def visit_Attribute(self, node: cst.Attribute) -> bool:
            node.value.visit(self)
            return False

        def visit_Arg(self, node: cst.Arg) -> bool:
            node.value.visit(self)
            return False

    node.visit(Names())
    return found


def contains(node: cst.CSTNode, kinds: type | tuple[type, ...]) -> bool:
    """Return whether there is a node of these kinds inside."""
    found = False

    class Search(cst.CSTVisitor):
        def on_visit(self, node: cst.CSTNode) -> bool:
            nonlocal found
            found = found or isinstance(node, kinds)
            return not found

    node.visit(Search())
    return found


def rewrite(draft: Draft, kind: type | tuple[type, ...], change: Callable[[Any], str | None]) -> bool:
    """Replace a random part of the expressions of a kind by new text, in one cell.

    Args:
        change: returns the text that replaces an expression, or None to leave it.
    """
    for cell, module in draft.modules():
        candidates: list[cst.CSTNode] = []

        class Collect(cst.CSTVisitor):
            def on_visit(self, node: cst.CSTNode) -> bool:
                if isinstance(node, kind) and change(node) is not None:
                    candidates.append(node)  # noqa: B023  used within the iteration
                return True

        module.visit(Collect())
        if not candidates:
            continue
        share = draft.rng.choice((0.3, 0.7, 1.0))
        chosen = {id(node) for node in candidates if draft.rng.random() < share}
        chosen.add(id(draft.rng.choice(candidates)))

        class Replace(cst.CSTTransformer):
            def on_leave(self, original: Any, updated: Any) -> Any:
                updated = super().on_leave(original, updated)
                if id(original) in chosen and (text := change(updated)) is not None:  # noqa: B023
                    return expression(f"({text})") if isinstance(updated, cst.BaseExpression) else text
                return updated

        draft.cells[cell] = module.visit(Replace()).code
        return True
    return False


@dataclass(frozen=True, slots=True)
class Called:
    """A call in text: ``receiver.name(positional, keyword=value)``."""

    receiver: str
    name: str
    positional: tuple[str, ...]
    keywords: dict[str, str]

    @property
    def full(self) -> str:
        """The name with what stands before it."""
        return f"{self.receiver}.{self.name}" if self.receiver else self.name


def called(node: cst.Call) -> Called | None:
    """Return a call in text; None if it has starred arguments."""
    if any(each.star for each in node.args):
        return None
    target = node.func
    if isinstance(target, cst.Attribute):
        receiver, name = code(target.value), target.attr.value
    elif isinstance(target, cst.Name):
        receiver, name = "", target.value
    else:
        return None
    positional = tuple(code(each.value) for each in node.args if each.keyword is None)
    keywords = {each.keyword.value: code(each.value) for each in node.args if each.keyword is not None}
    return Called(receiver, name, positional, keywords)


def rename(module: cst.Module | cst.CSTNode, names: dict[str, str]) -> Any:
    """Return a node with variables renamed, but neither attributes nor names of arguments."""

    class Rename(cst.CSTTransformer):
        def visit_Import(self, node: cst.Import) -> bool:
            return False

        def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
            return False

        def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
            return updated_node.with_changes(value=names.get(original_node.value, original_node.value))

        def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
            return updated_node.with_changes(attr=original_node.attr)

        def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
            return updated_node.with_changes(keyword=original_node.keyword)

    return module.visit(Rename())


def rename_attributes(module: cst.Module, names: dict[str, str]) -> cst.Module:
    """Return a module with attributes renamed, whatever they belong to, and methods with them."""

    class Rename(cst.CSTTransformer):
        def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
            new = names.get(original_node.attr.value)
            return updated_node.with_changes(attr=cst.Name(new)) if new else updated_node

        def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
            body = [
                each.with_changes(name=cst.Name(names.get(each.name.value, each.name.value)))
                if isinstance(each, cst.FunctionDef)
                else each
                for each in updated_node.body.body
            ]
            return updated_node.with_changes(body=updated_node.body.with_changes(body=body))

    return module.visit(Rename())


def words(text: str) -> set[str]:
    """Return the identifiers in a text."""
    return set(re.findall(r"[^\W\d]\w*", text))


def join(parts: Sequence[str]) -> str:
    """Return parts of an argument list, joined."""
    return ", ".join(part for part in parts if part)

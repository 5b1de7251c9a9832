"""Mutation operators for variables: a function reads another of its own variables or attributes."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from grader.audit.mutation.edit import Proposal


def proposals(module: cst.Module) -> Iterator[Proposal]:
    """Yield every edit that makes a function read another variable, or another attribute of an object."""
    collector = _Functions()
    module.visit(collector)
    for function in collector.outermost:
        yield from _of_function(function)
    for definition in collector.classes:
        yield from _attributes(definition)


class _Functions(cst.CSTVisitor):
    """Collects the functions that are in no other function, and the top-level classes."""

    def __init__(self) -> None:
        self.outermost: list[cst.FunctionDef] = []
        self.classes: list[cst.ClassDef] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.outermost.append(node)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.classes.append(node)


def _of_function(function: cst.FunctionDef) -> Iterator[Proposal]:
    names = _Names()
    function.body.visit(names)
    parameters = [parameter.name.value for parameter in function.params.params]
    known = [name for name in dict.fromkeys([*parameters, *names.bound]) if name not in ("self", "_")]
    for node in names.read:
        if node.value in known:
            for other in known:
                if other != node.value:
                    yield Proposal("variable", node, cst.Name(other))
    yield from _attributes(function.body)


class _Names(cst.CSTVisitor):
    """Collects the names that a body assigns and the nodes that read a name."""

    def __init__(self) -> None:
        self.bound: list[str] = []
        self.read: list[cst.Name] = []
        self._targets: set[cst.Name] = set()

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._bind(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._bind(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._bind(node.target)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._targets.add(node.attr)  # the attribute's own name is no variable

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword:
            self._targets.add(node.keyword)

    def leave_Name(self, original_node: cst.Name) -> None:
        if original_node not in self._targets:
            self.read.append(original_node)

    def _bind(self, target: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name):
            self.bound.append(target.value)
            self._targets.add(target)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value)


def _attributes(body: cst.CSTNode) -> Iterator[Proposal]:
    found = _Attributes()
    body.visit(found)
    for owner, nodes in found.by_owner.items():
        names = dict.fromkeys(node.attr.value for node in nodes)
        for node in nodes:
            if node not in found.written:
                for name in names:
                    if name != node.attr.value:
                        yield Proposal("attribute", node, node.with_changes(attr=cst.Name(name)))
        del owner


class _Attributes(cst.CSTVisitor):
    """Collects attributes by the name of the object that they belong to."""

    def __init__(self) -> None:
        self.by_owner: dict[str, list[cst.Attribute]] = {}
        self.written: set[cst.Attribute] = set()

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        if isinstance(node.target, cst.Attribute):
            self.written.add(node.target)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if isinstance(node.value, cst.Name):
            self.by_owner.setdefault(node.value.value, []).append(node)

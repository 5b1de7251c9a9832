"""Names of locals, attributes, helpers and parameters of helpers."""

from __future__ import annotations

import builtins
import keyword
import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    Definition,
    body_of,
    classes,
    code,
    definitions,
    names_in,
    rename,
    rename_attributes,
    replaced,
    words,
)

_PLAIN = ("value", "tmp", "result", "out", "res", "data", "current", "item", "buf", "arr")
_GREEK = ("α", "β", "ε", "σ", "μ", "λ", "θ", "x̂"[:1] + "ₜ", "ᾱ"[:1] + "ₜ", "η", "δ", "γ")
_MISLEADING = (
    "loss",
    "noise",
    "image",
    "t",
    "x",
    "y",
    "model",
    "epoch",
    "mean",
    "std",
    "T",
    "l",
)
_CAMEL = ("theValue", "myResult", "batchData", "curItem", "DATA", "Xs", "__v", "_", "_x", "a1", "I", "o0")


@transformation("names")
def rename_locals(draft: Draft) -> bool:
    """Give plain names to locals of a function."""
    return _rename_locals(draft, _PLAIN)


@transformation("names")
def rename_locals_to_greek(draft: Draft) -> bool:
    """Give Greek letters to locals of a function."""
    return _rename_locals(draft, _GREEK)


@transformation("names")
def rename_locals_misleadingly(draft: Draft) -> bool:
    """Give locals of a function names that usually stand for other things."""
    return _rename_locals(draft, _MISLEADING)


@transformation("names")
def rename_locals_in_other_cases(draft: Draft) -> bool:
    """Give locals of a function names in camel case, capitals, or with underscores."""
    return _rename_locals(draft, _CAMEL)


def _rename_locals(draft: Draft, pool: tuple[str, ...]) -> bool:
    for definition in definitions(draft):
        own = _locals(definition)
        taken = names_in(definition.function) | words(draft.text) & set(dir(builtins))
        if not own:
            continue
        chosen = draft.rng.sample(sorted(own), k=min(len(own), draft.rng.choice((1, 2, 4, 9))))
        free = [name for name in pool if name not in taken and not keyword.iskeyword(name)]
        free += [f"{name}{n}" for n in (1, 2) for name in pool]
        draft.rng.shuffle(free)
        names = dict(zip(chosen, free, strict=False))
        renamed = rename(definition.function.body, names)
        function = definition.function.with_changes(body=renamed)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


def _locals(definition: Definition) -> set[str]:
    """Return the names that are bound in a function, without parameters, inner definitions and globals."""
    bound: set[str] = set()
    left_out = {"_"}

    class Bindings(cst.CSTVisitor):
        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            bound.update(_targets(node.target))

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
            bound.update(_targets(node.target))

        def visit_For(self, node: cst.For) -> None:
            bound.update(_targets(node.target))

        def visit_CompFor(self, node: cst.CompFor) -> None:
            bound.update(_targets(node.target))

        def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
            bound.update(_targets(node.target))

        def visit_Param(self, node: cst.Param) -> None:
            left_out.add(node.name.value)

        def visit_Global(self, node: cst.Global) -> None:
            left_out.update(each.name.value for each in node.names)

        def visit_Import(self, node: cst.Import) -> None:
            left_out.update(words(cst.Module([]).code_for_node(node)))

        def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
            left_out.update(words(cst.Module([]).code_for_node(node)))

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            left_out.add(node.name.value)

        def visit_ClassDef(self, node: cst.ClassDef) -> bool:
            return False

    definition.function.visit(Bindings())
    return bound - left_out - {definition.name}


def _targets(target: cst.BaseExpression) -> set[str]:
    if isinstance(target, cst.Name):
        return {target.value}
    if isinstance(target, cst.Tuple | cst.List):
        return set().union(*(_targets(each.value) for each in target.elements))
    return set()


@transformation("names")
def rename_attributes_of_self(draft: Draft) -> bool:
    """Rename attributes that are only read from ``self``."""
    modules = draft.all_plain()
    if modules is None:
        return False
    own: set[str] = set()
    foreign: set[str] = set()

    class Attributes(cst.CSTVisitor):
        def visit_Attribute(self, node: cst.Attribute) -> None:
            is_own = isinstance(node.value, cst.Name) and node.value.value == "self"
            (own if is_own else foreign).add(node.attr.value)

    for module in modules:
        module.visit(Attributes())
    own &= set(re.findall(r"self\.(\w+)(?:, self\.\w+)* = ", draft.text))
    own -= foreign | draft.keep | {"device", "training", "forward"}
    own = {name for name in own if f'"{name}"' not in draft.text and f"'{name}'" not in draft.text}
    if not own:
        return False
    chosen = draft.rng.sample(sorted(own), k=min(len(own), draft.rng.choice((1, 3, 9))))
    taken = words(draft.text)
    form = draft.rng.choice(("_{name}", "{name}_", "layer{n}", "{capital}", "β{n}"))
    made = {name: form.format(name=name, n=n, capital=name.title()) for n, name in enumerate(chosen)}
    names = {name: new for name, new in made.items() if new not in taken}
    draft.cells[:] = [rename_attributes(module, names).code for module in modules]
    return bool(names)


@transformation("names")
def rename_helpers(draft: Draft) -> bool:
    """Rename functions and classes at the top of cells that are no graded part."""
    modules = draft.all_plain()
    if modules is None:
        return False
    found = {
        each.name.value
        for module in modules
        for each in module.body
        if isinstance(each, cst.FunctionDef | cst.ClassDef)
    } - draft.parts
    if not found:
        return False
    names = {
        name: draft.fresh(f"my_{name}", f"{name}2", f"_{name}", name[:2], name.upper()) for name in found
    }
    draft.cells[:] = [rename(module, names).code for module in modules]
    return True


@transformation("names")
def rename_parameters_of_methods(draft: Draft) -> bool:
    """Rename ``self`` and the parameters of private methods that are called by position."""
    for cell, module, owner in classes(draft):
        function = next((each for each in owner.body.body if isinstance(each, cst.FunctionDef)), None)
        if function is None or not function.params.params or function.decorators:
            continue
        first = function.params.params[0].name.value
        new = draft.rng.choice(("this", "me", "s", "self_", "_self"))
        if first != "self" or new in names_in(owner) or "super()" in body_of(function):
            continue
        draft.cells[cell] = replaced(module, function, rename(function, {"self": new}))
        return True
    return False


@transformation("names")
def rename_parameters_of_parts(draft: Draft) -> bool:
    """Rename parameters of functions that the handout's cells call by position."""
    by_keyword = _called_by_keyword(draft)
    for definition in definitions(draft):
        own = [name for name in definition.parameters if name != "self"]
        if definition.name not in draft.by_position - by_keyword or not definition.is_plain or not own:
            continue
        if "locals()" in body_of(definition.function):
            continue
        chosen = draft.rng.sample(own, k=min(len(own), draft.rng.choice((1, 2, 9))))
        taken = names_in(definition.function) | set(own) | set(dir(builtins))
        forms = draft.rng.choice(
            (("{name}_", "_{name}"), ("{capital}",), ("a{n}", "arg{n}"), ("{first}{n}", "p_{n}"))
        )
        names = {}
        for n, name in enumerate(chosen):
            new = draft.rng.choice(forms).format(name=name, capital=name.upper(), first=name[0], n=n)
            if new not in taken:
                names[name] = new
        renamed = rename(definition.function, names)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, renamed)
        return bool(names)
    return False


def _called_by_keyword(draft: Draft) -> set[str]:
    found: set[str] = set()

    class Calls(cst.CSTVisitor):
        def visit_Call(self, node: cst.Call) -> None:
            if any(each.keyword is not None or each.star for each in node.args):
                found.add(code(node.func).rpartition(".")[2])

    for _, module in draft.modules():
        module.visit(Calls())
    return found

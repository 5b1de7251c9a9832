"""Classes completed later, split into bases, made by factories; properties, dataclasses, modules."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    Definition,
    block,
    body_of,
    classes,
    code,
    definitions,
    header,
    replaced,
    statements,
)


def _methods(draft: Draft) -> list[Definition]:
    """Return plain methods, without ``super()`` in zero-argument form."""
    return [
        each
        for each in definitions(draft)
        if each.owner is not None
        and each.is_plain
        and "super()" not in code(each.function)
        and "__class__" not in code(each.function)
    ]


def _without(owner: cst.ClassDef, function: cst.FunctionDef, *instead: Any) -> cst.ClassDef:
    body: list[Any] = []
    for each in owner.body.body:
        body += list(instead) if each is function else [each]
    return owner.with_changes(body=owner.body.with_changes(body=body or statements("pass")))


@transformation("classes")
def method_added_later(draft: Draft) -> bool:
    """``C.m = m``, ``setattr(C, "m", m)`` or ``@add_to_class(C)`` below the class or in a later cell."""
    for definition in _methods(draft):
        owner = definition.owner
        assert owner is not None
        if owner.decorators or (definition.name == "__init__" and "dataclass" in draft.text):
            continue
        name, method = owner.name.value, definition.name
        function = draft.rng.choice((f"_{method.strip('_')}", method)) if method != "__init__" else "_init"
        plain = block(header(definition.function, function), body_of(definition.function))
        style = draft.rng.choice(("assign", "setattr", "decorator", "lambda"))
        if style == "assign":
            text = f"{plain}\n{name}.{method} = {function}"
        elif style == "setattr":
            text = f'{plain}\nsetattr({name}, "{method}", {function})'
        elif style == "lambda":
            text = (
                f"{plain}\n{name}.{method} = lambda self, *args, **kwargs: {function}(self, *args, **kwargs)"
            )
        else:
            add = draft.fresh("add_to_class", "extend", "patch")
            own = block(header(definition.function), body_of(definition.function))
            text = (
                f"def {add}(cls):\n    def wrapper(function):\n"
                "        setattr(cls, function.__name__, function)\n"
                f"        return function\n    return wrapper\n\n@{add}({name})\n{own}"
            )
        left = _without(owner, definition.function)
        draft.cells[definition.cell] = replaced(definition.module, owner, left)
        if draft.rng.random() < 0.6:
            draft.cells.insert(definition.cell + 1, text)
        else:
            draft.cells[definition.cell] += f"\n\n{text}\n"
        return True
    return False


@transformation("classes")
def method_to_function(draft: Draft) -> bool:
    """A method that is, or calls, a function outside the class."""
    for definition in _methods(draft):
        owner = definition.owner
        assert owner is not None
        function = draft.fresh(f"{definition.name.strip('_')}_impl", f"do_{definition.name.strip('_')}")
        plain = block(header(definition.function, function), body_of(definition.function))
        if draft.rng.random() < 0.5:
            instead = f"{definition.name} = {function}"
        else:
            call = f"return {function}({', '.join(definition.parameters)})"
            instead = block(header(definition.function), call)
        new = _without(owner, definition.function, *statements(instead))
        draft.cells[definition.cell] = replaced(definition.module, owner, *statements(plain), new)
        return True
    return False


@transformation("classes")
def split_into_base(draft: Draft) -> bool:
    """Move some of the methods into a base class or a mixin, in the same or an earlier cell."""
    for cell, module, owner in classes(draft):
        functions = [each for each in owner.body.body if isinstance(each, cst.FunctionDef)]
        movable = [each for each in functions if each.name.value != "__init__" and "super(" not in code(each)]
        if not movable or owner.decorators:
            continue
        moved = draft.rng.sample(movable, k=draft.rng.randrange(1, len(movable) + 1))
        base = draft.fresh(
            f"Base{owner.name.value}", f"{owner.name.value}Mixin", "Base", f"_{owner.name.value}"
        )
        rest = [each for each in owner.body.body if each not in moved] or statements("pass")
        bases = [code(each.value) for each in owner.bases]
        if draft.rng.random() < 0.5:  # a mixin, beside the bases
            first = f"class {base}:"
            new_bases = [base, *bases]
        else:
            first = f"class {base}({', '.join(bases)}):" if bases else f"class {base}:"
            new_bases = [base]
        text = block(first, "\n\n".join(code(each) for each in moved))
        new = owner.with_changes(
            body=owner.body.with_changes(body=rest),
            bases=[cst.Arg(cst.parse_expression(each)) for each in new_bases],
            lpar=cst.LeftParen(),
            rpar=cst.RightParen(),
        )
        if draft.rng.random() < 0.5:
            draft.cells[cell] = replaced(module, owner, *statements(text), new)
        else:
            draft.cells[cell] = replaced(module, owner, new)
            draft.cells.insert(cell, text)
        return True
    return False


@transformation("classes")
def subclass(draft: Draft) -> bool:
    """``class C(C_): pass``, or an alias of a class with another name."""
    for cell, module, owner in classes(draft):
        name = owner.name.value
        if owner.decorators or f"super({name}" in draft.text or name not in draft.parts:
            continue
        other = draft.fresh(f"{name}V2", f"My{name}", f"{name}Base", "Model", "Net")
        text = draft.rng.choice(
            (
                f"class {name}({other}):\n    pass\n",
                f"{name} = {other}\n",
                f'{name} = type("{name}", ({other},), {{}})\n',
                f"class {name}({other}):\n    def __init__(self, *args, **kwargs):\n"
                "        super().__init__(*args, **kwargs)\n",
            )
        )
        new = owner.with_changes(name=cst.Name(other))
        draft.cells[cell] = replaced(module, owner, new, *statements(text))
        return True
    return False


@transformation("classes")
def class_factory(draft: Draft) -> bool:
    """``C = make_c()``."""
    for cell, module, owner in classes(draft):
        name = owner.name.value
        if name not in draft.parts:
            continue
        make = draft.fresh(f"make_{name.lower()}", f"build_{name.lower()}", "create")
        text = block(f"def {make}():", f"{code(owner)}\nreturn {name}") + f"\n{name} = {make}()\n"
        draft.cells[cell] = replaced(module, owner, *statements(text))
        return True
    return False


@transformation("classes")
def function_in_place_of_class(draft: Draft) -> bool:
    """``def C(a, b): return C_(a, b)``: a function that builds the object."""
    for cell, module, owner in classes(draft):
        name = owner.name.value
        init = next(
            (e for e in owner.body.body if isinstance(e, cst.FunctionDef) and e.name.value == "__init__"),
            None,
        )
        if name not in draft.parts or init is None or not Definition(cell, module, init, owner).is_plain:
            continue
        if f"super({name}" in draft.text or "isinstance" in draft.text or f"({name})" in draft.text:
            continue
        other = draft.fresh(f"{name}Class", f"_{name}", f"{name}Impl")
        parameters = init.params.params[1:]
        given = ", ".join(each.name.value for each in parameters)
        listed = ", ".join(cst.Module([]).code_for_node(each).strip().rstrip(",") for each in parameters)
        text = f"def {name}({listed}):\n    return {other}({given})\n"
        new = owner.with_changes(name=cst.Name(other))
        draft.cells[cell] = replaced(module, owner, new, *statements(text))
        return True
    return False


@transformation("classes")
def dataclass_for_class(draft: Draft) -> bool:
    """A dataclass with ``__post_init__`` in place of a plain class."""
    for cell, module, owner in classes(draft):
        init = next(
            (e for e in owner.body.body if isinstance(e, cst.FunctionDef) and e.name.value == "__init__"),
            None,
        )
        if (
            owner.bases
            or owner.decorators
            or init is None
            or not Definition(cell, module, init, owner).is_plain
        ):
            continue
        fields, reads = [], []
        for each in init.params.params[1:]:
            default = f" = {code(each.default)}" if each.default is not None else ""
            fields.append(f"{each.name.value}: object{default}")
            reads.append(f"{each.name.value} = self.{each.name.value}")
        rest = [code(each) for each in owner.body.body if each is not init]
        after = block("def __post_init__(self):", "\n".join(reads) + "\n" + body_of(init))
        body = "\n".join([*fields, "", after, *rest])
        whole = block(f"class {owner.name.value}:", body)
        text = f"import dataclasses\n@dataclasses.dataclass(eq=False)\n{whole}"
        draft.cells[cell] = replaced(module, owner, *statements(text))
        return True
    return False


@transformation("classes")
def module_for_class(draft: Draft) -> bool:
    """An ``nn.Module`` in place of a plain class, with tensors as buffers or as attributes."""
    for cell, module, owner in classes(draft):
        text = code(owner)
        if (
            owner.bases
            or owner.decorators
            or "def __init__(self" not in text
            or not re.search(r"\bnn\b", draft.text)
        ):
            continue
        text = re.sub(rf"^class {owner.name.value}(\(\))?:", f"class {owner.name.value}(nn.Module):", text)
        text = re.sub(r"(def __init__\(self[^\n]*:\n)", r"\1        super().__init__()\n", text, count=1)
        draft.cells[cell] = replaced(module, owner, *statements(text))
        if not re.search(
            r"^(import torch\.nn as nn|from torch import nn)", "\n".join(draft.cells[:cell]), re.M
        ):
            draft.cells.insert(cell, "import torch.nn as nn")
        return True
    return False


@transformation("classes")
def static_methods(draft: Draft) -> bool:
    """A static method in place of a method that does not use ``self``, called through the instance."""
    for definition in _methods(draft):
        owner = definition.owner
        assert owner is not None
        if re.search(r"\bself\b", body_of(definition.function)) or definition.parameters[:1] != ["self"]:
            continue
        text = code(definition.function).replace("self, ", "", 1).replace("(self)", "()", 1)
        new = _without(owner, definition.function, *statements(f"@staticmethod\n{text}"))
        draft.cells[definition.cell] = replaced(definition.module, owner, new)
        return True
    return False

"""Attributes given by properties, ``setattr`` or the instance's dictionary."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import classes, code, definitions, replaced, statements


@transformation("attributes")
def property_for_attribute(draft: Draft) -> bool:
    """Store an attribute under a private name, and give it by a property."""
    for cell, module, owner in classes(draft):
        text = code(owner)
        found = [
            name for name in re.findall(r"self\.([a-z]\w*) = ", text) if text.count(f"self.{name} = ") == 1
        ]
        found = [name for name in found if f"def {name}(" not in text and name != "training"]
        if not found or owner.decorators:
            continue
        chosen = set(draft.rng.sample(found, k=min(len(found), draft.rng.choice((1, 2, 4)))))
        changed = text
        for name in chosen:
            changed = changed.replace(f"self.{name} = ", f"self._{name} = ")
            changed += f"\n    @property\n    def {name}(self):\n        return self._{name}\n"
        draft.cells[cell] = replaced(module, owner, *statements(changed))
        return True
    return False


@transformation("attributes")
def attributes_by_setattr(draft: Draft) -> bool:
    """``setattr(self, "a", v)``, or ``self.__dict__.update(a=v)``, in place of ``self.a = v``."""
    for definition in definitions(draft):
        if definition.owner is None:
            continue
        lines = [
            each
            for each in definition.function.body.body
            if isinstance(each, cst.SimpleStatementLine) and re.fullmatch(r"self\.\w+ = .*", code(each), re.S)
        ]
        if not lines:
            continue
        line = draft.rng.choice(lines)
        name, _, value = code(line).removeprefix("self.").partition(" = ")
        plain = not definition.owner.bases
        text = (
            f"self.__dict__.update({name}={value})"
            if plain and draft.rng.random() < 0.5
            else f'setattr(self, "{name}", {value})'
        )
        draft.cells[definition.cell] = replaced(definition.module, line, *statements(text))
        return True
    return False


@transformation("attributes")
def attributes_as_buffers(draft: Draft) -> bool:
    """Tensors as buffers, or as parameters without gradient, of an ``nn.Module``."""
    form = draft.rng.choice(
        (
            'self.register_buffer("{name}", {value})',
            'self.register_buffer("{name}", {value}, persistent=False)',
            'self.register_buffer("{name}", None)\nself.{name} = {value}',
            "self.{name} = nn.Parameter({value}, requires_grad=False)",
        )
    )
    for cell, module, owner in classes(draft):
        text = code(owner)
        lines = [
            each
            for each in re.findall(r"^( +)self\.(\w+) = ([^\n]*[)\w])$", text, re.M)
            if each[1] in draft.keep and re.search(r"\b(torch|self)\.", each[2])
        ]
        if owner.bases or owner.decorators or not lines or "def __init__(self" not in text:
            continue
        for pad, name, value in lines:
            given = form.format(name=name, value=value).replace("\n", f"\n{pad}")
            text = text.replace(f"{pad}self.{name} = {value}", pad + given, 1)
        text = re.sub(rf"^class {owner.name.value}(\(\))?:", f"class {owner.name.value}(nn.Module):", text)
        text = re.sub(r"(def __init__\(self[^\n]*:\n)", r"\1        super().__init__()\n", text, count=1)
        draft.cells[cell] = replaced(module, owner, *statements(f"import torch.nn as nn\n{text}"))
        return True
    return False

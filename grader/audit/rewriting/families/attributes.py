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

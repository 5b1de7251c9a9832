"""Imports: other names for modules, single names from them, fallbacks, and imports where they are used."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    body_of,
    code,
    definitions,
    names_in,
    rename,
    replaced,
    rewrite,
    statements,
    with_body,
    words,
)


@transformation("imports")
def alias_torch(draft: Draft) -> bool:
    """``import torch as th``."""
    return _alias(draft, "torch", draft.fresh("th", "T", "pt", "tc", "torch_"))


@transformation("imports")
def alias_nn(draft: Draft) -> bool:
    """``import torch.nn as N``."""
    return _alias(draft, "nn", draft.fresh("N", "tnn", "layers", "NN"))


@transformation("imports")
def alias_functional(draft: Draft) -> bool:
    """``import torch.nn.functional as func``."""
    return _alias(draft, "F", draft.fresh("func", "fn", "tf", "FF"))


def _alias(draft: Draft, old: str, new: str) -> bool:
    modules = draft.all_plain()
    if modules is None or old not in words(draft.text):
        return False
    bound = re.compile(rf"^\s*(import .*\b{old}\b|from .* import .*\b{old}\b)", re.M)
    if not bound.search(draft.text):
        return False
    changed = [rename(module, {old: new}).code for module in modules]
    last = max(number for number, text in enumerate(draft.cells) if bound.search(text))
    lines = changed[last].splitlines()
    place = max(number for number, line in enumerate(lines) if bound.match(line)) + 1
    if lines[place - 1].startswith((" ", "\t")) or lines[place - 1].rstrip().endswith(("(", "\\", ",")):
        return False
    lines.insert(
        place, f"{new} = {old}" if draft.rng.random() < 0.3 else _import_as(lines[place - 1], old, new)
    )
    changed[last] = "\n".join(lines)
    draft.cells[:] = changed
    return True


def _import_as(line: str, old: str, new: str) -> str:
    plain = {"torch": f"import torch as {new}", "nn": f"from torch import nn as {new}"}
    return plain.get(old, f"from torch.nn import functional as {new}")


@transformation("imports")
def from_torch_import(draft: Draft) -> bool:
    """``from torch import randn_like`` for some of the functions that are used."""
    used = sorted(set(re.findall(r"(?<![\w.])torch\.([a-z_0-9]+)\(", draft.text)) - {"device"})
    if not used:
        return False
    chosen = draft.rng.sample(used, k=min(len(used), draft.rng.choice((1, 2, 5))))
    taken = words(re.sub(r"torch\.\w+|\.\w+", "", draft.text))
    names = {name: f"{name}_" if name in taken else name for name in chosen}

    def change(node: cst.Attribute) -> str | None:
        text = code(node)
        return names.get(text.removeprefix("torch.")) if text.startswith("torch.") else None

    before = list(draft.cells)
    for _ in draft.cells:
        rewrite(draft, cst.Attribute, change)
    if draft.cells == before:
        return False
    imported = ", ".join(name if name == new else f"{name} as {new}" for name, new in names.items())
    draft.add_first(f"from torch import {imported}")
    return True


@transformation("imports")
def functional_by_another_path(draft: Draft) -> bool:
    """``nn.functional.x`` or ``torch.nn.functional.x`` in place of ``F.x``."""
    path = draft.rng.choice(("nn.functional", "torch.nn.functional"))
    return rewrite(
        draft,
        cst.Attribute,
        lambda node: f"{path}.{node.attr.value}" if code(node.value) == "F" else None,
    )


@transformation("imports")
def layers_by_full_path(draft: Draft) -> bool:
    """``torch.nn.Conv2d`` in place of ``nn.Conv2d``."""
    return rewrite(
        draft,
        cst.Attribute,
        lambda node: f"torch.nn.{node.attr.value}" if code(node.value) == "nn" else None,
    )


@transformation("imports")
def import_layers(draft: Draft) -> bool:
    """``from torch.nn import Conv2d, ReLU``."""
    used = sorted(
        set(re.findall(r"(?<![\w.])nn\.([A-Z]\w+)\(", draft.text)) - words(re.sub(r"nn\.\w+", "", draft.text))
    )
    if not used:
        return False
    draft.cells[:] = [re.sub(rf"(?<![\w.])nn\.({'|'.join(used)})\b", r"\1", text) for text in draft.cells]
    draft.add_first(f"from torch.nn import {', '.join(used)}")
    return True


@transformation("imports")
def import_in_function(draft: Draft) -> bool:
    """Import torch inside a function, too, as in code that was copied."""
    for definition in definitions(draft):
        used = names_in(definition.function)
        lines = {
            "torch": "import torch",
            "nn": "import torch.nn as nn",
            "F": "import torch.nn.functional as F",
        }
        found = [line for name, line in lines.items() if name in used]
        if definition.is_plain and found:
            body = "\n".join([draft.rng.choice(found), body_of(definition.function)])
            function = with_body(definition.function, body)
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False


@transformation("imports")
def import_with_fallback(draft: Draft) -> bool:
    """Import in a ``try`` with a fallback."""
    for cell, module in draft.modules():
        for line in module.body:
            if isinstance(line, cst.SimpleStatementLine) and isinstance(
                line.body[0], cst.Import | cst.ImportFrom
            ):
                text = code(line)
                if "__future__" in text or "*" in text:
                    continue
                new = statements(
                    f'try:\n    {text}\nexcept ImportError as e:\n    raise SystemExit("pip install") from e'
                )
                draft.cells[cell] = replaced(module, line, *new)
                return True
    return False


@transformation("imports")
def star_imports(draft: Draft) -> bool:
    """Import everything from modules whose names are not used for other things."""
    line = draft.rng.choice(
        ("from math import *", "from torch.nn import *", "from typing import *", "from dataclasses import *")
    )
    if line in draft.text or "__future__" in draft.text:
        return False
    draft.cells.insert(0, line)
    return True


@transformation("imports")
def imports_in_their_own_cells(draft: Draft) -> bool:
    """Put each import of a cell into a cell of its own."""
    for cell, module in draft.modules():
        lines = [
            each
            for each in module.body
            if isinstance(each, cst.SimpleStatementLine)
            and isinstance(each.body[0], cst.Import | cst.ImportFrom)
        ]
        if len(lines) > 1 and "__future__" not in draft.cells[cell]:
            rest = [each for each in module.body if each not in lines]
            draft.cells[cell : cell + 1] = [*map(code, lines), module.with_changes(body=rest).code]
            return True
    return False

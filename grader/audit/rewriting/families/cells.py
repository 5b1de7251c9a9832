"""Cells split, merged and moved; drafts, copies and other code between the definitions."""

from __future__ import annotations

import re
from textwrap import indent

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import block, code, definitions, header, replaced, statements

_DEFINES = cst.FunctionDef | cst.ClassDef


@transformation("cells")
def split_cell(draft: Draft) -> bool:
    """Split a cell between two of its statements."""
    for cell, module in draft.modules():
        if len(module.body) > 1 and "__future__" not in draft.cells[cell]:
            place = draft.rng.randrange(1, len(module.body))
            first, second = module.body[:place], module.body[place:]
            parts = [module.with_changes(body=first).code, cst.Module(second).code]
            draft.cells[cell : cell + 1] = [part.strip("\n") for part in parts]
            return True
    return False


@transformation("cells")
def merge_cells(draft: Draft) -> bool:
    """Merge neighbouring cells."""
    count = draft.rng.choice((2, 2, 3, len(draft.cells)))
    if len(draft.cells) < 2:
        return False
    place = draft.rng.randrange(len(draft.cells) - 1)
    chosen = draft.cells[place : place + count]
    if any(re.search(r"^%%|__future__", text, re.M) for text in chosen):
        return False
    draft.cells[place : place + count] = ["\n\n\n".join(chosen)]
    return True


@transformation("cells")
def move_definitions(draft: Draft) -> bool:
    """Move a cell of definitions to another place, which no other code depends on."""
    movable = [
        number
        for number, module in draft.modules()
        if module.body
        and all(isinstance(each, cst.FunctionDef) and not each.decorators for each in module.body)
    ]
    if not movable:
        return False
    text = draft.cells.pop(movable[0])
    draft.cells.insert(draft.rng.randrange(len(draft.cells) + 1), text)
    return True


@transformation("cells")
def definitions_in_another_order(draft: Draft) -> bool:
    """Put a function at the end of the notebook, or a class and all that follows it in its cell."""
    for cell, module in draft.modules():
        found = [each for each in module.body if isinstance(each, cst.FunctionDef) and not each.decorators]
        if found and len(module.body) > 1:
            draft.cells[cell] = replaced(module, found[0])
            draft.cells.append(code(found[0]))
            return True
    return False


@transformation("cells")
def add_other_cells(draft: Draft) -> bool:
    """Add code that a notebook of this homework may have: checks, plots, calls of the parts."""
    if not draft.extra_cells:
        return False
    for text in draft.rng.sample(
        draft.extra_cells, k=min(len(draft.extra_cells), draft.rng.choice((1, 2, 3)))
    ):
        draft.cells.append(text.strip("\n"))
    return True


@transformation("cells")
def draft_left_above(draft: Draft) -> bool:
    """Leave an unfinished version of a definition in an earlier cell."""
    for definition in definitions(draft):
        if definition.owner is None:
            body = draft.rng.choice(("pass", "raise NotImplementedError", "# TODO\nreturn None", "..."))
            draft.cells.insert(definition.cell, block(header(definition.function), body))
            return True
    return False


@transformation("cells")
def pasted_again(draft: Draft) -> bool:
    """Paste a definition again further down."""
    for definition in definitions(draft):
        node = definition.owner or definition.function
        if not node.decorators:
            draft.cells.insert(draft.rng.randrange(definition.cell + 1, len(draft.cells) + 1), code(node))
            return True
    return False


@transformation("cells")
def definition_in_if(draft: Draft) -> bool:
    """Put a definition under ``if``, ``try`` or ``with``."""
    import_line = "import contextlib\n"
    forms = (
        ("if True:", ""),
        ('if __name__ == "__main__":', ""),
        ("try:", "except NameError:\n    raise\n"),
        ("try:", "finally:\n    pass\n"),
        ("with contextlib.suppress(KeyError):", ""),
        ("for _ in range(1):", ""),
    )
    for cell, module in draft.modules():
        found = [each for each in module.body if isinstance(each, _DEFINES)]
        if found:
            node = draft.rng.choice(found)
            head, tail = draft.rng.choice(forms)
            text = f"{head}\n{indent(code(node), '    ')}\n{tail}"
            text = import_line + text if "contextlib" in head else text
            draft.cells[cell] = replaced(module, node, *statements(text))
            return True
    return False


@transformation("cells")
def magics_in_cells(draft: Draft) -> bool:
    """Put a magic or a shell command into a cell."""
    lines = (
        "%matplotlib inline",
        "!nvidia-smi",
        "%load_ext autoreload",
        "%config Completer.use_jedi = False",
    )
    whole = ("%%time", "%%capture", "%%capture out", "%%timeit -n1 -r1")
    number = draft.rng.randrange(len(draft.cells))
    text = draft.cells[number]
    if "__future__" in text or text.startswith("%%"):
        return False
    defines = re.search(r"^(def|class|import|from|\w+ =)", text, re.M)
    kinds = lines if defines and draft.rng.random() < 0.5 else whole[:3] if not defines else ("%%time",)
    draft.cells[number] = f"{draft.rng.choice(kinds)}\n{text}"
    return True


@transformation("cells")
def semicolons_and_blank_lines(draft: Draft) -> bool:
    """Join simple statements by semicolons, indent by tabs or two spaces, end lines with spaces."""
    for cell, module in draft.modules():
        if not any(isinstance(each, _DEFINES) for each in module.body) or '"""' in draft.cells[cell]:
            continue
        width = draft.rng.choice(("\t", "  ", "   ", "        "))
        text = module.with_changes(default_indent=width).code
        draft.cells[cell] = text + draft.rng.choice(("", "\n\n\n", "   ", "\n# end"))
        return True
    return False


@transformation("cells")
def line_continuations(draft: Draft) -> bool:
    """Comment and decorate the source, as with headings and separators."""
    number = draft.rng.randrange(len(draft.cells))
    if draft.cells[number].startswith("%%"):
        return False
    rule = "#" * draft.rng.choice((5, 40, 79))
    head = draft.rng.choice(
        (f"{rule}\n#   TO DO   #\n{rule}", "# In[7]:", "# @title Model { display-mode: 'form' }")
    )
    draft.cells[number] = f"{head}\n{draft.cells[number]}"
    return True

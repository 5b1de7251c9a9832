"""Two sources have the same digest only if they compute the same, so that they can share results."""

from __future__ import annotations

import ast
import random
from typing import Any

import pytest
from corpus import CORPUS
from hypothesis import given, settings
from hypothesis import strategies as st
from notebook_code import strip_magics

from grader.sandbox.code_digest import digest, is_introspective

PLAIN = '''
import torch

class UNet(torch.nn.Module):
    """A network."""

    def forward(self, x, t=None):
        """Its forward pass."""
        total = 0.5 * x  # half of it
        for step in range(3):
            total = total + step
        return [each * t for each in total]
'''
ALIKE = {
    "another local": ("total", "y"),
    "another loop variable": ("step", "k"),
    "another variable of a comprehension": ("each", "e"),
    "another comment": ("# half of it", "# 0.5 is a half"),
    "another docstring": ("Its forward pass", "Forward"),
    "another layout": ("0.5 * x", "(\n            0.5\n            * x\n        )"),
    "another annotation of a local": ("total = 0.5", "total: float = 0.5"),
}
OTHERS = {
    "another constant": ("0.5", "0.25"),
    "a constant of another type": ("range(3)", "range(3.0)"),
    "another operator": ("total + step", "total - step"),
    "another argument": ("t=None", "s=None"),
    "another default": ("t=None", "t=1"),
    "another global": ("range", "len"),
    "another attribute": ("nn.Module", "nn.Flatten"),
    "another order": ("each * t", "t * each"),
    "another local of the two": ("each * t for each in total", "each * t for each in x"),
    "another name of the class": ("UNet", "Net"),
    "the sign of a zero": ("0.5 * x", "-0.0 * x"),
}

_SCOPES = (
    *(ast.FunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.Global, ast.Nonlocal),
)


def rows(*sources: str, flags: int = 0) -> list[dict[str, Any]]:
    return [
        {"source": source, "cell": number, "line": 1, "flags": flags}
        for number, source in enumerate(sources, start=1)
    ]


@pytest.mark.parametrize(("old", "new"), ALIKE.values(), ids=ALIKE.keys())
def test_a_change_without_effect_on_bytecode_keeps_the_digest(old: str, new: str) -> None:
    assert old in PLAIN
    assert digest(rows(PLAIN.replace(old, new)), {}) == digest(rows(PLAIN), {})


@pytest.mark.parametrize(("old", "new"), OTHERS.values(), ids=OTHERS.keys())
def test_a_change_of_behaviour_changes_the_digest(old: str, new: str) -> None:
    assert old in PLAIN
    assert digest(rows(PLAIN.replace(old, new)), {}) != digest(rows(PLAIN), {})


def test_order_counts_but_cells_and_lines_do_not() -> None:
    first, second = "a = 1", "b = a"
    moved = [{**row, "cell": row["cell"] + 4, "line": 9} for row in rows(first, second)]
    assert digest(moved, {}) == digest(rows(first, second), {})
    assert digest(rows(second, first), {}) != digest(rows(first, second), {})


def test_local_modules_count() -> None:
    notebook = rows("import helpers")
    modules = ({"helpers": rows("x = 1")}, {"helpers": rows("x = 2")}, {"other": rows("x = 1")}, {})
    assert len({digest(notebook, inside) for inside in modules}) == 4


@pytest.mark.parametrize(
    "line",
    [
        "x = locals()",
        "exec('x = 1')",
        "import inspect",
        "from torch import jit",
        "torch.jit.script(f)",
        "f.__code__",
        "f.__doc__",
        "getattr(f, '__code__')",
        "sys._getframe()",
        "vars(self)",
    ],
)
def test_introspective_code_is_compared_verbatim(line: str) -> None:
    """It may see a comment, the name of a local variable, or a line number."""
    source = f"def f(x):\n    y = x  # a comment\n    return y\n\ndef g():\n    {line}"
    assert is_introspective(rows(source))
    assert digest(rows(source), {}) == digest(rows(source), {})
    assert digest(rows(source.replace("# a comment", "# another")), {}) != digest(rows(source), {})


@pytest.mark.parametrize(
    "source",
    [
        "class UNet:\n    return 1",
        "def f():\n    await g()",
        "def f():\n    from math import *",
        "def f(x):\n    global x",
        "f(a=1, a=2)",
        "x = " + "-" * 100_000 + "1",
        f"x = 0x{'f' * 5000}",
    ],
    ids=lambda source: source[:20],
)
def test_code_that_does_not_compile_is_compared_verbatim(source: str) -> None:
    """It fails in the worker as well, which continues with the next statement."""
    assert digest(rows(source), {}) == digest(rows(source), {})
    assert digest(rows(source), {}) != digest(rows(source + "\n# a comment"), {})


def test_eval_mode_is_not_introspection() -> None:
    assert not is_introspective(rows("def f(model):\n    model.eval()\n    return torch.compile(model)"))
    assert is_introspective(rows("def f(text):\n    return eval(text)"))


@pytest.mark.parametrize("name", [name for name in CORPUS.right_names if name != "torchscript"])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_renamed_local_variables_keep_the_digest(name: str, seed: int) -> None:
    """In every right solution, with random new names."""
    source = "\n".join(strip_magics(cell.source) for cell in CORPUS.right_cells(name) if cell.part != "run")
    renamed = _with_other_locals(source, random.Random(seed))
    assert renamed != ast.unparse(ast.parse(source))
    assert not is_introspective(rows(source))
    assert digest(rows(renamed), {}) == digest(rows(source), {})


def _with_other_locals(source: str, random: random.Random) -> str:
    """Rename the local variables of all functions that have no inner scope which could see them."""
    tree = ast.parse(source)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        inside = [node for node in ast.walk(function) if node is not function]
        if any(isinstance(node, _SCOPES) for node in inside):
            continue
        arguments = {node.arg for node in inside if isinstance(node, ast.arg)}
        names = [node for node in inside if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)} - arguments
        others = {name: f"v{random.getrandbits(40):x}" for name in sorted(own)}
        for node in names:
            node.id = others.get(node.id, node.id)
    return ast.unparse(tree)

"""Noise from elsewhere: drawn in advance, by a generator function, by a generator in an attribute."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    Definition,
    body_of,
    code,
    definitions,
    replaced,
    statements,
    with_body,
)

_DRAWN = re.compile(r"torch\.randn_like\((\w+)\)")
_DOWN = re.compile(r"for (\w+) in (?:range\((\w+) - 1, -1, -1\)|reversed\(range\((?:0, )?(\w+)\)\)):")


@transformation("randomness")
def noise_in_advance(draft: Draft) -> bool:
    """Draw the noise of all steps before the loop: one tensor, a list, a dict or a lazy generator."""
    for definition in definitions(draft):
        text = body_of(definition.function)
        drawn, loop = _DRAWN.findall(text), _DOWN.search(text)
        if len(drawn) != 1 or loop is None or not definition.is_plain or not definition.parameters:
            continue
        i, n, x = loop[1], loop[2] or loop[3], definition.parameters[0]
        bank = draft.fresh("zs", "noises", "all_noise", "Z")
        first, use = draft.rng.choice(
            (
                (f"{bank} = torch.randn({n}, *{x}.shape, device=device)", f"{bank}[{n} - 1 - {i}]"),
                (f"{bank} = torch.randn(({n},) + tuple({x}.shape)).to({x}.device)", f"{bank}[-1 - {i}]"),
                (f"{bank} = torch.randn({n}, *{x}.shape, device=device).flip(0)", f"{bank}[{i}]"),
                (f"{bank} = [torch.randn_like({x}) for _ in range({n})]", f"{bank}.pop(0)"),
                (f"{bank} = [torch.randn_like({x}) for _ in range({n})][::-1]", f"{bank}[{i}]"),
                (f"{bank} = {{k: torch.randn_like({x}) for k in reversed(range({n}))}}", f"{bank}[{i}]"),
                (f"{bank} = (torch.randn_like({x}) for _ in range({n}))", f"next({bank})"),
                (f"{bank} = iter(torch.randn({n}, *{x}.shape, device={x}.device))", f"next({bank})"),
                (f"{bank} = torch.randn({n}, *{x}.shape)\n{bank}[-1] = 0", f"{bank}[{n} - 1 - {i}].to({x})"),
                (
                    f"{bank} = torch.distributions.Normal(0.0, 1.0).sample(({n}, *{x}.shape)).to(device)",
                    f"{bank}[{n} - {i} - 1]",
                ),
            )
        )
        if "=device" in first + use and "device" not in definition.parameters:
            continue
        function = with_body(definition.function, f"{first}\n{_DRAWN.sub(lambda _: use, text)}")  # noqa: B023
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


_SOURCES = (
    ("torch.Generator().manual_seed({seed})", "torch.randn({x}.shape, generator=self.{name}).to({x})"),
    (
        "__import__('numpy').random.RandomState({seed})",
        "torch.from_numpy(self.{name}.randn(*{x}.shape)).to({x})",
    ),
    (
        "__import__('numpy').random.default_rng({seed})",
        "torch.as_tensor(self.{name}.standard_normal({x}.shape), dtype={x}.dtype, device={x}.device)",
    ),
    (
        "__import__('numpy').random.default_rng(seed={seed})",
        "torch.tensor(self.{name}.normal(0, 1, size=tuple({x}.shape))).float().to({x}.device)",
    ),
    (
        "__import__('numpy').random.RandomState({seed})",
        "torch.Tensor(self.{name}.normal(size=list({x}.shape)))",
    ),
)


@transformation("randomness")
def generator_in_attribute(draft: Draft) -> bool:
    """A generator of torch or NumPy that the object keeps, from ``__init__`` on or from its first use."""
    for definition in definitions(draft):
        owner = definition.owner
        text = code(definition.function)
        if owner is None or definition.parameters[:1] != ["self"] or not _DRAWN.search(text):
            continue
        name = draft.fresh("rng", "generator", "gen", "_g")
        seed = draft.rng.randrange(10**6)
        made, use = (each.format(name=name, seed=seed, x="{x}") for each in draft.rng.choice(_SOURCES))
        changed = _DRAWN.sub(lambda match: use.format(x=match[1]), text)  # noqa: B023
        source = code(owner).replace("\n    ".join(text.split("\n")), "\n    ".join(changed.split("\n")))
        init = _init(definition, owner)
        if init is None or changed not in "\n".join(each.removeprefix("    ") for each in source.split("\n")):
            continue
        old = code(init)
        head = old + f"\n    self.{name} = {made}"
        source = source.replace("\n    ".join(old.split("\n")), "\n    ".join(head.split("\n")))
        draft.cells[definition.cell] = replaced(definition.module, owner, *statements(source))
        return True
    return False


def _init(definition: Definition, owner: cst.ClassDef) -> cst.FunctionDef | None:
    for each in owner.body.body:
        if isinstance(each, cst.FunctionDef) and each.name.value == "__init__":
            return each if Definition(definition.cell, definition.module, each, owner).is_plain else None
    return None


@transformation("randomness")
def noise_from_generator_function(draft: Draft) -> bool:
    """A generator function that yields noise, kept in a global, or called anew for each draw."""
    name, source_name = (
        draft.fresh("noise_stream", "gaussian", "normals"),
        draft.fresh("source", "stream", "zs"),
    )
    for definition in definitions(draft):
        text = body_of(definition.function)
        drawn = _DRAWN.findall(text)
        if not definition.is_plain or len(drawn) != 1 or definition.name == "__init__":
            continue
        variant = draft.rng.randrange(3)
        x = drawn[0]
        if variant == 0:
            first = f"def {name}(x):\n    while True:\n        yield torch.randn_like(x)\n"
            new = _DRAWN.sub(f"next({name}({x}))", text)
        elif variant == 1:
            first = (
                f"def {name}():\n    shape = yield\n    while True:\n"
                "        shape = yield torch.randn(shape)\n\n"
                f"{source_name} = {name}()\nnext({source_name})\n"
            )
            new = _DRAWN.sub(f"{source_name}.send({x}.shape).to({x}.device)", text)
        else:
            first = (
                f"def {name}(count=1):\n    def draw(like):\n        return torch.stack(\n"
                "            [torch.randn(like.shape) for _ in range(count)]\n        )[0].to(like)\n"
                "    return draw\n\n"
                f"{source_name} = {name}()\n"
            )
            new = _DRAWN.sub(f"{source_name}({x})", text)
        function = with_body(definition.function, new)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        draft.add_first(first)
        return True
    return False

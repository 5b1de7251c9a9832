"""Forms of loops."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import replace_one
from grader.audit.rewriting.trees import (
    block,
    body_of,
    code,
    contains,
    rewrite,
)


def _loop_body(node: cst.For) -> str | None:
    """Return the body of a plain loop."""
    if (
        node.orelse is not None
        or node.asynchronous is not None
        or not isinstance(node.body, cst.IndentedBlock)
    ):
        return None
    return body_of(node)  # type: ignore[arg-type]


@transformation("loops")
def for_to_while_over_iterator(draft: Draft) -> bool:
    """``while True: x = next(iterator)`` in place of ``for``."""
    name = draft.fresh("it", "iterator", "_iter")

    def change(node: cst.For) -> str | None:
        if (body := _loop_body(node)) is None:
            return None
        head = f"try:\n    {code(node.target)} = next({name})\nexcept StopIteration:\n    break\n"
        if draft.rng.random() < 0.3 and isinstance(node.target, cst.Name):
            target = node.target.value
            return f"{name} = iter({code(node.iter)})\n" + block(
                f"while ({target} := next({name}, None)) is not None:", body
            )
        return f"{name} = iter({code(node.iter)})\n" + block("while True:", head + body)

    return replace_one(draft, cst.For, change)


@transformation("loops")
def for_to_while_with_counter(draft: Draft) -> bool:
    """A counter and ``while`` in place of ``for i in range(...)``."""

    def change(node: cst.For) -> str | None:
        body = _loop_body(node)
        match = re.fullmatch(r"(reversed\()?range\(([^(),]+(?:\([^()]*\))?[^(),]*)\)\)?", code(node.iter))
        if body is None or not isinstance(node.target, cst.Name) or contains(node, cst.Continue):
            return None
        i = node.target.value
        if match and match[1]:
            return f"{i} = ({match[2]}) - 1\n" + block(f"while {i} >= 0:", f"{body}\n{i} -= 1")
        if match:
            return f"{i} = 0\n" + block(f"while {i} < {match[2]}:", f"{body}\n{i} += 1")
        down = re.fullmatch(r"range\((\w+) - 1, -1, -1\)", code(node.iter))
        if down:
            return f"{i} = {down[1]}\n" + block(f"while {i} > 0:", f"{i} -= 1\n{body}")
        return None

    return replace_one(draft, cst.For, change)


@transformation("loops")
def other_range(draft: Draft) -> bool:
    """Walk down by ``reversed``, ``[::-1]``, ``sorted``, a computed index or NumPy."""

    def change(node: cst.Call) -> str | None:
        down = re.fullmatch(r"range\((\w+) - 1, -1, -1\)|reversed\(range\((?:0, )?(\w+)\)\)", code(node))
        if down is None:
            return None
        n = down[1] or down[2]
        forms = (
            f"reversed(range({n}))",
            f"range({n})[::-1]",
            f"list(range({n}))[::-1]",
            f"sorted(range({n}), reverse=True)",
            f"range({n} - 1, -1, -1)",
            f"(({n}) - 1 - k for k in range({n}))",
            f"list(reversed(range({n})))",
            f"torch.arange({n} - 1, -1, -1).tolist()",
            f"map(int, reversed(range(0, {n})))",
        )
        return forms[variant % len(forms)]

    variant = draft.rng.randrange(99)
    return rewrite(draft, cst.Call, change)


@transformation("loops")
def iterate_otherwise(draft: Draft) -> bool:
    """Loop over ``enumerate``, a generator, ``map``, ``zip`` or ``itertools`` of what was looped over."""
    name = draft.fresh("k", "idx", "batch_no", "_n")

    def change(node: cst.For) -> str | None:
        if (body := _loop_body(node)) is None:
            return None
        target, over = code(node.target), code(node.iter)
        wrapped = (
            f"({target})" if isinstance(node.target, cst.Tuple) and not target.startswith("(") else target
        )
        forms = (
            f"for {name}, {wrapped} in enumerate({over}):",
            f"for {target} in (item for item in {over}):",
            f"for {target} in iter({over}):",
            f"for {name}, {wrapped} in zip(range(10**9), {over}):",
            f"for ({wrapped},) in zip({over}):",
            f"for {target} in map(lambda item: item, {over}):",
        )
        return block(draft.rng.choice(forms), body)

    return replace_one(draft, cst.For, change)


@transformation("loops")
def unpack_in_body(draft: Draft) -> bool:
    """``for batch in loader: x, y = batch`` in place of ``for x, y in loader``."""
    name = draft.fresh("batch", "data_", "sample", "pair")

    def change(node: cst.For) -> str | None:
        if (body := _loop_body(node)) is None or not isinstance(node.target, cst.Tuple):
            return None
        parts = [code(each.value) for each in node.target.elements]
        forms = (
            f"{', '.join(parts)} = {name}",
            "\n".join(f"{part} = {name}[{n}]" for n, part in enumerate(parts)),
            f"({', '.join(parts)}) = tuple({name})",
            f"{parts[0]}, *_ = {name}",
        )
        head = draft.rng.choice(forms if len(parts) == 2 and parts[1] == "_" else forms[:3])
        return block(f"for {name} in {code(node.iter)}:", f"{head}\n{body}")

    return replace_one(draft, cst.For, change)


@transformation("loops")
def comprehension_to_loop(draft: Draft) -> bool:
    """``for`` and ``append`` in place of a comprehension."""

    def change(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        if not isinstance(only, cst.Assign) or not isinstance(only.value, cst.ListComp):
            return None
        loop = only.value.for_in
        if loop.inner_for_in is not None or not isinstance(only.targets[0].target, cst.Name):
            return None
        name = only.targets[0].target.value
        body = f"{name}.append({code(only.value.elt)})"
        for condition in loop.ifs:
            body = block(f"if {code(condition.test)}:", body)
        return f"{name} = []\n" + block(f"for {code(loop.target)} in {code(loop.iter)}:", body)

    return replace_one(draft, cst.SimpleStatementLine, change)

"""Products, sums and conditions of tensors, written otherwise."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import code, rewrite

_ZERO = re.compile(r"torch\.zeros_like\(\w+\)|torch\.zeros\([^()]*\)|0(\.0?)?")


@transformation("tensors")
def products_as_einsum(draft: Draft) -> bool:
    """``torch.einsum`` in place of a product of two tensors."""
    form = draft.rng.choice(
        (
            'torch.einsum("...,...->...", {a}, {b})',
            'torch.einsum("...,...", {a}, {b})',
            "torch.multiply({a}, {b})",
        )
    )

    def change(node: cst.BinaryOperation) -> str | None:
        if not isinstance(node.operator, cst.Multiply) or not _look_like_tensors(node):
            return None
        return form.format(a=code(node.left), b=code(node.right))

    return rewrite(draft, cst.BinaryOperation, change)


def _look_like_tensors(node: cst.BinaryOperation) -> bool:
    """Return whether both operands are named, and one as images and noise usually are."""
    both = code(node.left), code(node.right)
    named = all(re.match(r"\(*[^\W\d]", each) and "len(" not in each and '"' not in each for each in both)
    return named and any(
        re.fullmatch(r"(image|x|x_t|noise|eps\w*|z|\w*noise\w*|x0|img\w*)", each) for each in both
    )


@transformation("tensors")
def sums_of_products(draft: Draft) -> bool:
    """``sum``, ``stack`` or ``addcmul`` in place of ``a * b + c * d``."""
    form = draft.rng.choice(
        (
            "sum(({a} * {b}, {c} * {d}))",
            "torch.stack(({a} * {b}, {c} * {d})).sum(dim=0)",
            "torch.addcmul({a} * {b}, {c}, {d})",
            "torch.add({a} * {b}, {c} * {d}, alpha=1)",
            "-(-({a} * {b}) - {c} * {d})",
            "torch.stack([{a} * {b}, {c} * {d}], -1).sum(-1)",
        )
    )

    def change(node: cst.BinaryOperation) -> str | None:
        if not isinstance(node.operator, cst.Add):
            return None
        pairs = (node.left, node.right)
        if not all(
            isinstance(each, cst.BinaryOperation) and isinstance(each.operator, cst.Multiply)
            for each in pairs
        ):
            return None
        if not all(_look_like_tensors(each) for each in pairs if isinstance(each, cst.BinaryOperation)):
            return None
        a, b, c, d = (f"({code(part)})" for each in pairs for part in (each.left, each.right))  # type: ignore[attr-defined]
        return form.format(a=a, b=b, c=c, d=d)

    return rewrite(draft, cst.BinaryOperation, change)


@transformation("tensors")
def masks_for_conditions(draft: Draft) -> bool:
    """A factor of 0 or 1, or ``torch.where``, in place of ``a if condition else zeros``."""
    form = draft.rng.choice(
        (
            "{a} * float({test})",
            "(1.0 if {test} else 0.0) * {a}",
            "{a} * int({test})",
            "{a}.mul(bool({test}))",
            "torch.where(torch.tensor(bool({test})), {a}, torch.tensor(0.0))",
            "torch.where(torch.tensor(bool({test}), device={a}.device), {a}, 0.0)",
            "{a}.masked_fill(torch.tensor(not ({test})), 0)",
        )
    )

    def change(node: cst.IfExp) -> str | None:
        if not _ZERO.fullmatch(code(node.orelse)) or not code(node.body).startswith("torch."):
            return None
        return form.format(a=f"({code(node.body)})", test=code(node.test))

    return rewrite(draft, cst.IfExp, change)


@transformation("tensors")
def choices_otherwise(draft: Draft) -> bool:
    """``and``/``or``, a tuple, a dict or functions in place of a conditional expression."""
    form = draft.rng.choice(
        (
            "({no}, {yes})[bool({test})]",
            "{{True: {yes}, False: {no}}}[bool({test})]",
            "(lambda: {yes}, lambda: {no})[not ({test})]()",
            "next(each for each in ({yes} if {test} else None, {no}) if each is not None)",
        )
    )

    def change(node: cst.IfExp) -> str | None:
        if "yield" in code(node) or ":=" in code(node):
            return None
        return form.format(yes=f"({code(node.body)})", no=f"({code(node.orelse)})", test=code(node.test))

    return rewrite(draft, cst.IfExp, change)


@transformation("tensors")
def quotients_otherwise(draft: Draft) -> bool:
    """``torch.div``, ``reciprocal`` or a power of -1 in place of a quotient."""
    form = draft.rng.choice(
        ("torch.div({a}, {b})", "{a} * ({b}) ** -1", "{a} * (1.0 / ({b}))", "torch.true_divide({a}, {b})")
    )

    def change(node: cst.BinaryOperation) -> str | None:
        if not isinstance(node.operator, cst.Divide) or (
            "torch.sqrt" not in code(node) and ".sqrt()" not in code(node)
        ):
            return None
        left = code(node.left)
        if form.startswith("torch.") and re.fullmatch(r"\(?[\d.]+\)?", left):
            return None
        return form.format(a=f"({left})", b=code(node.right))

    return rewrite(draft, cst.BinaryOperation, change)

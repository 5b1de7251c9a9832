"""Forms of tensor expressions: functions and methods, shapes, lists, arrays, curves."""

from __future__ import annotations

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import Called, called, code, rewrite

_UNARY = ("sqrt", "exp", "log", "square", "abs")


def _rewrite_calls(draft: Draft, change: object) -> bool:
    def in_text(node: cst.Call) -> str | None:
        call = called(node)
        return None if call is None else change(call)  # type: ignore[operator]

    return rewrite(draft, cst.Call, in_text)


@transformation("tensors")
def functions_to_methods(draft: Draft) -> bool:
    """``x.sqrt()`` in place of ``torch.sqrt(x)``."""
    return _rewrite_calls(
        draft,
        lambda call: (
            f"({call.positional[0]}).{call.name}()"
            if call.receiver == "torch" and call.name in _UNARY and len(call.positional) == 1
            else None
        ),
    )


@transformation("tensors")
def methods_to_functions(draft: Draft) -> bool:
    """``torch.sqrt(x)`` in place of ``x.sqrt()``."""
    return _rewrite_calls(
        draft,
        lambda call: (
            f"torch.{call.name}({call.receiver})"
            if call.receiver not in ("torch", "") and call.name in _UNARY and not call.positional
            else None
        ),
    )


@transformation("tensors")
def roots_as_powers(draft: Draft) -> bool:
    """Powers, or NumPy's root, in place of ``sqrt``."""
    form = draft.rng.choice(
        ("({x}) ** 0.5", "({x}).pow(0.5)", "torch.pow({x}, 1 / 2)", "1 / torch.rsqrt({x})")
    )

    def change(call: Called) -> str | None:
        if call.name != "sqrt":
            return None
        value = call.positional[0] if call.positional else call.receiver
        return form.format(x=value) if call.receiver != "np" and call.receiver != "math" else None

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_views(draft: Draft) -> bool:
    """``reshape``, ``[:, None]``, ``unsqueeze`` or einops in place of ``view``."""
    variant = draft.rng.randrange(3)

    def change(call: Called) -> str | None:
        if call.name not in ("view", "reshape") or not call.positional:
            return None
        if call.positional == ("-1", "1", "1", "1"):
            forms = (
                "{x}.reshape(-1, 1, 1, 1)",
                "{x}.flatten()[:, None, None, None]",
                "{x}.view((-1,) + (1,) * 3)",
            )
            return forms[variant].format(x=call.receiver)
        if call.positional == ("-1", "1"):
            forms = ("{x}.reshape(-1, 1)", "{x}.flatten().unsqueeze(1)", "{x}.view([-1, 1])")
            return forms[variant].format(x=call.receiver)
        return None

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_concatenation(draft: Draft) -> bool:
    """``torch.concat``, ``torch.hstack`` or ``axis=1`` in place of ``torch.cat``."""
    name, how = draft.rng.choice(
        (("concat", "dim=1"), ("cat", "axis=1"), ("concatenate", "1"), ("cat", "-3"))
    )

    def change(call: Called) -> str | None:
        if call.full != "torch.cat" or (*call.positional[1:], *call.keywords.values()) != ("1",):
            return None
        return f"torch.{name}({call.positional[0]}, {how})"

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_sizes(draft: Draft) -> bool:
    """``x.shape[0]`` or ``x.size(0)`` in place of ``len(x)``."""
    form = draft.rng.choice(("{x}.shape[0]", "{x}.size(0)", "{x}.size()[0]", "{x}.__len__()"))
    return _rewrite_calls(
        draft,
        lambda call: (
            form.format(x=call.positional[0])
            if call.full == "len" and not call.positional[0].endswith(("loader", "losses", "_set"))
            else None
        ),
    )


@transformation("tensors")
def other_noise(draft: Draft) -> bool:
    """Other functions that draw normal noise."""
    variant = draft.rng.randrange(9)

    def change(call: Called) -> str | None:
        if call.full != "torch.randn_like" or call.keywords:
            return None
        x = call.positional[0]
        forms = (
            f"torch.randn({x}.shape, device={x}.device)",
            f"torch.randn(*{x}.shape).to({x}.device)",
            f"torch.normal(0.0, 1.0, size={x}.shape).to({x}.device)",
            f"torch.empty_like({x}).normal_()",
            f"torch.normal(torch.zeros_like({x}), torch.ones_like({x}))",
            f"torch.distributions.Normal(0.0, 1.0).sample({x}.shape).to({x})",
            f"torch.zeros_like({x}).normal_(mean=0, std=1)",
            f"torch.randn({x}.size(), dtype={x}.dtype, device={x}.device)",
            f"torch.stack([torch.randn_like(each) for each in {x}])",
        )
        return forms[variant]

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_steps(draft: Draft) -> bool:
    """Other tensors of one step for a batch."""
    variant = draft.rng.randrange(4)

    def change(call: Called) -> str | None:
        if call.full != "torch.full" or len(call.positional) != 2 or "dtype" in call.keywords:
            return None
        shape, value = call.positional
        where = f", device={call.keywords['device']}" if "device" in call.keywords else ""
        forms = (
            f"torch.ones({shape}{where}) * ({value})",
            f"torch.zeros({shape}{where}) + ({value})",
            f"torch.tensor([{value}]{where}).expand({shape})",
            f"torch.empty({shape}{where}).fill_({value})",
        )
        return forms[variant]

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_linspace(draft: Draft) -> bool:
    """A line of numbers by NumPy, a list or ``arange``."""
    variant = draft.rng.randrange(4)

    def change(call: Called) -> str | None:
        if call.full != "torch.linspace" or len(call.positional) != 3 or call.keywords:
            return None
        a, b, n = call.positional
        forms = (
            f"torch.tensor([{a} + ({b} - {a}) * i / ({n} - 1) for i in range({n})])",
            f"torch.arange({n}) / ({n} - 1) * ({b} - {a}) + {a}",
            f"torch.from_numpy(__import__('numpy').linspace({a}, {b}, {n}, dtype='float32'))",
            f"torch.lerp(torch.tensor(float({a})), torch.tensor(float({b})), torch.linspace(0, 1, {n}))",
        )
        return forms[variant]

    return _rewrite_calls(draft, change)


@transformation("tensors")
def other_cumprod(draft: Draft) -> bool:
    """A running product by logarithms, NumPy, ``itertools`` or in double precision."""
    variant = draft.rng.randrange(6)

    def change(call: Called) -> str | None:
        if call.full != "torch.cumprod":
            return None
        x = call.positional[0]
        forms = (
            f"torch.exp(torch.cumsum(torch.log({x}), 0))",
            f"torch.cumprod({x}.double(), 0).float()",
            f"torch.tensor(__import__('numpy').cumprod({x}.cpu().numpy()))",
            f"torch.tensor(list(__import__('itertools').accumulate({x}.tolist(), lambda p, q: p * q)))",
            f"torch.stack([torch.prod({x}[: i + 1]) for i in range(len({x}))])",
            f"{x}.cumprod(dim=-1)",
        )
        return forms[variant]

    return _rewrite_calls(draft, change)


@transformation("tensors")
def swapped_operands(draft: Draft) -> bool:
    """``b * a`` in place of ``a * b``, and ``b + a``."""

    def change(node: cst.BinaryOperation) -> str | None:
        if not isinstance(node.operator, cst.Multiply | cst.Add) or '"' in code(node):
            return None
        return f"({code(node.right)}) {code(node.operator).strip()} ({code(node.left)})"

    return rewrite(draft, cst.BinaryOperation, change)


@transformation("tensors")
def operators_as_functions(draft: Draft) -> bool:
    """``torch.mul(a, b)`` and the like in place of operators between a root and a tensor."""
    names = {cst.Multiply: "torch.mul", cst.Add: "torch.add", cst.Subtract: "torch.sub"}

    def change(node: cst.BinaryOperation) -> str | None:
        name = names.get(type(node.operator))
        both = code(node.left), code(node.right)
        if name is None or not all("_t" in each or "noise" in each or each == "x" for each in both):
            return None
        return f"{name}({both[0]}, {both[1]})"

    return rewrite(draft, cst.BinaryOperation, change)


@transformation("tensors")
def items_otherwise(draft: Draft) -> bool:
    """``float(x)`` and the like in place of ``x.item()``."""
    form = draft.rng.choice(
        (
            "float({x})",
            "{x}.detach().cpu().numpy().item()",
            "{x}.tolist()",
            "{x}.detach().cpu().item()",
            "{x}.data.item()",
        )
    )
    return _rewrite_calls(
        draft,
        lambda call: form.format(x=call.receiver) if call.name == "item" and call.receiver else None,
    )


@transformation("tensors")
def schedule_indexing(draft: Draft) -> bool:
    """``index_select``, ``gather`` or ``take`` in place of ``curve[t]``."""
    form = draft.rng.choice(
        ("{x}.index_select(0, {i})", "{x}.gather(0, {i})", "torch.take({x}, {i})", "{x}[{i},]")
    )

    def change(node: cst.Subscript) -> str | None:
        text = code(node)
        inside = text[text.rindex("[") + 1 : -1]
        return form.format(x=code(node.value), i=inside) if inside == "t" and "self." in text else None

    return rewrite(draft, cst.Subscript, change)

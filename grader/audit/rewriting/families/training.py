"""Forms of a training step: gradients, modes, averages."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import in_functions
from grader.audit.rewriting.trees import body_of, called, code, definitions, replaced, rewrite, with_body


def _statement(draft: Draft, pattern: str, forms: tuple[str, ...]) -> bool:
    """Replace a statement that matches; forms may use the groups ``{0}``, ``{1}`` and ``{network}``."""
    form = draft.rng.choice(forms)
    networks = [name for name in ("model", "net", "network") if re.search(rf"\b{name}\b", draft.text)]
    if "{network}" in form and not networks:
        return False

    def change(node: cst.SimpleStatementLine) -> str | None:
        match = re.fullmatch(pattern, code(node), re.S)
        return None if match is None else form.format(*match.groups(), network="".join(networks[:1]))

    return in_functions(draft, cst.SimpleStatementLine, change)


@transformation("training")
def backward_otherwise(draft: Draft) -> bool:
    """``torch.autograd.backward``, given gradients, or ``torch.autograd.grad`` and assignments."""
    return _statement(
        draft,
        r"(\w+)\.backward\(\)",
        (
            "torch.autograd.backward({0})",
            "torch.autograd.backward([{0}])",
            "{0}.backward(gradient=torch.ones_like({0}))",
            "{0}.sum().backward()",
            "torch.Tensor.backward({0})",
            "scaler = torch.amp.GradScaler('cpu', enabled=False)\nscaler.scale({0}).backward()",
            "weights = [p for p in {network}.parameters() if p.requires_grad]\n"
            "for p, g in zip(weights, torch.autograd.grad({0}, weights)):\n    p.grad = g",
            "with torch.enable_grad():\n    {0}.backward()",
        ),
    )


@transformation("training")
def gradients_reset_otherwise(draft: Draft) -> bool:
    """Reset gradients by the network, by hand, to zero or to None."""
    return _statement(
        draft,
        r"(\w+)\.zero_grad\(\)",
        (
            "{0}.zero_grad(set_to_none=False)",
            "{0}.zero_grad(set_to_none=True)",
            "{0}.zero_grad(True)",
            "{network}.zero_grad()",
            "for p in {network}.parameters():\n    p.grad = None",
            "for p in {network}.parameters():\n    if p.grad is not None:\n        p.grad.zero_()",
            "for p in {network}.parameters():\n    if p.grad is not None:\n"
            "        p.grad.detach_()\n        p.grad *= 0",
            "for group in {0}.param_groups:\n    for p in group['params']:\n        p.grad = None",
        ),
    )


@transformation("training")
def step_otherwise(draft: Draft) -> bool:
    """Clip nothing away, use a closure, a scaler that is off, or a helper."""
    return _statement(
        draft,
        r"((?:opt|optim)\w*)\.step\(\)",
        (
            "torch.nn.utils.clip_grad_norm_({network}.parameters(), 1e9)\n{0}.step()",
            "torch.nn.utils.clip_grad_value_({network}.parameters(), clip_value=1e9)\n{0}.step()",
            "{0}.step(lambda: None)",
            "scaler = torch.amp.GradScaler('cpu', enabled=False)\nscaler.step({0})\nscaler.update()",
            "getattr({0}, 'step')()",
            "for one in [{0}]:\n    one.step()",
            "grads = [p.grad.norm() for p in {network}.parameters() if p.grad is not None]\n"
            "if all(torch.isfinite(g) for g in grads):\n    {0}.step()",
        ),
    )


@transformation("training")
def modes_otherwise(draft: Draft) -> bool:
    """``train(True)``, ``train(False)`` or ``train(mode=...)``."""
    if draft.rng.random() < 0.5:
        forms = ("{0}.train(False)", "{0}.train(mode=False)", "torch.nn.Module.eval({0})", "_ = {0}.eval()")
        return _statement(draft, r"(\w+)\.eval\(\)", forms)
    return _statement(
        draft, r"(\w+)\.train\(\)", ("{0}.train(True)", "{0}.train(mode=True)", "{0} = {0}.train()")
    )


@transformation("training")
def reset_after_step(draft: Draft) -> bool:
    """Reset the gradients after the step, and once before the loop."""
    for definition in definitions(draft):
        text = body_of(definition.function)
        reset = re.findall(r"^ *(\w+\.zero_grad\(\))\n", text, re.M)
        step = re.findall(r"^ *(\w+\.step\(\))\n", text, re.M)
        if len(reset) != 1 or len(step) != 1 or not definition.is_plain:
            continue
        text = re.sub(r"^ *\w+\.zero_grad\(\)\n", "", text, count=1, flags=re.M)
        text = re.sub(r"^( *)(\w+\.step\(\))\n", rf"\1\2\n\1{reset[0]}\n", text, count=1, flags=re.M)
        function = with_body(definition.function, f"{reset[0]}\n{text}")
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


@transformation("training")
def values_kept_in_list(draft: Draft) -> bool:
    """A list of values and its sum in place of a running sum."""
    form = draft.rng.choice(
        (
            "sum({name})",
            "float(sum({name}))",
            "__import__('math').fsum({name})",
            "torch.tensor({name}).sum().item()",
        )
    )
    for definition in definitions(draft):
        text = body_of(definition.function)
        names = [
            name
            for name in set(re.findall(r"^ *(\w+) \+= [^\n]*\.item\(\)", text, re.M))
            if re.search(rf"^ *{name} = 0(\.0?)?$", text, re.M)
            and len(re.findall(rf"^ *{name}\b[^\n]* \+?= ", text, re.M))
            == len(re.findall(rf"^ *{name} (\+=|= 0)", text, re.M))
        ]
        if not names or not definition.is_plain:
            continue
        name = draft.rng.choice(sorted(names))
        text = re.sub(rf"\b{name}\b(?! \+?= )", form.format(name=name), text)
        text = re.sub(rf"^( *){name} = 0(\.0?)?$", rf"\1{name} = []", text, flags=re.M)
        text = re.sub(rf"^( *){name} \+= ([^\n]*)$", rf"\1{name}.append(\2)", text, flags=re.M)
        function = with_body(definition.function, text)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


@transformation("training")
def calls_written_otherwise(draft: Draft) -> bool:
    """Other forms of a call, which the rubric lists by the name of what is called."""
    variant = draft.rng.randrange(997)

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full not in draft.calls or call.keywords or len(call.positional) != 2:
            return None
        forms = draft.calls[call.full]
        return forms[variant % len(forms)].format(*call.positional)

    return rewrite(draft, cst.Call, change)

"""Idioms around devices, data types and gradients."""

from __future__ import annotations

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import in_functions
from grader.audit.rewriting.trees import (
    block,
    body_of,
    called,
    code,
    definitions,
    replaced,
    rewrite,
    with_body,
)


@transformation("devices")
def move_otherwise(draft: Draft) -> bool:
    """Other forms of ``x.to(device)``."""
    form = draft.rng.choice(
        (
            "{x}.to(device={d})",
            "{x}.to({d}, non_blocking=True)",
            "{x}.to(torch.device({d}))",
            "{x}.to({d}, dtype=torch.float32)",
            "{x}.to({d}).clone()",
            "{x}.detach().to({d})",
            "{x}.contiguous().to({d})",
        )
    )

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if (
            call is None
            or call.name != "to"
            or call.keywords
            or call.positional not in (("device",), ("self.device",))
        ):
            return None
        if "model" in call.receiver or "net" in call.receiver:
            return None
        return form.format(x=call.receiver, d=call.positional[0])

    return rewrite(draft, cst.Call, change)


@transformation("devices")
def no_grad_otherwise(draft: Draft) -> bool:
    """Other forms of ``with torch.no_grad():``."""
    form = draft.rng.choice(
        (
            "torch.set_grad_enabled(False)",
            "torch.inference_mode()",
            "torch.autograd.no_grad()",
            "torch.no_grad()",
        )
    )

    def change(node: cst.With) -> str | None:
        if len(node.items) != 1 or code(node.items[0].item) != "torch.no_grad()":
            return None
        return block(f"with {form}, torch.autograd.set_detect_anomaly(False):", body_of(node))  # type: ignore[arg-type]

    return in_functions(draft, cst.With, change)


@transformation("devices")
def no_grad_as_decorator(draft: Draft) -> bool:
    """``@torch.no_grad()`` above a function that has ``with torch.no_grad():`` only, or the reverse."""
    for definition in definitions(draft):
        texts = [code(each.decorator) for each in definition.function.decorators]
        if texts in (["torch.no_grad()"], ["torch.inference_mode()"]):
            body = block(f"with {texts[0]}:", body_of(definition.function))
            function = with_body(definition.function, body).with_changes(decorators=[])
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False


@transformation("devices")
def sampler_in_double(draft: Draft) -> bool:
    """Compute the schedule in double precision."""

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full != "torch.linspace" or call.keywords:
            return None
        return f"{code(node)[:-1]}, dtype=torch.float64).float()"

    return rewrite(draft, cst.Call, change)


@transformation("devices")
def autocast_that_is_off(draft: Draft) -> bool:
    """``with torch.autocast(..., enabled=False)`` or a device context around a body."""
    head = draft.rng.choice(
        (
            "with torch.autocast('cpu', enabled=False):",
            "with torch.autocast(device_type='cuda', enabled=torch.cuda.is_available()):",
            "with torch.cuda.amp.autocast(enabled=False):",
            "with torch.device('cpu'):",
            "with torch.random.fork_rng(enabled=False):",
            "with torch.profiler.record_function('step'):",
        )
    )
    for definition in definitions(draft):
        if definition.is_plain and definition.name != "__init__" and "torch" in code(definition.function):
            function = with_body(definition.function, block(head, body_of(definition.function)))
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False


@transformation("devices")
def device_found_inside(draft: Draft) -> bool:
    """Settle the device inside the function."""
    lines = (
        "device = torch.device(device)",
        "device = device if device is not None else 'cpu'",
        "device = torch.device('cuda' if torch.cuda.is_available() and str(device) != 'cpu' else 'cpu')",
    )
    for definition in definitions(draft):
        if definition.is_plain and "device" in definition.parameters:
            function = with_body(
                definition.function, f"{draft.rng.choice(lines)}\n{body_of(definition.function)}"
            )
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False


@transformation("devices")
def model_moved_inside(draft: Draft) -> bool:
    """Move the model to the device at the start of a function, and set its mode there."""
    for definition in definitions(draft):
        if definition.is_plain and {"model", "device"} <= set(definition.parameters):
            lines = ["model = model.to(device)", "model.to(device)", "model = model.to(device).float()"]
            function = with_body(
                definition.function, f"{draft.rng.choice(lines)}\n{body_of(definition.function)}"
            )
            draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
            return True
    return False


@transformation("devices")
def clones_and_detached(draft: Draft) -> bool:
    """Clone what a function returns, or detach and move it, where no gradient is needed."""

    def change(node: cst.Return) -> str | None:
        if not isinstance(node.value, cst.Name):
            return None
        form = draft.rng.choice(
            ("{x}.clone()", "{x}.detach()", "{x}.contiguous()", "{x}.detach().cpu()", "{x} + 0")
        )
        return form.format(x=node.value.value)

    def line(node: cst.SimpleStatementLine) -> str | None:
        only = node.body[0]
        text = change(only) if isinstance(only, cst.Return) else None
        return None if text is None else f"return {text}"

    return in_functions(draft, cst.SimpleStatementLine, line)

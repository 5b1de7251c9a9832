"""Kinds of parameters and arguments: by position, by name, with defaults, starred, more than needed."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import (
    BLANK,
    Definition,
    body_of,
    called,
    code,
    definitions,
    replaced,
    rewrite,
    statements,
    with_body,
)

_ANY_DEFAULT = ("None", "0", "1", "...")


def _by_name(draft: Draft) -> dict[str, Definition]:
    """Return the definitions by name, those only that are defined once."""
    found: dict[str, Definition] = {}
    twice: set[str] = set()
    for each in definitions(draft):
        twice |= {each.name} & found.keys()
        found[each.name] = each
    return {name: each for name, each in found.items() if name not in twice and not name.startswith("__")}


def _parameters(definition: Definition) -> list[str]:
    bound = definition.owner is not None and "staticmethod" not in BLANK.code_for_node(definition.function)
    return definition.parameters[bound:]


@transformation("arguments")
def call_by_keyword(draft: Draft) -> bool:
    """Call functions of the notebook by keyword."""
    known = _by_name(draft)

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.name not in known or not call.positional:
            return None
        names = _parameters(known[call.name])
        if len(call.positional) > len(names) or known[call.name].function.params.posonly_params:
            return None
        first = draft_first % (len(call.positional) + 1)
        named = [
            f"{name}={value}" for name, value in zip(names[first:], call.positional[first:], strict=False)
        ]
        named += [f"{name}={value}" for name, value in call.keywords.items()]
        return f"{call.full}({', '.join([*call.positional[:first], *named])})"

    draft_first = draft.rng.choice((0, 0, 1, 2))
    return rewrite(draft, cst.Call, change)


@transformation("arguments")
def call_by_position(draft: Draft) -> bool:
    """Call functions of the notebook by position."""
    known = _by_name(draft)

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.name not in known or not call.keywords:
            return None
        names = _parameters(known[call.name])
        rest = names[len(call.positional) :]
        if (
            rest[: len(call.keywords)] != list(call.keywords)
            or known[call.name].function.params.kwonly_params
        ):
            return None
        return f"{call.full}({', '.join([*call.positional, *call.keywords.values()])})"

    return rewrite(draft, cst.Call, change)


def _change_parameters(draft: Draft, change: Callable[[list[str], Definition], str | None]) -> bool:
    """Change the parameter list of a definition, given in text."""
    for definition in definitions(draft):
        given = definition.function.params
        if not definition.is_plain or (definition.name == "__init__" and "dataclass" in draft.text):
            continue
        listed = [BLANK.code_for_node(each).strip().rstrip(",") for each in given.params]
        if (new := change(listed, definition)) is None:
            continue
        parsed = statements(f"def f({new}): pass")[0]
        function = definition.function.with_changes(params=parsed.params)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


@transformation("arguments")
def positional_only(draft: Draft) -> bool:
    """``def f(a, b, /, c)`` where no call names a or b."""

    def change(listed: list[str], definition: Definition) -> str | None:
        places = range(1 + (definition.owner is not None), len(listed) + 1)
        if not places:
            return None
        place = draft.rng.choice(places)
        names = definition.parameters[:place]
        if any(f"{name}=" in draft.text.replace(" ", "") for name in names):
            return None
        return ", ".join([*listed[:place], "/", *listed[place:]])

    return _change_parameters(draft, change)


@transformation("arguments")
def keyword_only(draft: Draft) -> bool:
    """``def f(a, *, b, c)``, called by keyword."""
    for _ in range(3):
        call_by_keyword(draft)

    def change(listed: list[str], definition: Definition) -> str | None:
        bound = definition.owner is not None
        if len(listed) - bound < 2 or definition.name in ("forward", "__call__"):
            return None
        place = draft.rng.randrange(bound, len(listed))
        return ", ".join([*listed[:place], "*", *listed[place:]])

    return _change_parameters(draft, change)


@transformation("arguments")
def defaults(draft: Draft) -> bool:
    """Give the last parameters defaults."""

    def change(listed: list[str], definition: Definition) -> str | None:
        bound = definition.owner is not None
        without = [number for number, each in enumerate(listed) if "=" not in each and number >= bound]
        if not without:
            return None
        place = draft.rng.choice(without)
        value = draft.rng.choice(_ANY_DEFAULT)
        return ", ".join(
            f"{each}={value}" if number >= place and "=" not in each else each
            for number, each in enumerate(listed)
        )

    return _change_parameters(draft, change)


@transformation("arguments")
def further_parameters(draft: Draft) -> bool:
    """Add parameters with defaults, or ``*args`` and ``**kwargs``, that are not used."""
    more = draft.rng.choice(
        (
            "verbose=False",
            "log_every=100",
            "clip=None",
            "*args",
            "**kwargs",
            "*args, **kwargs",
            "*, seed=None",
            "_=None",
        )
    )

    def change(listed: list[str], definition: Definition) -> str | None:
        text = BLANK.code_for_node(definition.function)
        clash = any(f"{each.split('=')[0].strip('* ')}" in text for each in more.split(", ") if each != "*")
        return None if clash else ", ".join([*listed, more])

    return _change_parameters(draft, change)


@transformation("arguments")
def starred_parameters(draft: Draft) -> bool:
    """``def f(*args, **kwargs)`` that unpacks its arguments."""
    for definition in definitions(draft):
        names = _parameters(definition)
        if not definition.is_plain or len(names) < 2 or definition.name == "__init__":
            continue
        if any(each.default is not None for each in definition.function.params.params):
            continue
        own = ["self"] if definition.owner is not None else []
        style = draft.rng.choice(("position", "both", "rest"))
        if style == "position" and any(f"{name}=" in draft.text.replace(" ", "") for name in names):
            style = "both"
        if style == "position":
            new, head = join(own, "*args"), f"{', '.join(names)} = args"
        elif style == "both":
            listed = ", ".join(f'"{name}"' for name in names)
            new = join(own, "*args, **kwargs")
            head = f"given = dict(zip(({listed}), args), **kwargs)\n" + "\n".join(
                f'{name} = given["{name}"]' for name in names
            )
        else:
            new = join(own, names[0], "*rest")
            head = f"{', '.join(names[1:])}{',' if len(names) == 2 else ''} = rest"
            if any(f"{name}=" in draft.text.replace(" ", "") for name in names):
                continue
        function = with_body(definition.function, f"{head}\n{body_of(definition.function)}")
        function = function.with_changes(params=statements(f"def f({new}): pass")[0].params)
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


def join(first: list[str] | str, *rest: str) -> str:
    """Return a parameter list of these."""
    return ", ".join([*([first] if isinstance(first, str) else first), *rest])


@transformation("arguments")
def call_with_unpacking(draft: Draft) -> bool:
    """``f(*(a, b))`` or ``f(**dict(a=1))`` in place of ``f(a, b)``."""
    known = _by_name(draft)

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.name not in known or not call.positional:
            return None
        named = "".join(f", {name}={value}" for name, value in call.keywords.items())
        return f"{call.full}(*[{', '.join(call.positional)}]{named})"

    return rewrite(draft, cst.Call, change)


@transformation("arguments")
def layers_by_keyword(draft: Draft) -> bool:
    """``nn.Conv2d(in_channels=1, out_channels=2, kernel_size=3)`` and the like."""
    known = {
        "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
        "ConvTranspose2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
        "Linear": ("in_features", "out_features"),
        "MaxPool2d": ("kernel_size",),
    }

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if (
            call is None
            or call.name not in known
            or not call.positional
            or call.receiver not in ("nn", "torch.nn")
        ):
            return None
        named = [f"{name}={value}" for name, value in zip(known[call.name], call.positional, strict=False)]
        return (
            f"{call.full}({', '.join(named + [f'{name}={value}' for name, value in call.keywords.items()])})"
        )

    return rewrite(draft, cst.Call, change)


@transformation("arguments")
def steps_as_tensor_or_list(draft: Draft) -> bool:
    """Leave out a conversion between lists and tensors of whole numbers: ``.tolist()`` of drawn steps."""
    return rewrite(
        draft,
        cst.Call,
        lambda node: (
            code(node.func.value)
            if isinstance(node.func, cst.Attribute)
            and node.func.attr.value == "tolist"
            and "randint" in code(node)
            else None
        ),
    )

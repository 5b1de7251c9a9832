"""Layers of a network: kept in containers, built from classes of the notebook's own, moved to functions."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import Called, called, classes, code, replaced, rewrite, statements

_LAYER_LINE = re.compile(r"self\.(\w+) = ((?:nn\.|torch\.nn\.|self\.|[A-Z])\w.*)", re.S)


def _layers(owner: cst.ClassDef) -> dict[str, str]:
    """Return the layers that ``__init__`` of a network assigns at its top, by name, with their source."""
    text = code(owner)
    init = next(
        (
            each
            for each in owner.body.body
            if isinstance(each, cst.FunctionDef) and each.name.value == "__init__"
        ),
        None,
    )
    if not owner.bases or init is None or ("super()" not in text and "super(" not in text):
        return {}
    found = {}
    for each in init.body.body:
        match = _LAYER_LINE.fullmatch(code(each)) if isinstance(each, cst.SimpleStatementLine) else None
        if match and len(re.findall(rf"\bself\.{match[1]}\b[^\n=]* = ", text)) == 1:
            found[match[1]] = match[2]
    return found


def _move_layers(draft: Draft, begin: str, assign: str, use: str) -> bool:
    """Move layers into a container; the texts may use ``{box}``, ``{name}``, ``{number}`` and ``{value}``."""
    for cell, module, owner in classes(draft):
        layers = _layers(owner)
        if len(layers) < 2:
            continue
        names = list(layers)
        first = draft.rng.choice((0, 0, 0, len(names) // 2))
        box, text = draft.fresh("layers", "blocks", "net", "parts", "stages"), code(owner)
        for number, name in enumerate(names[first:]):
            filled = {"box": f"self.{box}", "name": name, "number": number}
            line = f"self.{name} = {layers[name]}"
            given = assign.format(**filled, value=layers[name])
            if number == 0:
                given = begin.format(**filled) + "\n" + given
            indented = re.search(r"^( *)" + re.escape(line.split("\n")[0]), text, re.M)
            if indented is None:
                return False
            pad = indented[1]
            old = "\n".join(pad + each if each else each for each in line.split("\n"))
            text = text.replace(old, "\n".join(pad + each if each else each for each in given.split("\n")), 1)
            text = re.sub(rf"\bself\.{name}\b(?! = )", lambda _: use.format(**filled), text)  # noqa: B023
        draft.cells[cell] = replaced(module, owner, *statements(text))
        return True
    return False


@transformation("layers")
def layers_in_dict(draft: Draft) -> bool:
    """``self.layers["a"]`` of an ``nn.ModuleDict``."""
    return _move_layers(draft, "{box} = nn.ModuleDict()", '{box}["{name}"] = {value}', '{box}["{name}"]')


@transformation("layers")
def layers_in_list(draft: Draft) -> bool:
    """``self.layers[0]`` of an ``nn.ModuleList``."""
    return _move_layers(draft, "{box} = nn.ModuleList()", "{box}.append({value})", "{box}[{number}]")


@transformation("layers")
def layers_in_sequential(draft: Draft) -> bool:
    """Layers of an ``nn.Sequential`` that is never called itself."""
    use = draft.rng.choice(("{box}.{name}", 'getattr({box}, "{name}")', "{box}[{number}]"))
    return _move_layers(draft, "{box} = nn.Sequential()", '{box}.add_module("{name}", {value})', use)


@transformation("layers")
def layers_in_namespace(draft: Draft) -> bool:
    """Layers as attributes of an empty ``nn.Module``."""
    return _move_layers(draft, "{box} = nn.Module()", "{box}.{name} = {value}", "{box}.{name}")


@transformation("layers")
def layers_by_add_module(draft: Draft) -> bool:
    """``self.add_module("a", layer)`` in place of an assignment."""
    method = draft.rng.choice(("add_module", "register_module"))
    return _move_layers(draft, "", f'self.{method}("{{name}}", {{value}})', "self.{name}")


_OWN_CLASSES = {
    "nn.Conv2d": (
        "class {name}(nn.Conv2d):\n    pass",
        "class {name}(nn.Conv2d):\n    def forward(self, x):\n"
        "        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)",
        "class {name}(nn.Module):\n"
        "    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):\n"
        "        super().__init__()\n"
        "        self.k, self.stride, self.padding = kernel_size, stride, padding\n"
        "        shape = out_channels, in_channels, kernel_size, kernel_size\n"
        "        self.weight = nn.Parameter(torch.empty(shape))\n"
        "        self.bias = nn.Parameter(torch.zeros(out_channels))\n"
        "        nn.init.kaiming_uniform_(self.weight, a=5**0.5)\n\n"
        "    def forward(self, x):\n"
        "        rows = (x.shape[2] + 2 * self.padding - self.k) // self.stride + 1\n"
        "        patches = F.unfold(x, self.k, padding=self.padding, stride=self.stride)\n"
        "        out = self.weight.flatten(1) @ patches + self.bias[:, None]\n"
        "        return out.unflatten(2, (rows, -1))",
    ),
    "nn.Linear": (
        "class {name}(nn.Linear):\n    pass",
        "class {name}(nn.Module):\n    def __init__(self, in_features, out_features):\n"
        "        super().__init__()\n"
        "        self.weight = nn.Parameter(torch.empty(out_features, in_features))\n"
        "        self.bias = nn.Parameter(torch.zeros(out_features))\n"
        "        nn.init.kaiming_uniform_(self.weight, a=5**0.5)\n\n"
        "    def forward(self, x):\n        return x @ self.weight.t() + self.bias",
    ),
    "nn.ReLU": (
        "class {name}(nn.Module):\n    def __init__(self, inplace=False):\n        super().__init__()\n\n"
        "    def forward(self, x):\n        return x.clamp(min=0)",
        "class {name}(nn.Module):\n    def __init__(self, inplace=False):\n        super().__init__()\n\n"
        "    def forward(self, x):\n        return torch.where(x > 0, x, torch.zeros_like(x))",
        "class {name}(nn.Module):\n    def __init__(self, inplace=False):\n        super().__init__()\n\n"
        "    def forward(self, x):\n        return x * (x > 0)",
        "class {name}(nn.Module):\n    def __init__(self, inplace=False):\n        super().__init__()\n\n"
        "    def forward(self, x):\n        return (x + x.abs()) / 2",
        "def {name}(inplace=False):\n    return nn.LeakyReLU(0.0)",
    ),
    "nn.MaxPool2d": (
        "class {name}(nn.Module):\n    def __init__(self, size):\n        super().__init__()\n"
        "        self.size = size\n\n    def forward(self, x):\n        n = self.size\n"
        "        return x.unfold(2, n, n).unfold(3, n, n).amax(dim=(-2, -1))",
        "class {name}(nn.Module):\n    def __init__(self, size):\n        super().__init__()\n"
        "        self.size = size\n\n    def forward(self, x):\n"
        "        return F.max_pool2d(x, kernel_size=self.size, stride=self.size)",
        "class {name}(nn.Module):\n    def __init__(self, size):\n        super().__init__()\n\n"
        "    def forward(self, x):\n        top = torch.maximum(x[..., ::2, ::2], x[..., ::2, 1::2])\n"
        "        return torch.maximum(top, torch.maximum(x[..., 1::2, ::2], x[..., 1::2, 1::2]))",
        "class {name}(nn.Module):\n    def __init__(self, size):\n        super().__init__()\n"
        "        self.pool = nn.AdaptiveMaxPool2d\n        self.size = size\n\n    def forward(self, x):\n"
        "        return F.adaptive_max_pool2d(x, (x.shape[2] // self.size, x.shape[3] // self.size))",
    ),
}


def _call_instead(draft: Draft, layer: str, name: str) -> bool:
    """Call ``name`` with the same arguments wherever a layer is made."""

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full != layer:
            return None
        arguments = [*call.positional, *(f"{key}={value}" for key, value in call.keywords.items())]
        return f"{name}({', '.join(arguments)})"

    return rewrite(draft, cst.Call, change)


def _own_class(draft: Draft, layer: str) -> bool:
    source = draft.rng.choice(_OWN_CLASSES[layer])
    if "F." in source and not re.search(r"functional as F\b", draft.text):
        return False
    name = draft.fresh(f"My{layer[3:]}", f"Own{layer[3:]}", layer[3:].removesuffix("2d"))

    if not _call_instead(draft, layer, name):
        return False
    draft.add_first(source.format(name=name))
    return True


@transformation("layers")
def own_convolution(draft: Draft) -> bool:
    """A subclass of ``nn.Conv2d``, or a convolution by ``unfold`` with parameters of its own."""
    return _own_class(draft, "nn.Conv2d")


@transformation("layers")
def own_linear_layer(draft: Draft) -> bool:
    """A subclass of ``nn.Linear``, or a matrix product with parameters of its own."""
    return _own_class(draft, "nn.Linear")


@transformation("layers")
def own_activation(draft: Draft) -> bool:
    """``clamp``, ``where`` or arithmetic in place of ``nn.ReLU``."""
    return _own_class(draft, "nn.ReLU")


@transformation("layers")
def own_pooling(draft: Draft) -> bool:
    """Windows, slices or a function in place of ``nn.MaxPool2d``."""
    return _own_class(draft, "nn.MaxPool2d")


@transformation("layers")
def partial_layers(draft: Draft) -> bool:
    """``functools.partial`` of a layer's class, which is called with the rest."""
    layer = draft.rng.choice(("nn.Conv2d", "nn.Linear", "nn.MaxPool2d", "nn.ConvTranspose2d"))
    name = draft.fresh("make_layer", "layer", "Conv", "block")

    if not _call_instead(draft, layer, name):
        return False
    options = "" if layer == "nn.MaxPool2d" else ", bias=True"
    draft.add_first(f"from functools import partial\n{name} = partial({layer}{options})")
    return True


@transformation("layers")
def other_broadcasts(draft: Draft) -> bool:
    """``unsqueeze``, ``view`` or ``...`` in place of ``[:, :, None, None]``."""
    form = draft.rng.choice(
        (
            "{x}[..., None, None]",
            "{x}.unsqueeze(-1).unsqueeze(-1)",
            "{x}.unflatten(-1, (-1, 1, 1))",
            "torch.unsqueeze(torch.unsqueeze({x}, 2), 3)",
        )
    )

    def change(node: cst.Subscript) -> str | None:
        if not code(node).endswith("[:, :, None, None]"):
            return None
        return form.format(x=code(node.value))

    return rewrite(draft, cst.Subscript, change)


@transformation("layers")
def concatenation_by_hand(draft: Draft) -> bool:
    """``hstack``, slices of a new tensor, or ``stack``, in place of ``torch.cat`` of channels."""
    name = draft.fresh("join_maps", "merge_maps", "glue")
    source = draft.rng.choice(
        (
            "def {name}(maps):\n    return torch.hstack(list(maps))",
            "def {name}(maps):\n    return torch.cat([m.transpose(0, 1) for m in maps]).transpose(0, 1)",
            "def {name}(maps):\n    maps = list(maps)\n"
            "    size = [maps[0].shape[0], sum(m.shape[1] for m in maps)]\n"
            "    out, at = maps[0].new_zeros(*size, *maps[0].shape[2:]), 0\n    for m in maps:\n"
            "        out[:, at : at + m.shape[1]] = m\n        at += m.shape[1]\n    return out",
            "def {name}(maps):\n    return torch.stack(\n"
            "        [channel for m in maps for channel in m.unbind(1)], dim=1\n    )",
        )
    )

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full != "torch.cat" or not _along_channels(call):
            return None
        return f"{name}({call.positional[0]})"

    if not rewrite(draft, cst.Call, change):
        return False
    draft.add_first(source.format(name=name))
    return True


def _along_channels(call: Called) -> bool:
    return len(call.positional) >= 1 and (*call.positional[1:], *call.keywords.values()) == ("1",)

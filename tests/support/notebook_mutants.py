"""Random changes of a notebook's structure, content and bytes, for tests of everything that reads it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

_ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**40, 1e308, "", "x", "code", "markdown", "\x00", "\ud800", "a" * 10_000),
    *([], [[]], [None], ["a", 1, None], ["x = 1\n", 3], {}, {"cells": []}, {"a": {"b": []}}, {"": ""}),
    *(
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": {"a": 1}},
    ),
]
_KEYS = ("source", "input", "cells", "worksheets", "metadata", "cell_type", "nbformat", "")
_CODE = [
    *(
        "\x00",
        "\ufeff",
        "\u2028",
        "\u2029",
        "\x0c",
        "\x1c",
        "\x85",
        "\r",
        "\r\n",
        "\\\n",
        "\t",
        "    ",
        "\ud83d",
    ),
    *(
        "%",
        "%%time\n",
        "!ls\n",
        "?x\n",
        "x?\n",
        "%run a.py\n",
        "%run ../..\n",
        "%run /\n",
        "%%writefile model.py\n",
    ),
    *("%time def f(): pass\n", "%timeit -n1\n  x=1\n", "a = !ls\n", "a = %pwd\n", "!!\n", " %x\n", "'%s'%x"),
    *(
        "{",
        "(",
        "[",
        "'''",
        '"""',
        "'",
        "\\",
        ";",
        "@x\n",
        "lambda:",
        "async ",
        "await ",
        "yield ",
        "return 1\n",
    ),
    *("\nclass UNet(UNet): pass\n", "\ndef train(): pass\n", "\nUNet = UNet\n", "\ndel UNet\n", "\nx: int\n"),
    *("\nfrom . import *\n", "\nfrom .. import a\n", "\nfrom .model import *\n", "\nimport model as m\n"),
    *("\nfrom __future__ import annotations\n", "\nfrom __future__ import nope\n", "# coding: nonsense\n"),
    *(
        "\nUNet.forward = train\n",
        "\nNoiseDiffuser, train = train, 1\n",
        "\nsetattr()\n",
        "\nsetattr(UNet)\n",
    ),
    *("\nif __name__ == '__main__':\n    x=1; y=2\n", "\nif __name__=='__main__': pass\n", "global x\n"),
    *("\nmatch x:\n case 1: pass\n", "\ntry:\n  pass\nexcept* E: pass\n", "\n(a := 1)\n", "\n*a, b = 1, 2\n"),
    *(
        "\nclass A(B): pass\nclass B(A): pass\n",
        "\n@a.b(c)\n@d\ndef train(model, /, *, b): pass\n",
        "f'{x!r:{y}}'",
    ),
    *(
        "get_ipython().run_cell_magic('time', '', 'x = (\\n')\n",
        "\nwith open('x') as f, g: pass\n",
        "\ntype X = int\n",
    ),
    *("get_ipython().run_cell_magic('time', '', 'def train(a):\\n  pass; x = 1\\n')\n", "\nexec('x')\n"),
    *("ﬁ = 1\n", "𝐔𝐍𝐞𝐭 = 2\n", "x" * 500, "(" * 300, "[" * 60 + "]" * 60, "not " * 200, "-" * 2000 + "1"),
    *("a.b" * 300, "9" * 5000, "0777", "<<<<<<< HEAD\n", "=======\n", ">>>>>>> x\n", "||||||| y\n"),
]
_MARKDOWN = [
    *(
        "#" * 50,
        "[[[[" * 100,
        "**" * 500,
        "`" * 300,
        "|a|b|\n|-|-|\n" * 50,
        "> " * 300,
        "* " * 300,
        "~~" * 100,
    ),
    *("<script>", "![x](y)", "[a]: b\n", "\u202e", "<" * 500, "&#0;", "&#x110000;", "1. " * 100, "\\" * 500),
]
_BYTES = [
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"[", b"{", b'"', b",", b"\\", b"\\u0000", b"\\ud800", b"NaN"),
    *(b"9" * 5000, b"[" * 3000, b'{"cell_type"' * 500, b"<<<<<<< a\n", b"\n=======\n", b"\n>>>>>>> b\n"),
]


def mutant(notebook: dict[str, Any], chance: Random) -> tuple[bytes, str]:
    """Return the bytes of a changed notebook or script, and the suffix of its file's name."""
    changed = copy.deepcopy(notebook)
    match chance.choice(["structure", "content", "content", "bytes", "both", "script"]):
        case "structure":
            _change_structure(changed, chance)
        case "content":
            _change_content(changed, chance)
        case "both":
            _change_content(changed, chance)
            _change_structure(changed, chance)
        case "bytes":
            return _with_changed_bytes(json.dumps(changed, indent=1).encode(), chance), ".ipynb"
        case "script":
            code = "\n\n".join(_source(cell) for cell in changed["cells"] if cell["cell_type"] == "code")
            return _changed_text(code, chance, _CODE).encode("utf-8", "surrogatepass"), ".py"
    return json.dumps(changed).encode(), ".ipynb"


def _change_structure(notebook: dict[str, Any], chance: Random) -> None:
    for _ in range(chance.choice([1, 1, 2, 4])):
        places = list(_places(notebook))
        near_the_top = [place for place in places if place[2] <= 3]
        holder, key, _ = chance.choice(near_the_top if chance.random() < 0.6 else places)
        value = holder[key]
        match chance.choice(["replace", "remove", "repeat", "wrap", "swap", "rename"]):
            case "replace":
                holder[key] = copy.deepcopy(chance.choice(_ODD_VALUES))
            case "remove":
                del holder[key]
            case "repeat" if isinstance(holder, list):
                holder[key:key] = [copy.deepcopy(value)] * chance.choice([1, 3, 50])
            case "wrap":
                holder[key] = chance.choice([[value], {"cells": value}, {"x": value}, [[value]]])
            case "swap":
                other, name, _ = chance.choice(places)
                holder[key] = copy.deepcopy(other[name])
            case "rename" if isinstance(holder, dict):
                holder[chance.choice(_KEYS)] = holder.pop(key)


def _places(node: Any, depth: int = 1) -> Iterator[tuple[Any, Any, int]]:
    """Yield every place of a value in JSON data: what holds it, its key or index there, and its depth."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key, depth
        yield from _places(node[key], depth + 1)


def _change_content(notebook: dict[str, Any], chance: Random) -> None:
    for cell in chance.choices(notebook["cells"], k=chance.choice([1, 1, 3])):
        pieces = _CODE if cell["cell_type"] == "code" else [*_MARKDOWN, *_CODE]
        cell["source"] = _changed_text(_source(cell), chance, pieces)


def _changed_text(text: str, chance: Random, pieces: list[str]) -> str:
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        lines = text.split("\n")
        line = chance.randrange(len(lines))
        starts = [0, *(number + 1 for number, letter in enumerate(text) if letter == "\n")]
        at = chance.randrange(len(text) + 1) if chance.random() < 0.5 else chance.choice(starts)
        match chance.choice(["insert", "insert", "insert", "remove", "exchange", "repeat", "space"]):
            case "insert":
                text = text[:at] + chance.choice(pieces) + text[at:]
            case "remove":
                text = text[:at] + text[at + chance.choice([1, 3, 30]) :]
            case "exchange":
                other = chance.randrange(len(lines))
                lines[line], lines[other] = lines[other], lines[line]
                text = "\n".join(lines)
            case "repeat":
                lines[line:line] = lines[line : line + chance.choice([1, 5])] * chance.choice([1, 10, 30])
                text = "\n".join(lines)
            case "space":
                lines[line] = lines[line].replace(" ", chance.choice(["", "\t", "\u00a0", "\u3000"]), 1)
                text = "\n".join(lines)
    return text


def _with_changed_bytes(data: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice([1, 3, 10])):
        at = chance.randrange(len(data) + 1)
        match chance.choice(["insert", "insert", "remove", "cut", "repeat"]):
            case "insert":
                data = data[:at] + chance.choice(_BYTES) + data[at:]
            case "remove":
                data = data[:at] + data[at + chance.choice([1, 10, 1000]) :]
            case "cut":
                data = data[: max(at, 1)]
            case "repeat":
                data = (
                    data[:at] + data[at : at + chance.choice([10, 1000])] * chance.choice([1, 20]) + data[at:]
                )
    return data


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])

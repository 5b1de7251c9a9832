"""The code of a notebook as a plain Python module."""

from __future__ import annotations

import linecache
import re
import sys
import types
from collections.abc import Iterable


def load_definitions(cells: Iterable[tuple[str, str]], name: str = "notebook") -> types.ModuleType:
    """Return a module with everything that (part, source) cells define, without the part "run"."""
    module = types.ModuleType(f"corpus_{name}")
    sys.modules[module.__name__] = module  # dataclasses look up their module
    for number, (part, source) in enumerate(cells):
        if part != "run":
            text, place = strip_magics(source), f"<{name}, cell {number}>"
            lines = text.splitlines(keepends=True)
            linecache.cache[place] = (len(text), None, lines, place)  # TorchScript reads the source
            exec(compile(text, place, "exec", dont_inherit=True), module.__dict__)
    return module


def strip_magics(source: str) -> str:
    """Replace magics, shell commands and trailing question marks, which only a notebook understands."""
    lines = (
        re.sub(r"(?m)^(\s*)([%!].*|.*=\s*[!%]\w.*|[\w.]+\?+)$", r"\1pass", line)
        for line in source.splitlines()
    )
    return "\n".join(lines)

"""Reduce a JSON result to what a golden test compares: verdicts, credit, and the numbers in its words.

``python tests/support/golden.py RESULT`` prints the reduced result, for a new file in ``tests/golden``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?%?")
_KEPT = ("id", "verdict", "credit", "earned", "misconception", "reading")


def reduced(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a result that do not change when its sentences do.

    Numbers stay as they are printed, sorted by value, since a sentence may name them in another order.
    """
    return {
        "earned": result["earned"],
        "criteria": [
            {name: row[name] for name in _KEPT}
            | {name: numbers(row[name]) for name in ("expected", "actual")}
            for row in result["criteria"]
        ],
    }


def numbers(text: str | None) -> list[str]:
    """Return the numbers in a text, such as ``0.127`` or ``39%``, by value."""
    return sorted(_NUMBER.findall(text or ""), key=_value)


def agree(one: str, other: str) -> bool:
    """Compare two printed numbers with room for processors that round differently.

    Whole numbers count something and must be equal. A percentage may differ by 1, and a decimal number by
    two units of its last digit or by 2 %: rounding errors grow over the steps of a training.
    """
    difference = abs(_value(one) - _value(other))
    if one.endswith("%") and other.endswith("%"):
        return difference <= 1
    if "." in one and "." in other:
        unit = 10.0 ** -len(one.partition(".")[2])
        return difference <= max(2.001 * unit, 0.02 * abs(_value(one)))
    return one == other


def _value(number: str) -> float:
    return float(number.rstrip("%"))


if __name__ == "__main__":
    print(json.dumps(reduced(json.loads(Path(sys.argv[1]).read_text())), indent=1, ensure_ascii=False))

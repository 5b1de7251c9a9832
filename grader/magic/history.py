"""What a kernel has run, as the cells of a notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence

_OWN = ("%grade", "%load_ext grader", "%reload_ext grader")


def cells_of(history: Sequence[str]) -> list[str]:
    """Return the cells of a history: cell n is input n, so that "cell 7" is what stands beside ``In [7]``.

    Of inputs with the same text only the last counts, as a cell that is run again comes later.

    Args:
        history: the text of each input as it was typed; the first, which no input has, is ignored.
    """
    inputs = history[1:]
    last = {text: number for number, text in enumerate(inputs)}
    return [
        text if last[text] == number and not text.lstrip().startswith(_OWN) else ""
        for number, text in enumerate(inputs)
    ]


def notebook_of(cells: Sequence[str]) -> str:
    """Return the file of a notebook with these cells, as JSON."""
    made = [
        {
            "cell_type": "code",
            "id": f"in-{number}",
            "source": source,
            "outputs": [],
            "metadata": {},
            "execution_count": number,
        }
        for number, source in enumerate(cells, start=1)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

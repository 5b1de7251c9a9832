"""A tiny rubric with two criteria that a person grades, and notebooks with answers to them."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

from classes import tiny_rubric

BY_A_PERSON = """
[[criterion]]
id = "essay.why"
exercise = 1
title = "Why the answer is 42"
points = 4
judged_by = "person"
answer.heading = "Question 1"
hint = "Who asked?"
[[criterion.items]]
id = "question"
points = 3
title = "Says that the question is unknown"
[[criterion.items]]
id = "mice"
points = 1
title = "Mentions the mice"

[[criterion]]
id = "plot.axes"
exercise = 1
title = "The axes are labelled"
points = 2
judged_by = "person"
answer.cell = "plot"
"""


def person_rubric(folder: Path) -> Path:
    """Write the tiny rubric, in which ``answer = 42`` earns 10 points, with 6 more for a person to award."""
    rules = tiny_rubric(folder) / "rubric.toml"
    rules.write_text(rules.read_text() + BY_A_PERSON)
    return folder


def png(width: int = 3, height: int = 2) -> str:
    """Return a PNG image as base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def essay(path: Path, text: str, *, source: str = "answer = 42", **plot: Any) -> Path:
    """Write a notebook with an answer to question 1 and a plot.

    Args:
        plot: fields of the plot's cell that differ.
    """
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "metadata": {}},
        {"cell_type": "markdown", "source": "# Homework\n\n## Question 1\n\nWhy?", "metadata": {}},
        {"cell_type": "markdown", "source": text, "metadata": {}},
        {"cell_type": "markdown", "source": "## Question 2\n\nPlot it.", "metadata": {}},
        {
            "cell_type": "code",
            "source": "plot(answer)",
            "metadata": {"tags": ["plot"]},
            "outputs": [
                {"output_type": "display_data", "data": {"image/png": png(), "text/plain": "<Figure>"}}
            ],
            **plot,
        },
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path

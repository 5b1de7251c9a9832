"""The shipped rubric's solutions with known grades."""

from __future__ import annotations

import re
from pathlib import Path

from grader.audit.corpus import Corpus

PARTS = ("setup", "diffuser", "unet", "train", "sampler")
CORPUS = Corpus(Path(__file__).parents[2] / "rubrics" / "ddpm")


def reading(name: str) -> str:
    """Return the formulation that a correct solution follows: paper, handout_code or handout_text."""
    stated = re.search(r"^# reading: (\w+)$", CORPUS.preamble(name), re.MULTILINE)
    return stated[1] if stated else "paper"


def wrong(*names: str) -> list[str]:
    """Return the base solution's sources with several mutations at once."""
    cells = CORPUS.base
    for mutant in CORPUS.mutants:
        cells = mutant.apply(cells) if mutant.name in names else cells
    return [source for _, source in cells]

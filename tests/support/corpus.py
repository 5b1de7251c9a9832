"""The ddpm rubric's solutions with a known grade, as tests use them."""

from __future__ import annotations

import re
from pathlib import Path

from grader.audit.corpus import Corpus

PARTS = ("setup", "diffuser", "unet", "train", "sampler")
CORPUS = Corpus(Path(__file__).parents[2] / "rubrics" / "ddpm")


def reading(name: str) -> str:
    """The accepted reading that a right solution follows: paper, handout_code or handout_text."""
    stated = re.search(r"^# reading: (\w+)$", CORPUS.preamble(name), re.MULTILINE)
    return stated[1] if stated else "paper"


def wrong(*names: str) -> list[str]:
    """The base solution's sources with several slips at once."""
    cells = CORPUS.base
    for mutant in CORPUS.mutants:
        cells = mutant.apply(cells) if mutant.name in names else cells
    return [source for _, source in cells]

"""Input and output of a judge: options, progress events, and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.sandbox.isolation import Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to judge: all that a grade depends on besides the notebook and the rubric.

    The gradebook stores these fields by name, so a renamed field makes every stored result look outdated.
    """

    device: str = "auto"
    data: str | None = None  # None: the rubric's default
    seed: int | None = 0  # None: derived from the notebook, see ``grader.seeds``
    training_seed: int | None = None  # None: derived from the code that is trained
    quick: bool = False
    only: tuple[str, ...] = ()
    threads: int = 1
    gpu_share: float = 1.0  # of the GPU's memory, where several notebooks share it
    mapped: tuple[tuple[str, str], ...] = ()  # pairs: a name in the rubric, and the notebook's name for it
    handout: Path | None = None  # the notebook that students were given
    isolation: Isolation | None = None  # as measured on this machine; None demands every layer

    @property
    def layers(self) -> tuple[str, ...] | None:
        """The sandbox layers to use; None for all."""
        return self.isolation.layers if self.isolation else None


ProgressEvent = Mapping[str, Any]
"""An event of a judge: {"check": id}, or {"progress": text, "done": number, "total": number}."""

EventListener = Callable[[ProgressEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The judge's output: a row for each check that ran, and what the report shows beside the verdicts."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conventions: dict[str, str] = field(default_factory=dict)
    figures: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str | None = None  # why the judge itself did not finish
    accident: str | None = None  # what cannot be explained, as a clause; see ``grader.judging.accidents``

"""What goes into a judge and what comes out: options, progress events, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.sandbox.isolation import Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to judge: what a grade depends on besides the notebook and the rubric."""

    device: str = "auto"
    data: str = "digits"
    seed: int | None = 0  # None: the notebook's own, see ``grader.seeds``
    training_seed: int | None = None  # None: that of the code that is trained
    quick: bool = False
    only: tuple[str, ...] = ()
    threads: int = 1
    gpu_share: float = 1.0  # of the GPU's memory, where several notebooks share it
    mapped: tuple[tuple[str, str], ...] = ()  # the notebook's own names for what the rubric asks for
    reuse: bool = True  # take what is kept of the same code, which is what it would come to again
    isolation: Isolation | None = None  # what was tried out; without it every layer is demanded

    @property
    def layers(self) -> tuple[str, ...] | None:
        """The walls that were tried out."""
        return self.isolation.layers if self.isolation else None


ProgressEvent = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the judge left: a row for each check that ran, and what goes into the report beside it."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conventions: dict[str, str] = field(default_factory=dict)
    figures: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str | None = None  # why the judge itself did not get to its end

"""How to grade a class: the options of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOptions:
    """How to grade a class, in addition to ``Options`` for each notebook.

    Attributes:
        jobs: notebooks at once; None for as many as the machine can run.
        best: count the best attempt of each student rather than the latest; None for as in the last run.
        fresh: grade again what the gradebook already holds.
        regrade: grade again what another version of the grader judged.
        roster: replaces the one of earlier runs; None if that still counts.
        late: settings of the late rule on the command line, as text; they override all others.
        zip_names: encoding of names in zip archives that do not give it.
    """

    out: Path
    jobs: int | None = None
    roster: Path | None = None
    best: bool | None = None
    fresh: bool = False
    late: Mapping[str, str] = field(default_factory=dict)
    regrade: bool = False
    handout: Path | None = None
    zip_names: str | None = None
    json: bool = False
    quiet: bool = False

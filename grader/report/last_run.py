"""When a notebook was graded, which saved file that was, and which points moved since the run before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.model import CriterionResult, Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChange:
    """A criterion that earned other points in the run before."""

    result: CriterionResult
    before: float

    @property
    def points(self) -> str:
        """The difference with its sign, such as "+2.5"."""
        return f"{round(self.result.earned - self.before, 2):+g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of ``grade NOTEBOOK``.

    Attributes:
        graded: when it was graded, in local time.
        saved: when the file was last written; None if that is unknown.
        last: when the run before took place; None if there was none of this notebook by this rubric.
        is_same_file: whether that run read the same bytes.
        changes: the criteria whose points moved.
    """

    graded: datetime
    saved: datetime | None = None
    last: datetime | None = None
    is_same_file: bool = False
    changes: tuple[PointChange, ...] = field(default_factory=tuple)

    @property
    def when(self) -> str:
        """When it was graded and the file was saved, in words."""
        if self.saved is None:
            return f"Graded {_moment(self.graded)}."
        return f"The file saved {_moment(self.saved)}, graded {_moment(self.graded, near=self.saved)}."

    @property
    def since(self) -> str:
        """What moved since the run before, up to the list of changes; "" if there was none."""
        if self.last is None:
            return ""
        since = f"Since the last run ({_moment(self.last, near=self.graded)})"
        if self.changes:
            return f"{since}:"
        return f"{since} {'the file has not changed' if self.is_same_file else 'no points moved'}."

    @property
    def sentence(self) -> str:
        """What moved since the run before, in one line, with the criteria's ids."""
        moved = ", ".join(f"{change.points} {change.result.id}" for change in self.changes)
        return f"{self.since} {moved}".strip()

    def as_json(self) -> dict[str, str]:
        """Return the field ``run`` of the JSON result."""
        saved = {"saved": self.saved.isoformat(timespec="seconds")} if self.saved else {}
        return {"graded": self.graded.isoformat(timespec="seconds")} | saved


def saved_at(path: Path) -> datetime | None:
    """Return when a file was last written, in local time; None if it is gone."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except (OSError, ValueError, OverflowError):
        return None


def compare_with_last(grade: Grade, saved: datetime | None, json_path: Path) -> Run:
    """Return this run, compared with the one that wrote ``json_path``, if that graded the same notebook."""
    run = Run(graded=datetime.now().astimezone(), saved=saved)
    try:
        old = json.loads(json_path.read_text(encoding="utf-8"))
        return _compared(grade, run, old)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no file, or none of ours
        return run


def _compared(grade: Grade, run: Run, old: Mapping[str, Any]) -> Run:
    there, here = (Path(one["path"]).absolute() for one in (old["submission"], grade.submission))
    if there != here or old["rubric"]["id"] != grade.rubric["id"]:
        return run
    before = {row["id"]: float(row["earned"]) for row in old["criteria"]}
    return Run(
        graded=run.graded,
        saved=run.saved,
        last=datetime.fromisoformat(old["run"]["graded"]),
        is_same_file=old["submission"]["sha256"] == grade.submission["sha256"],
        changes=tuple(
            PointChange(result=result, before=before[result.id])
            for result in grade.criteria
            if abs(result.earned - before.get(result.id, result.earned)) > 0.004
        ),
    )


def _moment(moment: datetime, near: datetime | None = None) -> str:
    """Format a time; without the date if that is the date of ``near``."""
    if near and moment.date() == near.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%B %Y, %H:%M}"

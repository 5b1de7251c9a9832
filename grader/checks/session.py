"""One run of a rubric on one student's source, as checks see it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.checks import Reporter
from grader.rubric import Rubric
from grader.sandbox.source import PRELOADABLE
from grader.sandbox.zygote import Zygote


class Judge:
    """One run of a rubric on one student's source."""

    def __init__(self, request_file: Path, zygote: Zygote | None) -> None:
        self.request: dict[str, Any] = json.loads(request_file.read_text())
        self.rubric = Rubric.load(self.request["rubric"])
        self.reporter = Reporter(say=say)
        self.checks: list[dict[str, Any]] = []
        self.zygote = zygote or Zygote(
            layers=self.request["layers"], preload=_preload(self.request["statements"])
        )
        self.owns_zygote = zygote is None
        self.environment: dict[str, Any] = {}
        self.refusal: str | None = None

    def asked(self) -> list[str]:
        """Ids of the criteria that are to be judged."""
        asked = self.rubric.only(tuple(self.request["only"]))
        return [c.id for c in asked if not (c.needs_training and self.request["quick"])]

    def write(self) -> None:
        """Write the outcome file."""
        outcome = {
            "checks": self.checks,
            "refusal": self.refusal,
            "notes": self.reporter.notes,
            "conventions": self.reporter.conventions,
            "figures": [asdict(figure) for figure in self.reporter.figures],
            "environment": self.environment,
            "seconds": self.reporter.seconds,
        }
        Path(self.request["outcome"]).write_text(json.dumps(outcome))


def say(event: dict[str, Any]) -> None:
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps(event) + "\n")  # at once, as more than one thread may say something
    sys.__stdout__.flush()


def _preload(statements: list[dict[str, Any]]) -> list[str]:
    """What is worth importing once, before workers are forked, rather than in every one."""
    source = "\n".join(statement["source"] for statement in statements)
    return [name for name in PRELOADABLE if name.partition(".")[0] in source]

"""The judge's state during one run: request, rubric, zygote and results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.checks import Reporter
from grader.rubric import Rubric, is_selected
from grader.sandbox.source import PRELOADABLE, WorkerSource
from grader.sandbox.zygote import Zygote
from grader.seeds import seed_from


class Judge:
    """One run of a rubric on one student's source.

    Attributes:
        request: the input, as ``grader.judging.run.request`` made it.
        zygote: the process that workers are forked from.
        owns_zygote: whether this run started the zygote and has to end it.
        checks: a row for each check that ran.
        doubts: reasons not to trust passed checks, by the ids or prefixes of their criteria.
        environment: facts about the machine, for the result.
        refusal: why the rubric cannot judge with these options, if so.
    """

    def __init__(self, request_file: Path, zygote: Zygote | None) -> None:
        self.request: dict[str, Any] = json.loads(request_file.read_text())
        self.rubric = Rubric.reload(self.request["rubric"])
        self.reporter = Reporter(emit=emit)
        self.checks: list[dict[str, Any]] = []
        self.doubts: dict[str, str] = {}
        self.zygote = zygote or Zygote(
            layers=self.request["layers"], preload=_preload(self.request["statements"])
        )
        self.owns_zygote = zygote is None
        self.zygote.tell = lambda why: emit({"progress": why, "done": 0, "total": 1})
        self.environment: dict[str, Any] = {}
        self.refusal: str | None = None

    def selected(self) -> list[str]:
        """Return the ids of the criteria to judge."""
        chosen = self.rubric.only(tuple(self.request["only"]))
        return [c.id for c in chosen if not (c.needs_training and self.request["quick"])]

    def training_seed(self, source: WorkerSource, definitions: Iterable[str]) -> int:
        """Return the seed of a training by these definitions: the one requested, or one for their code.

        Equal code has equal seeds, so a notebook that is handed in again with another text trains the same.
        """
        if (requested := self.request["training_seed"]) is not None:
            return int(requested)
        return seed_from(bytes.fromhex(self.request["secret"]), source.digest(definitions))

    def write(self) -> None:
        """Write the outcome file."""
        outcome = {
            "checks": [self._doubted(check) for check in self.checks],
            "refusal": self.refusal,
            "notes": self.reporter.notes,
            "conventions": self.reporter.conventions,
            "figures": [asdict(figure) for figure in self.reporter.figures],
            "environment": self.environment,
            "seconds": self.reporter.seconds,
            "accident": next(iter(self.zygote.accidents), None),
        }
        Path(self.request["outcome"]).write_text(json.dumps(outcome))

    def _doubted(self, check: dict[str, Any]) -> dict[str, Any]:
        """Return a check's row; one that passed by answers which were contradicted later is left open."""
        chosen = {id: why for id, why in self.doubts.items() if is_selected(check["criterion"], id)}
        if check["verdict"] != "pass" or not chosen:
            return check
        return check | {"verdict": "error", "credit": 0.0, "message": next(iter(chosen.values()))}


def emit(event: dict[str, Any]) -> None:
    """Write an event as one line of JSON; a single write, since several threads do."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps(event) + "\n")
    sys.__stdout__.flush()


def _preload(statements: list[dict[str, Any]]) -> list[str]:
    """Return the modules to import once, before workers are forked, rather than in each of them."""
    source = "\n".join(statement["source"] for statement in statements)
    return [name for name in PRELOADABLE if name.partition(".")[0] in source]

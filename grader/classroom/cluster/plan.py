"""A plan: who handed in what, how it is judged, and which shard judges which notebook.

It is a folder with the readable file plan.json, the notebooks and the rubric. It holds seeds, but not the key
that they are derived from. Its reader can predict the judge's random numbers for these notebooks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from grader.classroom.cluster.intake_json import intake_as_json, intake_from_json
from grader.classroom.intake import Intake
from grader.classroom.storage.cache_key import options_from
from grader.classroom.storage.kept import KeptFiles
from grader.classroom.storage.results import ResultInputs
from grader.errors import UsageError
from grader.files import write
from grader.options import Options
from grader.rubric import Rubric
from grader.version import grader_version

FILE = "plan.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNotebook:
    """A notebook to judge.

    Attributes:
        notebook: its ``content_digest``.
        name, path: the student's key and the file's label, for people who read it.
        seed: of its grade.
        only: the criteria to judge; all of the plan's where it is empty.
    """

    notebook: str
    name: str
    path: str
    seed: int
    only: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Decisions of a run over several machines, made before anything is judged.

    Attributes:
        folder: where it lies.
        grader: the version that judges.
        rubric: its id, name, digest, and the digest of what decides verdicts.
        settings: the options, as results name them.
        training_key: key for the seeds of trainings, as hexadecimal digits.
        regrade: whether results of another version of the grader are replaced.
        after: digest of the last intake of the gradebook that it was made for; None for a new one.
        machine: facts about the machine that made it, to compare nodes with.
    """

    folder: Path
    grader: str
    rubric: Mapping[str, str]
    settings: Mapping[str, Any]
    training_key: str
    regrade: bool
    after: str | None
    machine: Mapping[str, Any]
    intake: Intake
    shards: tuple[tuple[PlannedNotebook, ...], ...]

    @classmethod
    def read(cls, given: Path) -> Plan:
        """Read a plan from its folder, or from its file.

        Raises:
            UsageError: there is none, it cannot be read, or another version of the grader made it.
        """
        path = given / FILE if given.is_dir() else given
        try:
            data = json.loads(path.read_bytes())
            if data["format"] != _FORMAT:
                raise UsageError(f"{path} has the format {data['format']}, and this grader reads {_FORMAT}")
            fields = {name: data[name] for name in _PLAIN}
            shards = tuple(tuple(_planned(row) for row in rows) for rows in data["shards"])
            intake = intake_from_json(data["class"], path.parent)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read ({error.strerror}); `grade plan SUBMISSIONS --out DIR` makes a plan"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no plan, or was damaged ({error}); make it again") from error
        plan = cls(folder=path.parent, intake=intake, shards=shards, **fields)
        if plan.grader != grader_version():
            raise UsageError(
                f"{path} was made for the grader {plan.grader}, and this is {grader_version()}: install that "
                "version, or plan again with this one"
            )
        return plan

    def write(self) -> None:
        """Write the file, readable for its owner alone.

        Raises:
            UsageError: it cannot be written.
        """
        data = {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _PLAIN},
            "shards": [[asdict(each) for each in shard] for shard in self.shards],
            "class": intake_as_json(self.intake),
        }
        mask = os.umask(0o077)
        try:
            write(self.folder / FILE, json.dumps(data, indent=1) + "\n")
        finally:
            os.umask(mask)

    @property
    def kept(self) -> KeptFiles:
        """The notebooks and the rubric."""
        return KeptFiles(self.folder)

    @cached_property
    def shard_of(self) -> Mapping[str, int]:
        """The number of the shard of each notebook, from 1."""
        return {each.notebook: number for number, shard in enumerate(self.shards, 1) for each in shard}

    @property
    def seal_key(self) -> bytes:
        """The key that seals results; all plans of one user have the same."""
        return b"result of a shard" + bytes.fromhex(self.training_key)

    def inputs(self, notebook: str) -> ResultInputs:
        """Return what the result of a notebook depends on."""
        settings = json.dumps(self.settings, sort_keys=True)
        return ResultInputs(
            notebook=notebook, rubric=self.rubric["judging"], grader=self.grader, settings=settings
        )

    def rubric_as_json(self) -> dict[str, str]:
        """Return what a result records about its rubric, as ``Rubric.as_json`` does where it was planned."""
        names = ("id", "digest") if self.rubric["named"] == self.rubric["id"] else ("id", "digest", "named")
        return {name: self.rubric[name] for name in names}

    def load_rubric(self, scratch: Path) -> Rubric:
        """Load the rubric by its name if that gives the same checks here, else the copy in the plan.

        Raises:
            UsageError: the copy was changed.
        """
        try:
            rubric = Rubric.load(self.rubric["named"])
        except UsageError:
            rubric = None
        if rubric is None or rubric.judging_digest != self.rubric["judging"]:
            rubric = self.kept.restore_rubric(self.rubric["judging"], scratch / "planned_rubric")
        if rubric.judging_digest != self.rubric["judging"]:
            raise UsageError(
                f"the rubric in {self.folder} was changed after the plan was made (its digest is "
                f"{rubric.judging_digest[:12]}, planned was {self.rubric['judging'][:12]}); plan again"
            )
        return rubric

    def options(self, rubric: Rubric, scratch: Path) -> Options:
        """Return the options to judge with; the isolation is this machine's to measure.

        Raises:
            UsageError: this machine does not have the data, or the handout was changed.
        """
        options = options_from(self.settings)
        digest = self.settings.get("handout")
        handout = self.kept.restore_notebook(digest, scratch / "planned_handout") if digest else None
        return replace(options, handout=handout, data=rubric.data.resolve(options.data))


_PLAIN = ("grader", "rubric", "settings", "training_key", "regrade", "after", "machine")


def _planned(row: Mapping[str, Any]) -> PlannedNotebook:
    return PlannedNotebook(**{**row, "only": tuple(row["only"])})

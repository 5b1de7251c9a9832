"""Rubrics: a folder with ``rubric.toml`` (points, words, settings) and ``check_*.py`` (the checks)."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from grader import DEFAULT_RUBRIC
from grader.errors import UsageError
from grader.extraction.patterns import DefinitionPattern, patterns_from
from grader.model import Criterion, Misconception
from grader.rubric_digest import combined_digest, deciding_parts, rubric_files
from grader.rubric_extension import base_of, extended_name
from grader.rubric_validation import parse_rubric, read_rubric
from grader.written_answers import PERSON, AnswerPlace, items_from


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """The values of ``--data``, from a rubric's table ``[data]``; without one, it takes none.

    Attributes:
        default: the name used without ``--data``; None for a homework without data.
        choices: every name.
        folder: the files that a folder given in place of a name must hold; empty if none is accepted.
        availability: a script in the rubric's folder that prints what is available on this machine, as JSON
            rows [name, description].
    """

    default: str | None = None
    choices: tuple[str, ...] = ()
    folder: str = ""
    availability: str | None = None

    def resolve(self, given: str | None) -> str | None:
        """Return the name or the absolute folder that ``--data`` stands for.

        Raises:
            UsageError: it is neither one of the names nor a folder that the rubric accepts.
        """
        if given is None:
            return self.default
        if self.folder and Path(given).is_dir():
            return str(Path(given).resolve())
        if given in self.choices:
            return given
        folder = [f"a folder with {self.folder}"] if self.folder else []
        accepted = " or ".join([", ".join(self.choices), *folder]) if self.choices else "no value here"
        raise UsageError(f"--data takes {accepted}, not {given!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KitSettings:
    """What a kit for students holds, from a rubric's table ``[kit]``.

    Attributes:
        asked: ids or groups of the criteria that it asks.
        leave_out: files of the rubric's folder that it has not, besides those in ``audit`` and ``kit``.
        files: files that it has besides or in place of others: by the path in the kit, the path from the
            rubric's folder.
        tables: a script in the rubric's folder that writes more files into the folder given to it; or None.
    """

    asked: tuple[str, ...]
    leave_out: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    tables: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """Everything that a homework is graded by.

    Attributes:
        named: a name or folder that loads this rubric again, as it was given to ``load``.
        source: the folder with its rubric.toml.
        folder: the folder with its checks: that of the rubric it extends, if it extends one.
        digest: SHA-256 over its files; grades with equal digests were made by the same rules.
        deciding: digests of its parts that can decide a verdict or its credit, by name.
        wanted: names of the definitions that students submit.
        shapes: how to recognise those definitions under other names.
        data: the data sets to choose from with ``--data``.
        settings: the rubric's own numbers (budgets, seeds, tolerances), for its checks.
        misconceptions: the mistakes that its checks recognise, by id, from ``misconceptions.toml``.
        extends: last part of the name of the rubric that it extends; "" if it stands alone.
        kit: what students install of it; None if nothing.
        self_check_of: of the rubric of a kit, the points of the whole homework; None for any other.
    """

    id: str
    title: str
    named: str
    source: Path
    folder: Path
    digest: str
    deciding: Mapping[str, str]
    wanted: tuple[str, ...]
    shapes: Mapping[str, DefinitionPattern]
    exercises: Mapping[int, str]
    criteria: tuple[Criterion, ...]
    data: DataOptions
    settings: Mapping[str, Any]
    misconceptions: Mapping[str, Misconception]
    extends: str = ""
    kit: KitSettings | None = None
    self_check_of: float | None = None

    @classmethod
    def load(cls, name: str) -> Self:
        """Load the rubric with this name, or in this folder.

        Raises:
            UsageError: it does not exist, or one of its files is invalid.
        """
        named, folder = _find(name)
        rules, known = read_rubric(folder)
        return cls._from_content(named, folder, rules, known)

    @classmethod
    def reload(cls, name: str) -> Self:
        """Load a rubric that another process has loaded, and so validated, a moment ago."""
        named, folder = _find(name)
        return cls._from_content(named, folder, *parse_rubric(folder))

    @classmethod
    def _from_content(
        cls, named: str, folder: Path, rules: Mapping[str, Any], known: Mapping[str, Any]
    ) -> Self:
        return cls(
            id=rules["id"],
            title=rules["title"],
            named=named,
            source=folder,
            folder=(checks := base_of(folder) or folder),
            digest=_digest(checks, folder),
            deciding=deciding_parts(checks, rules, known),
            wanted=tuple(rules["wanted"]),
            exercises={int(number): title for number, title in rules["exercises"].items()},
            shapes=patterns_from(rules.get("shapes", {})),
            criteria=tuple(_criterion(block) for block in rules["criterion"]),
            data=_data_options(rules.get("data", {})),
            settings=rules.get("settings", {}),
            misconceptions={id: Misconception(id=id, **block) for id, block in known.items()},
            extends=extended_name(folder),
            kit=_kit_settings(rules.get("kit")),
            self_check_of=rules.get("self_check_of"),
        )

    @property
    def judging_digest(self) -> str:
        """Digest of everything in it that can decide a verdict; points, words and visibility cannot."""
        return combined_digest(self.deciding)

    @property
    def answer_places(self) -> dict[str, AnswerPlace]:
        """Where to look for the answers that a person grades, by the id of the criterion."""
        return {each.id: each.answer for each in self.criteria if each.judged_by == PERSON}

    @property
    def is_shipped(self) -> bool:
        """True if it came with the grader, so that a newer grader may bring another edition of it."""
        return self.named == Path(self.named).name

    def only(self, ids: tuple[str, ...]) -> tuple[Criterion, ...]:
        """Return the chosen criteria; all for no ids.

        Args:
            ids: each is a criterion's id, the part of one before the dot, or the number of an exercise.

        Raises:
            UsageError: an id matches no criterion.
        """
        for id in ids:
            if not any(_is_chosen(criterion, id) for criterion in self.criteria):
                known = ", ".join(criterion.id for criterion in self.criteria)
                numbers = ", ".join(map(str, sorted({criterion.exercise for criterion in self.criteria})))
                raise UsageError(
                    f"the rubric {self.id} has no criterion {id!r}; its criteria are {known}, its exercises "
                    f"{numbers}"
                )
        return tuple(c for c in self.criteria if not ids or any(_is_chosen(c, id) for id in ids))

    def as_json(self) -> dict[str, str]:
        """Return what a result records about its rubric.

        ``named`` is added where the id alone would load another rubric, such as for an edited copy.
        """
        named = {"named": self.named} if self.named != self.id else {}
        return {"id": self.id, "digest": self.digest} | named


def _data_options(table: Mapping[str, Any]) -> DataOptions:
    return DataOptions(**{**table, "choices": tuple(table.get("choices", ()))})


def _kit_settings(table: Mapping[str, Any] | None) -> KitSettings | None:
    if table is None:
        return None
    lists = {name: tuple(table.get(name, ())) for name in ("asked", "leave_out")}
    return KitSettings(**{**table, **lists})


def _is_chosen(criterion: Criterion, chosen: str) -> bool:
    return chosen == str(criterion.exercise) or is_selected(criterion.id, chosen)


def is_selected(id: str, chosen: str) -> bool:
    """Return whether a criterion's id is the one chosen, or begins with it and a dot."""
    return chosen in (id, id.partition(".")[0])


def _criterion(block: Mapping[str, Any]) -> Criterion:
    place, items = AnswerPlace(**block.get("answer", {})), items_from(block.get("items", ()))
    return Criterion(**{**block, "answer": place, "items": items})


def _find(name: str) -> tuple[str, Path]:
    """Return how to name the rubric again, and its folder."""
    given = Path(name)
    if (given / "rubric.toml").is_file():
        # A folder beside the caller wins over a shipped rubric; "./" says so wherever the name is printed.
        return (name if len(given.parts) > 1 or given.is_absolute() else f"./{name}"), given.resolve()
    spec = importlib.util.find_spec("rubrics")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / name / "rubric.toml").is_file():
            return name, Path(place) / name
    raise UsageError(
        f"there is no rubric {name!r}: give a name such as {DEFAULT_RUBRIC}, or a folder with a rubric.toml"
    )


def _digest(*folders: Path) -> str:
    """Hash every file that can decide a grade; the solutions in ``audit`` decide none."""
    digest = hashlib.sha256()
    for folder in dict.fromkeys(folders):
        for path in rubric_files(folder):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()

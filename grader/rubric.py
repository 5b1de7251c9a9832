"""A rubric: a folder with ``rubric.toml`` (points, words, numbers) and ``check_*.py`` (what is asked of a
student).
"""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from grader.errors import UsageError
from grader.extraction.matching import DefinitionPattern, shapes_from
from grader.model import Criterion, Misconception

_HASHED = (".toml", ".py", ".json", ".npz", ".safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """What a homework is graded by.

    Attributes:
        folder: where its checks are.
        digest: SHA-256 over its files; two grades with one digest were judged by the same rules.
        wanted: names of the definitions that students hand in.
        shapes: what these look like under other names.
        settings: the rubric's own numbers (budgets, seeds, tolerances), for its checks.
        misconceptions: the mistakes that its checks recognise, by id, from ``misconceptions.toml``.
    """

    id: str
    title: str
    folder: Path
    digest: str
    wanted: tuple[str, ...]
    shapes: Mapping[str, DefinitionPattern]
    exercises: Mapping[int, str]
    criteria: tuple[Criterion, ...]
    settings: Mapping[str, Any]
    misconceptions: Mapping[str, Misconception]

    @classmethod
    def load(cls, name: str) -> Self:
        """The rubric of that name, or in that folder.

        Raises:
            UsageError: there is none, or one of its files is wrong.
        """
        folder = _folder(name)
        try:
            data = tomllib.loads((folder / "rubric.toml").read_text(encoding="utf-8"))
            criteria = tuple(Criterion(**block) for block in data["criterion"])
            return cls(
                id=data["id"],
                title=data["title"],
                folder=folder,
                digest=_digest(folder),
                wanted=tuple(data["wanted"]),
                exercises={int(number): title for number, title in data["exercises"].items()},
                shapes=shapes_from(data.get("shapes", {})),
                criteria=criteria,
                settings=data.get("settings", {}),
                misconceptions=_misconceptions(folder, {criterion.id for criterion in criteria}),
            )
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{folder / 'rubric.toml'} is not a rubric ({type(error).__name__}: {error})"
            ) from error

    def only(self, ids: tuple[str, ...]) -> tuple[Criterion, ...]:
        """The criteria that ``ids`` name, each a criterion or the part before its dot; all for no ids.

        Raises:
            UsageError: an id names none.
        """
        for id in ids:
            if not any(_names(id, criterion) for criterion in self.criteria):
                known = ", ".join(criterion.id for criterion in self.criteria)
                raise UsageError(f"the rubric {self.id} has no criterion {id!r}; it has {known}")
        return tuple(c for c in self.criteria if not ids or any(_names(id, c) for id in ids))


def _misconceptions(folder: Path, criteria: set[str]) -> dict[str, Misconception]:
    path = folder / "misconceptions.toml"
    if not path.exists():
        return {}
    try:
        blocks = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {id: Misconception(id=id, **block) for id, block in blocks.items()}
        for one in known.values():
            if unknown := set(one.criteria) - criteria:
                raise ValueError(f"{one.id} is charged at {', '.join(sorted(unknown))}, which there is not")
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a list of misconceptions ({error})") from error
    return known


def _names(id: str, criterion: Criterion) -> bool:
    return id in (criterion.id, criterion.id.partition(".")[0])


def _folder(name: str) -> Path:
    given = Path(name)
    if (given / "rubric.toml").is_file():
        return given.resolve()
    spec = importlib.util.find_spec("rubrics")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / name / "rubric.toml").is_file():
            return Path(place) / name
    raise UsageError(
        f"there is no rubric {name!r}: give a name such as ddpm, or a folder that holds a rubric.toml"
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    files = (path for path in folder.rglob("*") if path.suffix in _HASHED)
    for path in sorted(path for path in files if folder / "audit" not in path.parents):  # judges nobody
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()

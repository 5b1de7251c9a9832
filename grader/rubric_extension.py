"""Light children of a rubric: ``extends = "…"`` changes points, words and settings, and copies nothing."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.rubric_contradictions import Mistake, Place, repeated_ids, suggestion, table, tables

RULES, MISCONCEPTIONS = "rubric.toml", "misconceptions.toml"
EXTENDS = "extends"
_KEYS = ("id", "title", "total", "exercises", "shapes", "settings", "kit", "criterion", EXTENDS)
_CRITERION_KEYS = ("id", "title", "points", "hint", "visibility", "lines_with", "items")
_CALIBRATED = "calibrated"  # setting of a rubric: names of those settings that its bounds were measured with


def base_of(folder: Path) -> Path | None:
    """Return the folder of the rubric that the one in ``folder`` extends; None if it stands alone.

    Raises:
        UsageError: there is no such rubric, or the rubrics extend each other in a circle.
    """
    name = _content(folder / RULES).get(EXTENDS)
    if not isinstance(name, str):
        return None
    # Beside its rules first: there a kept rubric has its base.
    for place in (folder / Path(name).name, folder / name, *_shipped(name)):
        if (place / RULES).is_file() and place.resolve() != folder.resolve():
            base = place.resolve()
            if EXTENDS in _content(base / RULES):
                raise UsageError(f"{folder / RULES}: {name} extends another rubric itself; extend that one")
            return base
    raise UsageError(f"{folder / RULES}: there is no rubric {name!r} to extend; give its name or folder")


def extended_name(folder: Path) -> str:
    """Return the last part of the name that a rubric gives the one it extends; "" for none."""
    name = _content(folder / RULES).get(EXTENDS)
    return Path(name).name if isinstance(name, str) else ""


def merged(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rubric's file with a child's in its place: tables key by key, criteria by id."""
    changes = {block.get("id"): block for block in tables(child.get("criterion"))}
    rules = _over(base, {key: value for key, value in child.items() if key not in ("criterion", EXTENDS)})
    if "criterion" in base:
        rules["criterion"] = [{**block, **changes.get(block["id"], {})} for block in base["criterion"]]
    return rules


def unfit(base: Mapping[str, Any], child: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """Yield what a child may not change: what students define, checks, and what bounds were measured with."""
    if files := sorted(path.name for path in folder.glob("*.py")):
        yield (EXTENDS,), f"a rubric that extends another has no code of its own, but there is {files[0]}"
    for key in child:
        if key not in _KEYS:
            yield (key,), f"{key} cannot be changed by a rubric that extends another; copy that one instead"
    ids = [block["id"] for block in base["criterion"]]
    criteria = list(tables(child.get("criterion")))
    if "criterion" in child and not criteria:
        yield ("criterion",), "criterion is no list; [[criterion]], in two brackets, begins each change"
    yield from repeated_ids(criteria)
    for number, block in enumerate(criteria):
        if (id := block.get("id")) is None:
            yield ("criterion", number), "the key id is missing"
        elif id not in ids:
            what = f"the rubric that this one extends has no criterion {id}"
            yield ("criterion", number, "id"), what + suggestion(id, ids)
        for key in block:
            if key not in _CRITERION_KEYS:
                yield ("criterion", number, key), f"{key} cannot be changed by a rubric that extends another"
    own = table(child.get("settings"))
    yield from _misspelt(base.get("settings", {}), own, ("settings",))
    for name in base.get("settings", {}).get(_CALIBRATED, ()):
        if name in own:
            what = f"the bounds of the checks were measured with {name}: to change it, copy the rubric and "
            yield ("settings", name), what + "measure them again"


def _misspelt(base: Mapping[str, Any], child: Mapping[str, Any], place: Place) -> Iterator[Mistake]:
    """Yield new settings that look like one of the base's; another new one may be optional there."""
    for name, value in child.items():
        if name in base:
            yield from _misspelt(table(base[name]), table(value), (*place, name))
        elif similar := suggestion(name, base):
            yield (*place, name), f"the rubric that this one extends has no setting {name}{similar}"


def _over(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in child.items():
        old = both.get(key)
        both[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def _shipped(name: str) -> list[Path]:
    spec = importlib.util.find_spec("rubrics")
    places = (spec.submodule_search_locations or ()) if spec else ()
    return [Path(place) / name for place in places] if name.isidentifier() else []


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # which reading it says in a sentence
        return {}

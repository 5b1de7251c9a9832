"""Contradictions in a rubric's files, beyond what a JSON schema can say; wrong types are passed over."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from grader.written_answers import NO_ITEMS, PERSON

Place = tuple[str | int, ...]  # keys and indices that lead to a value
Mistake = tuple[Place, str]
# Of what rubrics import and write; a change that breaks rubrics raises it, and says what to change in them.
INTERFACE = 1
INTERFACE_CHANGES: Mapping[int, str] = {}  # by the version before the change
_RESERVED = "total"  # stands for the whole grade where an adjustment names a criterion


def contradictions(rules: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """Yield what contradicts something else in rubric.toml; parts of the wrong type are passed over."""
    criteria = list(tables(rules.get("criterion")))
    yield from _interface(rules.get("interface"))
    yield from repeated_ids(criteria)
    yield from _unknown_names(rules, criteria)
    yield from _points(rules, criteria)
    for number, block in enumerate(criteria):
        yield from _person(number, block)
    ids = [str(block.get("id")) for block in criteria]
    known = [*ids, *(id.partition(".")[0] for id in ids)]
    for outer, inner in (("settings", "inspect"), ("kit", "asked")):
        for number, id in enumerate(texts(table(rules.get(outer)).get(inner))):
            if id not in known:
                what = f"{quoted(id)} is no criterion and no group of criteria"
                yield (outer, inner, number), what + suggestion(id, known)
    yield from _data(table(rules.get("data")), folder)
    yield from _kit(table(rules.get("kit")), folder)


def _interface(written_for: Any) -> Iterator[Mistake]:
    """Yield what to change in a rubric for an older interface, or that the grader is too old for it."""
    if type(written_for) is not int:
        return
    if written_for > INTERFACE:
        what = f"written for interface {written_for} of the grader, which has {INTERFACE}: update the grader"
        yield ("interface",), what
    for version in range(max(written_for, 1), INTERFACE):
        what = f"written for interface {version}; for {version + 1}, {INTERFACE_CHANGES[version]}"
        yield ("interface",), what


def repeated_ids(criteria: list[Mapping[str, Any]]) -> Iterator[Mistake]:
    """Yield criteria with the id of an earlier one, or with a reserved one."""
    first: dict[object, int] = {}
    for number, block in enumerate(criteria):
        id = str(block.get("id", f"\0{number}"))
        if id in first:
            yield ("criterion", number, "id"), f"the criterion number {first[id] + 1} has the same id"
        elif id == _RESERVED:
            yield ("criterion", number, "id"), f"{id} stands for the whole grade; choose another id"
        first.setdefault(id, number)


def _unknown_names(rules: Mapping[str, Any], criteria: list[Mapping[str, Any]]) -> Iterator[Mistake]:
    """Yield exercises and definitions that are named but not listed."""
    wanted = list(texts(rules.get("wanted")))
    exercises = [int(key) for key in table(rules.get("exercises")) if key.isdecimal()]
    for number, block in enumerate(criteria):
        exercise, code = block.get("exercise"), block.get("code")
        if type(exercise) is int and exercise not in exercises:
            listed = ", ".join(map(str, exercises)) or "none"
            what = f"there is no exercise {exercise} in [exercises], which lists {listed}"
            yield ("criterion", number, "exercise"), what
        if isinstance(code, str) and code and (name := code.partition(".")[0]) not in wanted:
            what = f"code names {name}, which is not in wanted" + suggestion(name, wanted)
            yield ("criterion", number, "code"), what
    for name in table(rules.get("shapes")):
        if name not in wanted:
            yield ("shapes", name), f"{name} is not in wanted" + suggestion(name, wanted)


def _points(rules: Mapping[str, Any], criteria: list[Mapping[str, Any]]) -> Iterator[Mistake]:
    for number, block in enumerate(criteria):
        points: Any = block.get("points")
        if is_number(points) and not math.isfinite(points):
            yield ("criterion", number, "points"), f"points is {points}, but must be a finite number"
    amounts: list[Any] = [block.get("points") for block in criteria]
    total: Any = rules.get("total")
    if is_number(total) and all(map(is_number, amounts)):
        added = round(sum(amounts), 2)
        if math.isfinite(added) and not abs(added - total) < 0.005:  # also a total that is not a number
            yield ("total",), f"total is {total:g}, but the points of the criteria add up to {added:g}"


def _person(number: int, block: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what does not fit together in a criterion that a person grades, or that none does."""
    at: Place = ("criterion", number)
    points, answer, items = block.get("points"), block.get("answer"), list(tables(block.get("items")))
    if block.get("judged_by") != PERSON:
        for key in ("answer", "items"):
            if key in block:
                yield (*at, key), f'{key} is for criteria with judged_by = "person"'
        return
    if points == 0:
        yield (*at, "points"), "points is 0, but what a person grades has to be worth something"
    if isinstance(answer, dict) and len(answer) != 1:
        yield (*at, "answer"), "answer must have one of heading, cell and marker"
    if block.get("needs_training") is True:
        yield (*at, "needs_training"), "a person needs no training to grade it"
    amounts: list[Any] = [item.get("points") for item in items]
    if amounts and is_number(points) and all(map(is_number, amounts)) and abs(sum(amounts) - points) > 0.005:
        yield (*at, "items"), f"the points of the items add up to {sum(amounts):g}, not to {points:g}"
    ids = [str(item.get("id")) for item in items]
    for place, id in enumerate(ids):
        if id in ids[:place]:
            yield (*at, "items", place, "id"), f"another item has the id {id}"
        elif id == NO_ITEMS:
            yield (*at, "items", place, "id"), f"{id} stands for no item; choose another id"


def _data(data: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    default, script = data.get("default"), data.get("availability")
    choices = list(texts(data.get("choices")))
    if isinstance(default, str) and default not in choices:
        what = f"default is {quoted(default)}, which is not in choices" + suggestion(default, choices)
        yield ("data", "default"), what
    if isinstance(script, str) and not (folder / script).is_file():
        yield ("data", "availability"), f"there is no file {script} in the rubric's folder"


def _kit(kit: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """Yield files that the table names and the rubric's folder has not.

    Those outside of it are read when a kit is built: a copy of the folder judges without them.
    """
    named: list[tuple[Place, Any]] = [(("kit", "tables"), kit.get("tables"))]
    named += [(("kit", "files", path), file) for path, file in table(kit.get("files")).items()]
    named += [(("kit", "leave_out", number), file) for number, file in enumerate(texts(kit.get("leave_out")))]
    for place, file in named:
        if isinstance(file, str) and not file.startswith("..") and not (folder / file).exists():
            yield place, f"there is no file {file} in the rubric's folder"


def unknown_criteria(known: Mapping[str, Any], ids: list[str]) -> Iterator[Mistake]:
    """Yield criteria in misconceptions.toml that rubric.toml does not have, and impossible credit."""
    for name, block in known.items():
        for number, id in enumerate(texts(table(block).get("criteria"))):
            if ids and id not in ids:
                what = f"{quoted(id)} is no criterion of rubric.toml" + suggestion(id, ids)
                yield (name, "criteria", number), what
        credit: Any = table(block).get("credit")
        if is_number(credit) and math.isnan(credit):
            yield (name, "credit"), "credit is nan, but must be a number from 0 to 1"


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return a clause that suggests the most similar of the known words; an empty string if none is."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {quoted(close[0])}?" if close else ""


def tables(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (table(each) for each in (value if isinstance(value, list) else ()))


def table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> Iterator[str]:
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, str))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

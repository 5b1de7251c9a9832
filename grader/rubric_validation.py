"""Validation of a rubric's files: one sentence for each mistake, and all of them at once.

The JSON schemas beside this module describe the structure, for editors too. The functions here add what a
schema cannot say, such as that the points sum up to the declared total.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.errors import UsageError

if TYPE_CHECKING:
    from jsonschema import ValidationError

RULES, MISCONCEPTIONS = "rubric.toml", "misconceptions.toml"
_SCHEMAS = {RULES: "rubric.schema.json", MISCONCEPTIONS: "misconceptions.schema.json"}
_TYPES = {
    "object": "a table",
    "array": "a list",
    "string": "text in quotes",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_RESERVED = "total"  # stands for the whole grade where an adjustment names a criterion

_Place = tuple[str | int, ...]  # keys and indices that lead to a value
_Mistake = tuple[_Place, str]


def read_rubric(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contents of a rubric's rubric.toml and misconceptions.toml; the latter may be absent.

    Raises:
        UsageError: there are mistakes in them; its message has a line for each.
    """
    rules, sentences = _read(folder / RULES, lambda content: _contradictions(content, folder))
    known: dict[str, Any] = {}
    if (folder / MISCONCEPTIONS).exists():
        ids = [id for block in _tables(rules.get("criterion")) if isinstance(id := block.get("id"), str)]
        known, more = _read(folder / MISCONCEPTIONS, lambda content: _unknown_criteria(content, ids))
        sentences += more
    if sentences:
        count = "a mistake" if len(sentences) == 1 else f"{len(sentences)} mistakes"
        raise UsageError("\n  ".join([f"the rubric in {folder} has {count}:", *sentences]))
    return rules, known


def parse_rubric(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contents of files that are known to be valid."""
    known = folder / MISCONCEPTIONS
    return (
        tomllib.loads((folder / RULES).read_text(encoding="utf-8")),
        tomllib.loads(known.read_text(encoding="utf-8")) if known.exists() else {},
    )


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return a clause that suggests the most similar of the known words; an empty string if none is."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {_quoted(close[0])}?" if close else ""


def _read(
    path: Path, contradictions: Callable[[dict[str, Any]], Iterable[_Mistake]]
) -> tuple[dict[str, Any], list[str]]:
    """Return a file's content and a sentence for each mistake in it."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        return {}, [f"{path.name} cannot be read ({error.strerror})"]
    except UnicodeDecodeError as error:
        return {}, [f"{path.name} is not encoded in UTF-8 (at byte {error.start})"]
    except tomllib.TOMLDecodeError as error:
        return {}, [f"{path.name} is not valid TOML: {error}"]
    mistakes = dict.fromkeys([*_structure(path.name, content), *contradictions(content)])
    in_order = sorted(mistakes, key=lambda mistake: _line(text, mistake[0]) or 0)
    return content, [_sentence(path.name, text, content, place, what) for place, what in in_order]


def _structure(name: str, content: dict[str, Any]) -> Iterator[_Mistake]:
    """Yield where a file departs from its schema."""
    from jsonschema import Draft202012Validator  # takes 0.1 s, which judges and --help need not wait for

    schema = json.loads((Path(__file__).parent / _SCHEMAS[name]).read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(_with_times_as_text(content)):
        yield from _explained(error)


def _explained(error: ValidationError) -> Iterator[_Mistake]:
    place, limit = tuple(error.absolute_path), error.validator_value
    keys = [str(part) for part in place if isinstance(part, str)]
    key = keys[-1] if place and isinstance(place[-1], str) else f"an element of {keys[-1] if keys else 'it'}"
    match error.validator:
        case "required":
            for missing in limit:
                if missing not in error.instance:  # an error for each, which does not name it
                    yield place, f"the key {missing} is missing"
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            pattern = "|".join(error.schema.get("patternProperties", {})) or r"\b\B"
            for unknown in error.instance:
                if unknown not in known and not re.search(pattern, unknown):
                    rule = suggestion(unknown, known) if known else "; keys here are whole numbers"
                    yield (*place, unknown), f"unknown key {unknown}{rule}"
        case "type":
            yield place, f"{key} is {_quoted(error.instance)}, but must be {_TYPES[limit]}"
        case "enum":
            allowed = " or ".join(map(_quoted, limit)) + suggestion(error.instance, limit)
            yield place, f"{key} is {_quoted(error.instance)}, but must be {allowed}"
        case "minimum" | "maximum":
            bound = "less" if error.validator == "maximum" else "more"
            yield place, f"{key} is {_quoted(error.instance)}, but must be {limit} or {bound}"
        case "pattern":
            yield place, f"{key} is {_quoted(error.instance)}, but must be one word, without spaces"
        case _:  # minLength, minItems
            yield place, f"{key} is empty"


def _contradictions(rules: Mapping[str, Any], folder: Path) -> Iterator[_Mistake]:
    """Yield what contradicts something else in rubric.toml; parts of the wrong type are passed over."""
    criteria = list(_tables(rules.get("criterion")))
    yield from _repeated_ids(criteria)
    yield from _unknown_names(rules, criteria)
    yield from _points(rules, criteria)
    ids = [str(block.get("id")) for block in criteria]
    known = [*ids, *(id.partition(".")[0] for id in ids)]
    settings = _table(rules.get("settings"))
    for number, id in enumerate(_texts(settings.get("inspect"))):
        if id not in known:
            what = f"{_quoted(id)} is no criterion and no group of criteria"
            yield ("settings", "inspect", number), what + suggestion(id, known)
    yield from _data(_table(rules.get("data")), folder)


def _repeated_ids(criteria: list[Mapping[str, Any]]) -> Iterator[_Mistake]:
    first: dict[object, int] = {}
    for number, block in enumerate(criteria):
        id = str(block.get("id", f"\0{number}"))
        if id in first:
            yield ("criterion", number, "id"), f"the criterion number {first[id] + 1} has the same id"
        elif id == _RESERVED:
            yield ("criterion", number, "id"), f"{id} stands for the whole grade; choose another id"
        first.setdefault(id, number)


def _unknown_names(rules: Mapping[str, Any], criteria: list[Mapping[str, Any]]) -> Iterator[_Mistake]:
    """Yield exercises and definitions that are named but not listed."""
    wanted = list(_texts(rules.get("wanted")))
    exercises = [int(key) for key in _table(rules.get("exercises")) if key.isdecimal()]
    for number, block in enumerate(criteria):
        exercise, code = block.get("exercise"), block.get("code")
        if type(exercise) is int and exercise not in exercises:
            listed = ", ".join(map(str, exercises)) or "none"
            what = f"there is no exercise {exercise} in [exercises], which lists {listed}"
            yield ("criterion", number, "exercise"), what
        if isinstance(code, str) and code and (name := code.partition(".")[0]) not in wanted:
            what = f"code names {name}, which is not in wanted" + suggestion(name, wanted)
            yield ("criterion", number, "code"), what
    for name in _table(rules.get("shapes")):
        if name not in wanted:
            yield ("shapes", name), f"{name} is not in wanted" + suggestion(name, wanted)


def _points(rules: Mapping[str, Any], criteria: list[Mapping[str, Any]]) -> Iterator[_Mistake]:
    for number, block in enumerate(criteria):
        points: Any = block.get("points")
        if _is_number(points) and not math.isfinite(points):
            yield ("criterion", number, "points"), f"points is {points}, but must be a finite number"
    amounts: list[Any] = [block.get("points") for block in criteria]
    total: Any = rules.get("total")
    if _is_number(total) and all(map(_is_number, amounts)):
        added = round(sum(amounts), 2)
        if math.isfinite(added) and not abs(added - total) < 0.005:  # also a total that is not a number
            yield ("total",), f"total is {total:g}, but the points of the criteria add up to {added:g}"


def _data(data: Mapping[str, Any], folder: Path) -> Iterator[_Mistake]:
    default, script = data.get("default"), data.get("availability")
    choices = list(_texts(data.get("choices")))
    if isinstance(default, str) and default not in choices:
        what = f"default is {_quoted(default)}, which is not in choices" + suggestion(default, choices)
        yield ("data", "default"), what
    if isinstance(script, str) and not (folder / script).is_file():
        yield ("data", "availability"), f"there is no file {script} in the rubric's folder"


def _unknown_criteria(known: Mapping[str, Any], ids: list[str]) -> Iterator[_Mistake]:
    """Yield criteria in misconceptions.toml that rubric.toml does not have, and impossible credit."""
    for name, block in known.items():
        for number, id in enumerate(_texts(_table(block).get("criteria"))):
            if ids and id not in ids:
                what = f"{_quoted(id)} is no criterion of rubric.toml" + suggestion(id, ids)
                yield (name, "criteria", number), what
        credit: Any = _table(block).get("credit")
        if _is_number(credit) and math.isnan(credit):
            yield (name, "credit"), "credit is nan, but must be a number from 0 to 1"


def _sentence(file: str, text: str, content: Mapping[str, Any], place: _Place, what: str) -> str:
    """Return a mistake with file, line (where it is found) and table before it."""
    line = _line(text, place)
    where = [file, *([f"line {line}"] if line else [])]
    match place:
        case ("criterion", int(number), *_):
            id = _table(content["criterion"][number]).get("id")
            where.append(f"criterion {id}" if isinstance(id, str) else f"criterion number {number + 1}")
        case (str(table), str(inner), *rest) if rest and all(isinstance(part, str) for part in rest):
            where.append(f"[{table}.{inner}]")
        case (str(table), str(), *_) | (str(table),) if isinstance(content.get(table), dict):
            where.append(f"[{table}]")
    return f"{', '.join(where)}: {what}"


def _line(text: str, place: _Place) -> int | None:
    """Return the line of the key at ``place``, else that of its table; None if it is not found.

    ``tomllib`` keeps no positions, so headers and keys are looked for in the text.
    """
    lines = text.splitlines()
    keys = [part for part in place if isinstance(part, str)]
    start, header = 0, None
    for depth in range(len(keys), 0, -1):  # the longest header wins
        name = r"\s*\.\s*".join(f"[\"']?{re.escape(key)}[\"']?" for key in keys[:depth])
        pattern = re.compile(rf"\s*\[\[?\s*{name}\s*\]\]?\s*(#.*)?")
        found = [number for number, line in enumerate(lines) if pattern.fullmatch(line)]
        index = place[1] if depth == 1 and len(place) > 1 and isinstance(place[1], int) else 0
        if index < len(found):
            start, header, keys = found[index] + 1, found[index] + 1, keys[depth:]
            break
    if not keys:
        return header
    key = re.compile(rf"\s*[\"']?{re.escape(keys[0])}[\"']?\s*[=.]")
    for number, line in enumerate(lines[start:], start + 1):
        if key.match(line):
            return number
        if line.lstrip().startswith("["):
            break
    return header


def _with_times_as_text(value: Any) -> Any:
    """Return TOML values as JSON has them, in which dates and times are text."""
    match value:
        case dict():
            return {key: _with_times_as_text(each) for key, each in value.items()}
        case list():
            return [_with_times_as_text(each) for each in value]
        case date() | time():  # a datetime is a date
            return value.isoformat()
    return value


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (_table(each) for each in (value if isinstance(value, list) else ()))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, str))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

"""Validation of a rubric's files: one sentence for each mistake, and all of them at once.

The JSON schemas beside this module describe the structure, for editors too. The functions here add what a
schema cannot say, such as that the points sum up to the declared total.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.errors import UsageError
from grader.rubric_contradictions import (
    Mistake,
    Place,
    contradictions,
    quoted,
    suggestion,
    table,
    tables,
    unknown_criteria,
)
from grader.rubric_extension import MISCONCEPTIONS, RULES, base_of, merged, unfit

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SCHEMAS = {RULES: "rubric.schema.json", MISCONCEPTIONS: "misconceptions.schema.json"}
_TYPES = {
    "object": "a table",
    "array": "a list",
    "string": "text in quotes",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


def read_rubric(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contents of a rubric's rubric.toml and misconceptions.toml; the latter may be absent.

    Raises:
        UsageError: there are mistakes in them; its message has a line for each.
    """
    if base := base_of(folder):
        return _read_child(folder, base)
    rules, sentences = _read(folder / RULES, lambda content: contradictions(content, folder))
    known: dict[str, Any] = {}
    if (folder / MISCONCEPTIONS).exists():
        ids = [id for block in tables(rules.get("criterion")) if isinstance(id := block.get("id"), str)]
        known, more = _read(folder / MISCONCEPTIONS, lambda content: unknown_criteria(content, ids))
        sentences += more
    _refuse(folder, sentences)
    return rules, known


def _read_child(folder: Path, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a rubric and the changes of its child make; mistakes are those of the child's files."""
    rules, known = read_rubric(base)
    own = _parsed(folder / RULES)
    text = (folder / RULES).read_text(encoding="utf-8")
    mistakes = [(place, place, what) for place, what in unfit(rules, own, folder)]
    sentences = [_sentence(RULES, text, own, place, what) for place, _, what in mistakes]
    if not sentences:
        rules = merged(rules, own)
        ids = [block.get("id") for block in tables(own.get("criterion"))]
        for place, what in dict.fromkeys([*_structure(RULES, rules), *contradictions(rules, base)]):
            at = place
            if len(place) > 1 and place[0] == "criterion" and isinstance(place[1], int):
                id = rules["criterion"][place[1]]["id"]
                at = (place[0], ids.index(id), *place[2:]) if id in ids else ()
            sentences.append(_sentence(RULES, text, rules, place, what, at))
    _refuse(folder, sentences)
    if (folder / MISCONCEPTIONS).exists():
        text, words, unreadable = _toml(folder / MISCONCEPTIONS)
        _refuse(folder, [unreadable] if unreadable else [])
        known = merged(known, words)
        known_ids = [str(block["id"]) for block in rules["criterion"]]
        found = dict.fromkeys([*_structure(MISCONCEPTIONS, known), *unknown_criteria(known, known_ids)])
        _refuse(folder, [_sentence(MISCONCEPTIONS, text, known, place, what) for place, what in found])
    return rules, known


def _refuse(folder: Path, sentences: list[str]) -> None:
    """Raise UsageError if there are mistakes."""
    if sentences:
        count = "a mistake" if len(sentences) == 1 else f"{len(sentences)} mistakes"
        raise UsageError("\n  ".join([f"the rubric in {folder} has {count}:", *sentences]))


def parse_rubric(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contents of files that are known to be valid."""
    rules, known = _parsed(folder / RULES), _parsed(folder / MISCONCEPTIONS)
    if base := base_of(folder):
        base_rules, base_known = parse_rubric(base)
        return merged(base_rules, rules), merged(base_known, known)
    return rules, known


def _parsed(path: Path) -> dict[str, Any]:
    """Return the content of a file; nothing if it is absent."""
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _read(
    path: Path, find_more: Callable[[dict[str, Any]], Iterable[Mistake]]
) -> tuple[dict[str, Any], list[str]]:
    """Return a file's content and a sentence for each mistake in it."""
    text, content, unreadable = _toml(path)
    if unreadable:
        return {}, [unreadable]
    mistakes = dict.fromkeys([*_structure(path.name, content), *find_more(content)])
    in_order = sorted(mistakes, key=lambda mistake: _line(text, mistake[0]) or 0)
    return content, [_sentence(path.name, text, content, place, what) for place, what in in_order]


def _toml(path: Path) -> tuple[str, dict[str, Any], str]:
    """Return a file's text, its content, and a sentence where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text), ""
    except OSError as error:
        return "", {}, f"{path.name} cannot be read ({error.strerror})"
    except UnicodeDecodeError as error:
        return "", {}, f"{path.name} is not encoded in UTF-8 (at byte {error.start})"
    except tomllib.TOMLDecodeError as error:
        return "", {}, f"{path.name} is not valid TOML: {error}"


def _structure(name: str, content: dict[str, Any]) -> Iterator[Mistake]:
    """Yield where a file departs from its schema."""
    from jsonschema import Draft202012Validator  # takes 0.1 s, which judges and --help need not wait for

    schema = json.loads((Path(__file__).parent / _SCHEMAS[name]).read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(_with_times_as_text(content)):
        yield from _explained(error)


def _explained(error: ValidationError) -> Iterator[Mistake]:
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
            yield place, f"{key} is {quoted(error.instance)}, but must be {_TYPES[limit]}"
        case "enum":
            allowed = " or ".join(map(quoted, limit)) + suggestion(error.instance, limit)
            yield place, f"{key} is {quoted(error.instance)}, but must be {allowed}"
        case "minimum" | "maximum":
            bound = "less" if error.validator == "maximum" else "more"
            yield place, f"{key} is {quoted(error.instance)}, but must be {limit} or {bound}"
        case "pattern":
            yield place, f"{key} is {quoted(error.instance)}, but must be one word, without spaces"
        case _:  # minLength, minItems
            yield place, f"{key} is empty"


def _sentence(
    file: str, text: str, content: Mapping[str, Any], place: Place, what: str, at: Place | None = None
) -> str:
    """Return a mistake with file, line (where it is found, or at another place) and table before it."""
    line = _line(text, place if at is None else at)
    where = [file, *([f"line {line}"] if line else [])]
    match place:
        case ("criterion", int(number), *_):
            id = table(content["criterion"][number]).get("id")
            where.append(f"criterion {id}" if isinstance(id, str) else f"criterion number {number + 1}")
        case (str(outer), str(inner), *rest) if rest and all(isinstance(part, str) for part in rest):
            where.append(f"[{outer}.{inner}]")
        case (str(outer), str(), *_) | (str(outer),) if isinstance(content.get(outer), dict):
            where.append(f"[{outer}]")
    return f"{', '.join(where)}: {what}"


def _line(text: str, place: Place) -> int | None:
    """Return the line of the key at ``place``, else that of its table; None if it is not found.

    ``tomllib`` keeps no positions, so headers and keys are looked for in the text.
    """
    lines = text.splitlines()
    keys = [part for part in place if isinstance(part, str)]
    start, header = 0, None
    for depth in range(len(keys), 0, -1):  # the longest header wins
        found = _headers(lines, keys[:depth])
        index = place[1] if depth == 1 and len(place) > 1 and isinstance(place[1], int) else 0
        if depth > 1 and isinstance(place[1], int):  # a list in an element of a list
            first, *_ = [*_headers(lines, keys[:1])[place[1] :], len(lines)]
            found = [number for number in found if number > first]
            index = place[3] if len(place) > 3 and isinstance(place[3], int) else 0
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


def _headers(lines: list[str], keys: list[str]) -> list[int]:
    """Return the indices of the lines that open the table, or an element of the list, of these keys."""
    name = r"\s*\.\s*".join(f"[\"']?{re.escape(key)}[\"']?" for key in keys)
    pattern = re.compile(rf"\s*\[\[?\s*{name}\s*\]\]?\s*(#.*)?")
    return [number for number, line in enumerate(lines) if pattern.fullmatch(line)]


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

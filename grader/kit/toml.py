"""Write TOML: Python's own library only reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any


def dumps(content: Mapping[str, Any]) -> str:
    """Return a table as the text of a TOML file; ``tomllib.loads`` gives the same table again.

    Values are text, numbers, booleans, dates, times, lists and tables, as ``tomllib`` returns them.
    """
    return "\n".join(_table(content, ()))


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: plain values first, then the tables in it under headers of their own."""
    for key, value in content.items():
        if not (isinstance(value, dict) or _is_list_of_tables(value)):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in content.items():
        inner = (*path, key)
        header = ".".join(map(_key, inner))
        if isinstance(value, dict):
            yield from ("", f"[{header}]", *_table(value, inner))
        elif _is_list_of_tables(value):
            for each in value:
                yield from ("", f"[[{header}]]", *_table(each, inner))


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
    return _text(value)


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if plain else _text(key)


def _text(text: str) -> str:
    """Return text in quotes: JSON's are TOML's, but for the one control character that it leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

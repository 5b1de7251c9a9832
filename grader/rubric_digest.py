"""Digests of the parts of a rubric, apart for what decides verdicts and what only marks and words them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grader.rubric_extension import MISCONCEPTIONS, RULES

_DECIDES_NOTHING = ("audit", "kit")  # solutions with known grades; what only students install
_HASHED = (".toml", ".py", ".json", ".npz", ".safetensors")
# What is not listed here decides: a new key has to be shown to be harmless first. Of
# misconceptions.toml only the credit decides: a result keeps the id that its check recognised.
# The last four are divided below.
_MARKS = (
    *("title", "interface", "total", "exercises", "kit", "self_check_of"),
    *("criterion", "settings", "data", "shapes"),
)
ORDER = "order of the criteria"  # the part that tells it
_MARKS_A_CRITERION = ("id", "exercise", "title", "points", "hint", "visibility", "items")
_MARKS_IN_SETTINGS = ("late", "boundaries", "inspect", "timezone", "solutions", "calibrated")
_MARKS_IN_DATA = ("availability",)


def deciding_parts(folder: Path, rules: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest of every part of a rubric that can decide a verdict, by the part's name.

    Args:
        rules, known: the contents of its rubric.toml and misconceptions.toml.
    """
    files = {path.relative_to(folder).as_posix(): path for path in rubric_files(folder)}
    return {
        **{
            name: _short(path.read_bytes())
            for name, path in files.items()
            if name not in (RULES, MISCONCEPTIONS)
        },
        **{name: _short(_canonical(value)) for name, value in _deciding_rules(rules)},
        "credit of misconceptions": _short(_canonical(_credits(known))),
    }


def combined_digest(parts: Mapping[str, str]) -> str:
    """Return the SHA-256 over the digests of parts."""
    return hashlib.sha256(_canonical(dict(parts))).hexdigest()


def rubric_files(folder: Path) -> list[Path]:
    """Return a rubric's files that can decide a grade, sorted: not those in ``audit`` and ``kit``."""
    files = (path for path in folder.rglob("*") if path.suffix in _HASHED)
    return sorted(path for path in files if path.relative_to(folder).parts[0] not in _DECIDES_NOTHING)


def _deciding_rules(rules: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the parts of rubric.toml that decide."""
    criteria = rules["criterion"]
    yield from ((name, value) for name, value in rules.items() if name not in _MARKS)
    yield from ((f"shapes.{name}", value) for name, value in rules.get("shapes", {}).items())
    yield from _without(rules.get("data", {}), "data.", _MARKS_IN_DATA)
    yield from _without(rules.get("settings", {}), "settings.", _MARKS_IN_SETTINGS)
    yield ORDER, [block["id"] for block in criteria]
    for block in criteria:
        yield f"criterion {block['id']}", dict(_without(block, "", _MARKS_A_CRITERION))


def _credits(known: Mapping[str, Any]) -> dict[str, float]:
    return {id: float(block["credit"]) for id, block in known.items() if block.get("credit")}


def _without(table: Mapping[str, Any], prefix: str, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    yield from ((prefix + name, value) for name, value in table.items() if name not in names)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

"""The digest of a worker's source changes with the code that some definitions depend on, and only with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.sandbox.source import WorkerSource


def rows(*sources: str, cell: int = 1) -> list[Mapping[str, Any]]:
    return [{"source": source, "cell": cell, "line": 1, "flags": 0} for source in sources]


def digest(*sources: str, cell: int = 1, helpers: str | None = None, file: str = "") -> str:
    """Return the digest of a network that needs the first two statements."""
    modules = {} if helpers is None else {"helpers": rows(helpers)}
    needs = {"UNet": [0, 1], "train": [2]}
    files = {"sizes.json": file} if file else {}
    source = WorkerSource(statements=rows(*sources, cell=cell), modules=modules, files=files, needs=needs)
    return source.digest(["UNet"])


def test_other_definitions_and_places_do_not_count() -> None:
    first = digest("width = 8", "class UNet: ...", "def train(): ...")
    assert digest("width = 8", "class UNet: ...", "def train(): return 1") == first
    assert digest("width = 8", "class UNet: ...", "def train(): ...", cell=4) == first


def test_a_change_of_what_is_needed_counts() -> None:
    plain = digest("width = 8", "class UNet: ...")
    others = (
        digest("width = 9", "class UNet: ..."),
        digest("width = 8", "class UNet(A): ..."),
        digest("class UNet: ...", "width = 8"),
        digest("width = 8", "class UNet: ...", helpers="x = 1"),
        digest("width = 8", "class UNet: ...", helpers="x = 2"),
        digest("width = 8", "class UNet: ...", file="[1]"),
        digest("width = 8", "class UNet: ...", file="[2]"),
    )
    assert len({plain, *others}) == 8

"""Results kept one to a line of JSON, so that a run that was interrupted can be resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row to a file, on a line of its own even if an earlier run ended in the middle of a line."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, without a line that was cut short; none if there is no file."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_bytes().split(b"\n"):  # not splitlines, which would split within a string
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows

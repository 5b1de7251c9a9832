"""Results of long audits, kept line by line."""

from __future__ import annotations

from pathlib import Path

from grader.audit.trial_log import append_row, read_rows


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    for row in ({"id": "ä\u2028b"}, {"id": 2}):
        append_row(path, row)
    assert read_rows(path) == [{"id": "ä\u2028b"}, {"id": 2}]


def test_a_line_that_was_cut_short_costs_no_other(tmp_path: Path) -> None:
    """A killed run may end in the middle of a line, even behind a bracket."""
    path = tmp_path / "rows.jsonl"
    append_row(path, {"id": 1})
    with path.open("a") as file:
        file.write('{"id": 2, "inside": {}')
    append_row(path, {"id": 3})
    assert read_rows(path) == [{"id": 1}, {"id": 3}]

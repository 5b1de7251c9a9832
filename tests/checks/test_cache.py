"""What is kept is given out as it was made, once for all who ask, and nothing that anybody else wrote."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.checks import cache as kept
from grader.checks.cache import Shelf

VALUE = {"error": 0.1 + 0.2, "losses": [[1.0, 2.5e-17]], "weights": None}


class Maker:
    """Makes the value, and counts how often it was asked to."""

    def __init__(self, value: dict[str, Any] | None = VALUE) -> None:
        self.value, self.made = value, 0

    def __call__(self) -> dict[str, Any] | None:
        self.made += 1
        return self.value


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf("things", tmp_path)


def test_it_is_made_once(shelf: Shelf, make: Maker) -> None:
    assert shelf.get("a", make) == shelf.get("a", make) == VALUE
    assert make.made == 1
    shelf.get("b", make)
    assert make.made == 2


def test_what_is_given_out_first_is_as_it_is_given_out_later(shelf: Shelf) -> None:
    """A tuple comes back as a list already when it is new."""
    make = Maker({"pair": (1, 2)})
    assert shelf.get("a", make) == shelf.get("a", make) == {"pair": [1, 2]}


def test_of_many_who_ask_at_once_one_makes_it(shelf: Shelf, make: Maker) -> None:
    threads = [threading.Thread(target=shelf.get, args=("a", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == 1


def test_nothing_is_not_kept(shelf: Shelf) -> None:
    make = Maker(None)
    assert shelf.get("a", make) is shelf.get("a", make) is None
    assert make.made == 2


def test_an_error_on_the_way_is_the_makers_and_nothing_is_kept(shelf: Shelf, make: Maker) -> None:
    def fail() -> dict[str, Any]:
        raise OSError("of the maker's")

    with pytest.raises(OSError, match="of the maker's"):
        shelf.get("a", fail)
    assert shelf.get("a", make) == VALUE
    assert make.made == 1


@pytest.mark.parametrize(
    "damage", ["", "{", "[1]", '{"value": {}, "checksum": 5}', "cut", "changed", "moved"]
)
def test_a_file_that_is_not_as_it_was_written_is_made_anew(shelf: Shelf, make: Maker, damage: str) -> None:
    shelf.get("a", make)
    path = shelf.folder / "a.json"
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-5])
        case "new":  # well formed, and not what was made
            content = json.loads(path.read_text())
            content["value"]["error"] = 0.0
            path.write_text(json.dumps(content))
        case "moved":  # of another key
            shelf.get("b", Maker({"error": 0.0}))
            (shelf.folder / "b.json").replace(path)
        case text:
            path.write_text(text)
    assert shelf.get("a", make) == shelf.get("a", make) == VALUE
    assert make.made == 2


def test_what_another_user_wrote_counts_for_nothing(
    shelf: Shelf, make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.get("a", make)
    monkeypatch.setattr(kept, "secret_for", lambda purpose: b"another's")
    Shelf("things", tmp_path).get("a", make)
    assert make.made == 2


def test_where_nothing_can_be_kept_it_is_made_every_time(tmp_path: Path, make: Maker) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert Shelf("things", in_the_way).get("a", make) == Shelf("things", in_the_way).get("a", make) == VALUE
    assert make.made == 2


def test_what_lay_unused_for_longest_makes_room(tmp_path: Path, make: Maker) -> None:
    one = len(json.dumps({"checksum": "0" * 64, "value": VALUE}))
    shelf = Shelf("things", tmp_path, most_bytes=2 * one)
    for age, key in enumerate("ab"):
        shelf.get(key, make)
        os.utime(shelf.folder / f"{key}.json", (age, age))
    shelf.get("a", make)  # now b is the one
    shelf.get("c", make)
    assert sorted(path.stem for path in shelf.folder.glob("*.json")) == ["a", "c"]

"""What is kept is given out as it was made, once for all who ask, and nothing that anybody else wrote."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.checks import cache as kept
from grader.checks.cache import DiskCache

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
def disk_cache(tmp_path: Path) -> DiskCache:
    return DiskCache("things", tmp_path)


def test_it_is_made_once(disk_cache: DiskCache, make: Maker) -> None:
    assert disk_cache.get("a", make) == disk_cache.get("a", make) == VALUE
    assert make.made == 1
    disk_cache.get("b", make)
    assert make.made == 2


def test_what_is_given_out_first_is_as_it_is_given_out_later(disk_cache: DiskCache) -> None:
    """A tuple comes back as a list already when it is new."""
    make = Maker({"pair": (1, 2)})
    assert disk_cache.get("a", make) == disk_cache.get("a", make) == {"pair": [1, 2]}


def test_of_many_who_ask_at_once_one_makes_it(disk_cache: DiskCache, make: Maker) -> None:
    threads = [threading.Thread(target=disk_cache.get, args=("a", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == 1


def test_nothing_is_not_kept(disk_cache: DiskCache) -> None:
    make = Maker(None)
    assert disk_cache.get("a", make) is disk_cache.get("a", make) is None
    assert make.made == 2


def test_an_error_on_the_way_is_the_makers_and_nothing_is_kept(disk_cache: DiskCache, make: Maker) -> None:
    def fail() -> dict[str, Any]:
        raise OSError("of the maker's")

    with pytest.raises(OSError, match="of the maker's"):
        disk_cache.get("a", fail)
    assert disk_cache.get("a", make) == VALUE
    assert make.made == 1


@pytest.mark.parametrize(
    "damage", ["", "{", "[1]", '{"value": {}, "checksum": 5}', "cut", "changed", "moved"]
)
def test_a_file_that_is_not_as_it_was_written_is_made_anew(
    disk_cache: DiskCache, make: Maker, damage: str
) -> None:
    disk_cache.get("a", make)
    path = disk_cache.folder / "a.json"
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-5])
        case "changed":  # well formed, but not the value that was written
            content = json.loads(path.read_text())
            content["value"]["error"] = 0.0
            path.write_text(json.dumps(content))
        case "moved":  # of another key
            disk_cache.get("b", Maker({"error": 0.0}))
            (disk_cache.folder / "b.json").replace(path)
        case text:
            path.write_text(text)
    assert disk_cache.get("a", make) == disk_cache.get("a", make) == VALUE
    assert make.made == 2


def test_what_another_user_wrote_counts_for_nothing(
    disk_cache: DiskCache, make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_cache.get("a", make)
    monkeypatch.setattr(kept, "secret_for", lambda purpose: b"another's")
    DiskCache("things", tmp_path).get("a", make)
    assert make.made == 2


def test_where_nothing_can_be_kept_it_is_made_every_time(tmp_path: Path, make: Maker) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert (
        DiskCache("things", in_the_way).get("a", make)
        == DiskCache("things", in_the_way).get("a", make)
        == VALUE
    )
    assert make.made == 2


def test_what_lay_unused_for_longest_makes_room(tmp_path: Path, make: Maker) -> None:
    one = len(json.dumps({"checksum": "0" * 64, "value": VALUE}))
    disk_cache = DiskCache("things", tmp_path, max_bytes=2 * one)
    for age, key in enumerate("ab"):
        disk_cache.get(key, make)
        os.utime(disk_cache.folder / f"{key}.json", (age, age))
    disk_cache.get("a", make)  # now b is the one
    disk_cache.get("c", make)
    assert sorted(path.stem for path in disk_cache.folder.glob("*.json")) == ["a", "c"]

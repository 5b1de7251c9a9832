"""The cache computes each result once, returns it unchanged, and ignores files that others wrote."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.checks import cache
from grader.checks.cache import DiskCache

VALUE = {"error": 0.1 + 0.2, "losses": [[1.0, 2.5e-17]], "weights": None}


class Computation:
    """Returns a value and counts its calls."""

    def __init__(self, value: dict[str, Any] | None = VALUE) -> None:
        self.value, self.calls = value, 0

    def __call__(self) -> dict[str, Any] | None:
        self.calls += 1
        return self.value


@pytest.fixture
def compute() -> Computation:
    return Computation()


@pytest.fixture
def disk_cache(tmp_path: Path) -> DiskCache:
    return DiskCache("things", tmp_path)


def test_a_result_is_computed_once(disk_cache: DiskCache, compute: Computation) -> None:
    assert disk_cache.get("a", compute) == disk_cache.get("a", compute) == VALUE
    assert compute.calls == 1
    disk_cache.get("b", compute)
    assert compute.calls == 2


def test_a_new_result_equals_the_cached_one(disk_cache: DiskCache) -> None:
    """A tuple is returned as a list even the first time."""
    compute = Computation({"pair": (1, 2)})
    assert disk_cache.get("a", compute) == disk_cache.get("a", compute) == {"pair": [1, 2]}


def test_of_many_simultaneous_callers_one_computes(disk_cache: DiskCache, compute: Computation) -> None:
    threads = [threading.Thread(target=disk_cache.get, args=("a", compute)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compute.calls == 1


def test_none_is_not_stored(disk_cache: DiskCache) -> None:
    compute = Computation(None)
    assert disk_cache.get("a", compute) is disk_cache.get("a", compute) is None
    assert compute.calls == 2


def test_an_error_of_the_computation_is_raised_and_nothing_is_stored(
    disk_cache: DiskCache, compute: Computation
) -> None:
    def fail() -> dict[str, Any]:
        raise OSError("of the computation")

    with pytest.raises(OSError, match="of the computation"):
        disk_cache.get("a", fail)
    assert disk_cache.get("a", compute) == VALUE
    assert compute.calls == 1


@pytest.mark.parametrize(
    "damage", ["", "{", "[1]", '{"value": {}, "checksum": 5}', "cut", "changed", "moved"]
)
def test_a_file_that_was_changed_is_computed_again(
    disk_cache: DiskCache, compute: Computation, damage: str
) -> None:
    disk_cache.get("a", compute)
    path = disk_cache.folder / "a.json"
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-5])
        case "changed":  # well formed, but not the value that was written
            content = json.loads(path.read_text())
            content["value"]["error"] = 0.0
            path.write_text(json.dumps(content))
        case "moved":  # of another key
            disk_cache.get("b", Computation({"error": 0.0}))
            (disk_cache.folder / "b.json").replace(path)
        case text:
            path.write_text(text)
    assert disk_cache.get("a", compute) == disk_cache.get("a", compute) == VALUE
    assert compute.calls == 2


def test_a_file_that_another_user_wrote_is_ignored(
    disk_cache: DiskCache, compute: Computation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_cache.get("a", compute)
    monkeypatch.setattr(cache, "secret_for", lambda purpose: b"another's")
    DiskCache("things", tmp_path).get("a", compute)
    assert compute.calls == 2


def test_without_a_writable_folder_every_call_computes(tmp_path: Path, compute: Computation) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert (
        DiskCache("things", in_the_way).get("a", compute)
        == DiskCache("things", in_the_way).get("a", compute)
        == VALUE
    )
    assert compute.calls == 2


def test_the_least_recently_used_result_is_evicted(tmp_path: Path, compute: Computation) -> None:
    size = len(json.dumps({"checksum": "0" * 64, "value": VALUE}))
    disk_cache = DiskCache("things", tmp_path, max_bytes=2 * size)
    for age, key in enumerate("ab"):
        disk_cache.get(key, compute)
        os.utime(disk_cache.folder / f"{key}.json", (age, age))
    disk_cache.get("a", compute)  # now b is the least recently used
    disk_cache.get("c", compute)
    assert sorted(path.stem for path in disk_cache.folder.glob("*.json")) == ["a", "c"]

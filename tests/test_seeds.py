"""Seeds: the same whenever a machine grades a notebook again, and nobody's guess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SUBMISSIONS, Command

CODE = "import sys; from grader.seeds import seed_for; print(*[seed_for(name) for name in sys.argv[1:]])"


def seeds(home: Path, *names: str) -> list[int]:
    environment = os.environ | {"XDG_DATA_HOME": str(home), "HOME": str(home), "LOCALAPPDATA": str(home)}
    ran = subprocess.run(
        [sys.executable, "-c", CODE, *names], env=environment, capture_output=True, text=True
    )
    return [int(word) for word in ran.stdout.split()]


def test_a_notebook_keeps_its_seed_on_its_machine(tmp_path: Path) -> None:
    """And another notebook, or another machine, has another."""
    here, there = tmp_path / "here", tmp_path / "there"
    first, other = seeds(here, "a", "b")
    assert seeds(here, "a") == [first]
    assert len({first, other, *seeds(there, "a", "b")}) == 4
    assert all(0 <= seed < 2**48 for seed in (first, other))


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    seeds(tmp_path, "a")
    (key,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_where_the_key_cannot_be_kept_there_is_a_seed_all_the_same(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    (first,), (second,) = seeds(blocked, "a"), seeds(blocked, "a")
    assert first != second


def test_the_seed_stands_in_the_result_and_repeats_it(grade: Command) -> None:
    """Whoever has the result can draw again what the judge drew."""
    alice = SUBMISSIONS / "alice.ipynb"
    own = grade(alice, "--only", "schedule").grade("alice")["environment"]["seed"]
    assert own > 2**20
    again = json.loads(grade(alice, "--only", "schedule", "--json", "-q", "--seed", own).out)
    assert again["environment"]["seed"] == own


@pytest.mark.slow
def test_both_seeds_repeat_a_training_elsewhere(
    grade: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the report gives the command, on a machine that does not know the key."""
    alice = SUBMISSIONS / "alice.ipynb"
    ran = grade(alice, "--only", "train.learns", "--no-reuse")
    own = ran.grade("alice")
    seeds = "{seed}:{training_seed}".format(**own["environment"])
    assert f"--seed {seeds}" in ran.page("alice")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    again = grade(alice, "--only", "train.learns", "--no-reuse", "--seed", seeds).grade("alice")
    assert again["criteria"][0]["actual"] == own["criteria"][0]["actual"]


@pytest.mark.parametrize("seed", ["-1", "1e3", "many", "9" * 30, "1:", ":1", "1:2:3"])
def test_a_seed_is_a_whole_number(grade: Command, seed: str) -> None:
    ran = grade(SUBMISSIONS / "alice.ipynb", f"--seed={seed}")
    assert ran.code == 2
    assert "a seed is a whole number" in ran.err

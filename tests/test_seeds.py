"""Seeds: equal whenever a machine grades a notebook again, and unpredictable elsewhere."""

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
    """Another notebook, or another machine, has another seed."""
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


def test_a_key_that_cannot_be_stored_still_gives_a_seed(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    (first,), (second,) = seeds(blocked, "a"), seeds(blocked, "a")
    assert first != second


def test_the_seed_in_a_result_reproduces_it(grade: Command) -> None:
    """The result is enough to repeat the judge's random numbers."""
    alice = SUBMISSIONS / "alice.ipynb"
    own = grade(alice, "--only", "schedule").grade("alice")["environment"]["seed"]
    assert own > 2**20
    again = json.loads(grade(alice, "--only", "schedule", "--json", "-q", "--seed", own).out)
    assert again["environment"]["seed"] == own


@pytest.mark.slow
def test_both_seeds_reproduce_a_training_on_another_machine(
    grade: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command in the report works on a machine with another key."""
    alice = SUBMISSIONS / "alice.ipynb"
    ran = grade(alice, "--only", "train.learns")
    own = ran.grade("alice")
    seeds = "{seed}:{training_seed}".format(**own["environment"])
    assert f"--seed {seeds}" in ran.page("alice")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    again = grade(alice, "--only", "train.learns", "--seed", seeds).grade("alice")
    assert again["criteria"][0]["actual"] == own["criteria"][0]["actual"]


@pytest.mark.parametrize("seed", ["-1", "1e3", "many", "9" * 30, "1:", ":1", "1:2:3"])
def test_a_seed_is_a_whole_number(grade: Command, seed: str) -> None:
    ran = grade(SUBMISSIONS / "alice.ipynb", f"--seed={seed}")
    assert ran.code == 2
    assert "a seed must be a whole number" in ran.err

"""Folders of the user: one for the cache, one for data, wherever the system keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader import files

FOLDERS = """
import sys, torch  # which must not believe to be on another system
sys.platform = {platform!r}
from grader import files
from reference import mnist
print(files.cache_folder(), files.data_folder(), mnist.cache_folder(), sep="\\n")
"""


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_reference_and_grader_share_one_cache_folder(platform: str) -> None:
    code = FOLDERS.format(platform=platform)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    cache, data, mnist = ran.stdout.splitlines()
    assert cache == mnist
    assert cache != data


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_folders_on_linux_stay_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key that all seeds derive from is in one of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert files.cache_folder() == tmp_path / "cache" / "ddpm-grader"
    assert files.data_folder() == tmp_path / "data" / "ddpm-grader"
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable)
    assert files.cache_folder() == Path.home() / ".cache" / "ddpm-grader"
    assert files.data_folder() == Path.home() / ".local" / "share" / "ddpm-grader"


_HOLDS_A_FOLDER = """
import sys
from grader.files import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def _grader(around: Path, *, in_a_container: bool = False) -> tuple[subprocess.Popen[str], Path]:
    """Start a process with a scratch folder below ``around``, and return the folder too."""
    command = [sys.executable, "-c", _HOLDS_A_FOLDER]
    if in_a_container:  # process ids of another one mean nothing here, and the other way round
        command = ["unshare", "--user", "--pid", "--fork", "--map-root-user", *command]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(around)}, stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_graders_in_two_containers_leave_each_others_folders_alone(tmp_path: Path) -> None:
    first, one = _grader(tmp_path, in_a_container=True)
    if not one.name:
        pytest.skip("this machine allows no namespaces")
    second, other = _grader(tmp_path)
    third, third_folder = _grader(tmp_path, in_a_container=True)
    try:
        assert one.is_dir()
        assert other.is_dir()
        assert third_folder.is_dir()
    finally:
        for process in (first, second, third):
            process.communicate("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_the_folder_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    killed, folder = _grader(tmp_path)
    (folder / "deeper").mkdir()
    killed.kill()
    killed.communicate()
    assert folder.exists()
    ended, other = _grader(tmp_path)
    assert not folder.exists()
    ended.communicate("")
    assert not other.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_folder_whose_removal_was_cut_short_is_removed_by_the_next(tmp_path: Path) -> None:
    """A kill, or a child that was still writing: the file that marks the folder may be gone first."""
    killed, folder = _grader(tmp_path)
    (folder / "deeper").mkdir()
    killed.kill()
    killed.communicate()
    (folder / ".lock").unlink()
    ended, _ = _grader(tmp_path)
    ended.communicate("")
    assert not folder.exists()


def test_folders_of_other_machines_are_left_alone(tmp_path: Path) -> None:
    """Their locks may be invisible here."""
    foreign = tmp_path / "grade-run-m00000000-abc"
    foreign.mkdir()
    (foreign / ".lock").touch()
    process, _ = _grader(tmp_path)
    process.communicate("")
    assert foreign.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_graders_that_start_at_the_same_time_all_keep_their_folders(tmp_path: Path) -> None:
    """Some see another's folder before it is locked."""
    code = """
from grader.files import scratch_folder
for _ in range(200):
    with scratch_folder() as folder:
        (folder / "x").touch()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    assert list(tmp_path.iterdir()) == []

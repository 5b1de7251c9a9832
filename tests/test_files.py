"""Folders of the user: one for the cache, one for data, wherever the system keeps them."""

from __future__ import annotations

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

"""Other graders, each version as measured, in a virtual environment of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VERSIONS = {"otter-grader": "7.0.0", "nbgrader": "0.9.6"}


def installed(folder: Path) -> Path:
    """The ``bin`` folder of an environment with all of ``VERSIONS``; made where there is none yet.

    Args:
        folder: where it is, or will be: some 700 MB.
    """
    commands = folder / "bin"
    if not (commands / "nbgrader").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = [f"{name}=={version}" for name, version in VERSIONS.items()]
        subprocess.run([commands / "pip", "install", "--quiet", *wanted], check=True)
    return commands

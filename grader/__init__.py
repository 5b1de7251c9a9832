"""Grade homework notebooks: run submitted code in a sandboxed worker and judge it from outside."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
DEFAULT_RUBRIC = "ddpm"


def load_ipython_extension(shell: Any) -> None:
    """Add ``%grade`` to a notebook, after ``%load_ext grader``."""
    importlib.import_module(f"{__name__}.magic.line_magic").register(shell)  # by name: no grade depends on it

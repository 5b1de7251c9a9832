"""Grade homework notebooks: run submitted code in a sandboxed worker and judge it from outside."""

from __future__ import annotations

__version__ = "0.1.0"
DEFAULT_RUBRIC = "ddpm"

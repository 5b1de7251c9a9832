"""Grades homework notebooks: what is handed in is computed in a worker, and judged from outside it."""

from __future__ import annotations

__version__ = "0.1.0"

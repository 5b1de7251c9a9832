"""The errors that the grader itself raises: each one sentence, what is wrong and what to do."""

from __future__ import annotations


class GraderError(Exception):
    """The base of them all: what ``grade`` prints, without a traceback."""


class UsageError(GraderError):
    """What was asked for cannot be: a wrong path, an unknown rubric."""


class NotebookError(GraderError):
    """The file that was handed in cannot be read as a notebook."""


class WorkerStartError(GraderError):
    """The worker could not be started on this machine."""


class SandboxError(WorkerStartError):
    """A wall around the worker could not be put up, and nothing runs without it."""

"""Errors raised by the grader: one sentence each that says what is wrong and what to do."""

from __future__ import annotations


class GraderError(Exception):
    """Base class; ``grade`` prints the message without a traceback."""


class UsageError(GraderError):
    """A request that cannot be met, such as a wrong path or an unknown rubric."""


class NotebookError(GraderError):
    """A submitted file that cannot be read as a notebook."""


class WorkerStartError(GraderError):
    """The worker could not be started on this machine."""


class AccidentError(GraderError):
    """A process of the grader was lost for no known reason; see ``grader.judging.accidents``."""


class SandboxError(WorkerStartError):
    """A sandbox layer could not be set up; no code runs without it."""

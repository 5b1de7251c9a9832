"""Runs the judge: one pytest process per submission, on a fixed command line that nothing handed in can
influence.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Timer
from typing import Any

from grader.errors import UsageError
from grader.extraction.extract import StudentSource
from grader.extraction.statements import Statement
from grader.judging.process import ERRORS, JudgeProcess, Start, start_afresh
from grader.options import Options, Outcome, ProgressEvent
from grader.rubric import Rubric

_INI = Path(__file__).with_name("judge.ini")
# What pytest does beside running checks; nobody reads any of it here.
_NOT_NEEDED = (
    *("cacheprovider", "logging", "unraisableexception", "threadexception", "doctest", "junitxml"),
    *("faulthandler", "tracemalloc", "pastebin", "setuponly", "setupplan", "stepwise", "skipping"),
)
_CHECK_SECONDS = 1800  # the backstop for a hang of ours; a student's deadline is the worker's
_TOTAL_SECONDS = 7200.0

_RUNNING: set[JudgeProcess] = set()


def run_judge(
    rubric: Rubric,
    source: StudentSource,
    options: Options,
    tell: Callable[[ProgressEvent], None],
    start: Start = start_afresh,
    secret: bytes = b"",
) -> Outcome:
    """Judge ``source`` by ``rubric``, telling of every step as it comes.

    Args:
        secret: what the seeds of work are drawn from that notebooks share.

    Raises:
        UsageError: the rubric cannot judge with these options, such as data that is not there.
    """
    with tempfile.TemporaryDirectory(prefix="grade-judge-") as folder:
        request_file, outcome = Path(folder) / "request.json", Path(folder) / "outcome.json"
        request_file.write_text(json.dumps(request(rubric, source, options, outcome, secret)))
        process = start(pytest_arguments(rubric, request_file), Path(folder))
        _RUNNING.add(process)
        try:
            code = _listen(process, tell)
        finally:
            _RUNNING.discard(process)
        last_words = _last_words((Path(folder) / ERRORS).read_text(errors="replace"))
        if not outcome.exists():
            return Outcome(failure=last_words or f"the judge ended with code {code}")
        left = json.loads(outcome.read_text())
        if refusal := left.pop("refusal", None):
            raise UsageError(refusal)
        return Outcome(**left, failure=None if code in (0, 1, 5) else last_words)


def stop_all() -> None:
    """End every judge at once; each takes its workers with it."""
    for process in list(_RUNNING):
        process.kill()


def request(
    rubric: Rubric, source: StudentSource, options: Options, outcome: Path, secret: bytes
) -> dict[str, Any]:
    """What the judge is asked, as JSON takes it."""
    return {
        "rubric": str(rubric.folder),
        "statements": _packed(source.statements),
        "modules": {name: _packed(module.statements) for name, module in source.modules.items()},
        "needs": {name: list(places) for name, places in source.needs.items()},
        "names": dict(source.names),
        "unset": dict(source.unset),
        "weights": str(source.weights) if source.weights else None,
        "extraction": {**source.summary(), "hints": dict(source.hints)},
        "outcome": str(outcome),
        "device": options.device,
        "data": options.data,
        "seed": options.seed,
        "training_seed": options.training_seed,
        "secret": secret.hex(),
        "reuse": options.reuse,
        "quick": options.quick,
        "only": list(options.only),
        "threads": options.threads,
        "gpu_share": options.gpu_share,
        "layers": options.layers,
    }


def _packed(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    return [
        {"source": s.source, "cell": s.cell, "line": s.line, "flags": s.flags, "binds": sorted(s.binds)}
        for s in statements
    ]


def pytest_arguments(rubric: Rubric, request: Path) -> list[str]:
    """pytest's command line for one request; nothing of it comes from a submission."""
    method = "signal" if hasattr(os, "fork") else "thread"
    return [
        *("-c", str(_INI), "--rootdir", str(rubric.folder)),
        *("-p", "grader.judging.orphan_guard", "-p", "no:terminal", "--capture=no"),
        *(argument for name in _NOT_NEEDED for argument in ("-p", f"no:{name}")),
        *("--assert=plain", "--strict-markers", "-W", "ignore"),
        *("-p", "pytest_timeout", f"--timeout={_CHECK_SECONDS}", f"--timeout-method={method}"),
        *("-p", "grader.judging.plugin", "--judge-request", str(request)),
        str(rubric.folder),
    ]


def _listen(process: JudgeProcess, tell: Callable[[ProgressEvent], None]) -> int | None:
    """Pass on what the judge says until it ends, and return its exit code."""
    timer = Timer(_TOTAL_SECONDS, process.kill)
    timer.start()
    try:
        for line in process.events:
            if line.startswith("{"):
                tell(json.loads(line))
        return process.wait()
    finally:
        timer.cancel()
        process.end()


def _last_words(errors: str) -> str | None:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else None

"""Run the judge: one pytest process per submission, on a command line that no submission can influence."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.extraction.statements import Statement
from grader.extraction.student_source import StudentSource
from grader.judging.process import ERRORS, JudgeProcess, StartJudge, start_fresh
from grader.judging.supervision import Supervisor
from grader.options import EventListener, Options, Outcome
from grader.rubric import Rubric

HEARTBEAT = "processor"  # key of the events of ``grader.judging.heartbeat``
_INI = Path(__file__).with_name("judge.ini")
# Plugins that only cost time here: nothing reads their output.
_UNUSED_PLUGINS = (
    *("cacheprovider", "logging", "unraisableexception", "threadexception", "doctest", "junitxml"),
    *("faulthandler", "tracemalloc", "pastebin", "setuponly", "setupplan", "stepwise", "skipping"),
)
_CHECK_SECONDS = 7200  # a backstop for hangs of the judge itself; student code has shorter limits

_RUNNING: set[JudgeProcess] = set()


def run_judge(
    rubric: Rubric,
    source: StudentSource,
    options: Options,
    on_event: EventListener,
    start: StartJudge = start_fresh,
    secret: bytes = b"",
) -> Outcome:
    """Judge ``source`` by ``rubric``.

    Args:
        on_event: called with every progress event.
        start: starts the judge's process.
        secret: key for the seeds of trainings.

    Raises:
        UsageError: the rubric cannot judge with these options, for example because data is missing.
        AccidentError: the judge's process cannot be started any more.
    """
    with tempfile.TemporaryDirectory(prefix="grade-judge-") as folder:
        request_file, outcome = Path(folder) / "request.json", Path(folder) / "outcome.json"
        request_file.write_text(json.dumps(request(rubric, source, options, outcome, secret)))
        process = start(pytest_arguments(rubric, request_file), Path(folder))
        _RUNNING.add(process)
        try:
            code, killed = _listen(process, on_event)
        finally:
            _RUNNING.discard(process)
        error = _last_line((Path(folder) / ERRORS).read_text(errors="replace"))
        try:
            content = json.loads(outcome.read_text())
        except (OSError, ValueError):  # it ended before it had written everything
            return Outcome(accident=killed or error or _ending(code))
        if refusal := content.pop("refusal", None):
            raise UsageError(refusal)
        # pytest's exit codes: 0 all passed, 1 some failed, 5 nothing collected.
        return Outcome(**content, failure=None if code in (0, 1, 5) else error)


def _ending(code: int | None) -> str:
    if code is None or code < 0:
        return "the judge's process was killed"
    return f"the judge's process ended with code {code}"


def stop_all() -> None:
    """Kill every running judge; their workers end with them."""
    for process in list(_RUNNING):
        process.kill()


def request(
    rubric: Rubric, source: StudentSource, options: Options, outcome: Path, secret: bytes
) -> dict[str, Any]:
    """Return the judge's input as JSON values."""
    return {
        "rubric": str(rubric.source),
        "statements": _rows(source.statements),
        "modules": {name: _rows(module.statements) for name, module in source.modules.items()},
        "files": dict(source.files),
        "needs": {name: list(places) for name, places in source.needs.items()},
        "names": dict(source.names),
        "unset": dict(source.undefined),
        "weights": str(source.checkpoint) if source.checkpoint else None,
        "extraction": {**source.summary(), "hints": dict(source.hints)},
        "outcome": str(outcome),
        "device": options.device,
        "data": options.data,
        "seed": options.seed,
        "training_seed": options.training_seed,
        "secret": secret.hex(),
        "quick": options.quick,
        "only": list(options.only),
        "threads": options.threads,
        "gpu_share": options.gpu_share,
        "layers": options.layers,
    }


def _rows(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    return [
        {"source": s.source, "cell": s.cell, "line": s.line, "flags": s.flags, "binds": sorted(s.binds)}
        for s in statements
    ]


def pytest_arguments(rubric: Rubric, request: Path) -> list[str]:
    """Return pytest's arguments for one request; none of them comes from a submission."""
    method = "signal" if hasattr(os, "fork") else "thread"
    return [
        *("-c", str(_INI), "--rootdir", str(rubric.folder)),
        *("--confcutdir", str(rubric.folder)),  # or pytest would load every conftest.py above the rubric too
        *("-p", "grader.judging.orphan_guard", "-p", "grader.judging.heartbeat"),
        *("-p", "grader.judging.fresh_bytecode"),
        *("-p", "no:terminal", "--capture=no"),
        *(argument for name in _UNUSED_PLUGINS for argument in ("-p", f"no:{name}")),
        *("--assert=plain", "--strict-markers", "-W", "ignore"),
        *("-p", "pytest_timeout", f"--timeout={_CHECK_SECONDS}", f"--timeout-method={method}"),
        *("-p", "grader.judging.plugin", "--judge-request", str(request)),
        str(rubric.folder),
    ]


def _listen(process: JudgeProcess, on_event: EventListener) -> tuple[int | None, str | None]:
    """Pass on the judge's events until it ends. Returns its exit code, and why it was killed, if it was."""
    with Supervisor(process) as supervisor:
        try:
            for line in process.events:
                supervisor.heard()
                if not line.startswith("{"):
                    continue
                event = json.loads(line)
                if HEARTBEAT in event:
                    supervisor.used(event[HEARTBEAT])
                else:
                    on_event(event)
            return process.wait(), supervisor.reason
        finally:
            process.end()


def _last_line(errors: str) -> str | None:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else None

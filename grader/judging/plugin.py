"""The judge: a pytest plugin that runs a rubric's checks on one student's source and records a verdict each.

It reads one request file, writes one outcome file, and reports progress on standard output as one JSON object
a line. It starts the worker process before it imports torch, so that both load at the same time: hence the
imports inside functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from grader.checks import Blocked, Evidence, NeedsReview, Reporter
from grader.checks.session import Judge, emit
from grader.errors import UsageError, WorkerStartError
from grader.judging.verdicts import is_device_error, is_timeout, verdict_for
from grader.sandbox.zygote import Zygote

_JUDGE = pytest.StashKey["Judge"]()
_EVIDENCE = pytest.StashKey[Evidence]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the request file."""
    parser.addoption("--judge-request", required=True, help="JSON file with the judge's input")


def pytest_configure(config: pytest.Config) -> None:
    """Read the request and start the zygote, unless one is registered as a plugin."""
    config.addinivalue_line("markers", "criterion(id): the criterion that a check decides")
    given = (plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, Zygote))
    config.stash[_JUDGE] = Judge(Path(config.getoption("--judge-request")), next(given, None))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the zygote and write the outcome."""
    if judge := config.stash.get(_JUDGE, None):
        if judge.owns_zygote:
            judge.zygote.close()
        judge.write()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a rubric with a check file that cannot be loaded, rather than run without its checks."""
    report = yield
    if report.failed:
        lines = [line[1:] for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        why = " ".join(" ".join(lines).split())
        _refuse(collector.config.stash[_JUDGE], f"{report.nodeid} cannot be loaded: {why}")
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Match checks to criteria, and keep the requested ones."""
    judge = config.stash[_JUDGE]
    places = judge.rubric.answer_places
    known = {criterion.id for criterion in judge.rubric.criteria} - places.keys()
    decided = {id for item in items if (id := _criterion(item))}
    for item in items:
        if (id := _criterion(item)) not in known:
            other = f"no criterion of the rubric {judge.rubric.id}"
            whose = f"{id}, which a person judges" if id in places else other
            _refuse(judge, f"{item.nodeid} belongs to {whose}")
    if undecided := known - decided:
        _refuse(judge, f"no check of the rubric {judge.rubric.id} belongs to {', '.join(sorted(undecided))}")
    selected = judge.selected()
    items[:] = [item for item in items if _criterion(item) in selected]
    trains = {criterion.id for criterion in judge.rubric.criteria if criterion.needs_training}
    # In the rubric's order, with those that need the training last: it runs in the background meanwhile.
    items.sort(key=lambda item: (_criterion(item) in trains, selected.index(str(_criterion(item)))))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Report which check begins."""
    emit({"check": _criterion(item)})
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Turn the result of a check into a verdict.

    This replaces pytest's own report, which would format the arguments of every frame of a failure, tensors
    included, for output that nothing reads.
    """
    judge = item.config.stash[_JUDGE]
    if call.excinfo and isinstance(call.excinfo.value, UsageError):
        judge.refusal = str(call.excinfo.value)
        item.session.shouldstop = judge.refusal
    if call.excinfo and is_device_error(call.excinfo.value):
        judge.environment["device_failure"] = str(call.excinfo.value)
    if call.excinfo and isinstance(call.excinfo.value, NeedsReview):
        judge.doubts |= dict.fromkeys(call.excinfo.value.doubts, str(call.excinfo.value))
    if call.excinfo and is_timeout(call.excinfo.value):
        judge.zygote.accidents.append("a check of the grader did not come to an end")
    if call.when == "call" or (call.when == "setup" and call.excinfo):
        judge.checks.append(_outcome(item, call))
    elif call.excinfo:
        judge.checks.append(_outcome(item, call) | {"verdict": "error"})  # while fixtures are torn down
    outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
    assert call.when != "collect"
    return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)


def _refuse(judge: Judge, why: str) -> NoReturn:
    """End the run: a mistake in the rubric is its author's to repair, never a student's provisional zero."""
    judge.refusal = why
    raise pytest.UsageError(why)


def _outcome(item: pytest.Item, call: pytest.CallInfo[None]) -> dict[str, Any]:
    evidence = item.stash.get(_EVIDENCE, Evidence())
    outcome: dict[str, Any] = {
        "criterion": _criterion(item),
        "seconds": round(call.duration, 3),
        "credit": 0.0,
        "misconception": None,
        "message": evidence.message or _sentence(item),
        **{name: getattr(evidence, name) for name in ("expected", "actual", "reading", "measured")},
    }
    if call.excinfo is None:
        return outcome | {"verdict": "pass", "credit": 1.0}
    return outcome | verdict_for(call.excinfo.value, in_fixture=call.when == "setup")


def _criterion(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("criterion")
    return mark.args[0] if mark else None


def _sentence(item: pytest.Item) -> str:
    text = (getattr(item, "obj", None).__doc__ or item.name).strip().split("\n\n")[0]
    text = " ".join(text.split())
    # The name of a definition keeps its case, and "β" must not become the capital "Β".
    keeps_case = text.split()[0] in item.config.stash[_JUDGE].rubric.wanted or not text[0].isascii()
    first = text[0] if keeps_case else text[0].upper()
    return first + text[1:] + ("" if text.endswith(".") else ".")


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Judge:
    """The run: request, rubric, environment."""
    return request.config.stash[_JUDGE]


@pytest.fixture(scope="session")
def reporter(judge: Judge) -> Reporter:
    """Collects notes, conventions, figures, progress and times for the report."""
    return judge.reporter


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """The findings of this check, for the report."""
    evidence: Evidence = request.node.stash.setdefault(_EVIDENCE, Evidence())
    return evidence


@pytest.fixture(scope="session")
def seeded(judge: Judge) -> Any:
    """Random number generators for the judge, one for each purpose (``grader.checks.randomness.Seeded``).

    The student's code knows the last digits of the seed and sees some of the numbers drawn here. Neither
    helps it to predict another purpose's numbers.
    """
    from grader.checks.randomness import streams

    return streams(judge.request["seed"])


@pytest.fixture(scope="session")
def need(judge: Judge) -> Callable[[str], None]:
    """Function that blocks a check if the notebook lacks a definition."""
    extraction: dict[str, Any] = judge.request["extraction"]

    def need(name: str) -> None:
        if name in extraction["missing"]:
            hint = extraction["hints"].get(name, "")
            raise Blocked(f"The notebook defines no {name}. {hint}".strip())

    return need


@pytest.fixture(scope="session")
def student_data() -> Any:
    """The ``ServedDataset`` that torchvision holds in the worker; a rubric's conftest may override it."""
    return None


@pytest.fixture(scope="session")
def student(judge: Judge, student_data: Any) -> Iterator[Any]:
    """The student's code, loaded into a worker."""
    import torch

    from grader.sandbox.devices import resolve_device
    from grader.sandbox.source import WorkerSource
    from grader.sandbox.student import Student
    from grader.sandbox.values import DeviceError, StudentError, WorkerError

    torch.set_num_threads(1)
    request = judge.request
    source = WorkerSource(
        **{name: request[name] for name in ("statements", "modules", "files", "needs", "names", "unset")},
        free_variables=request["extraction"]["outside"],
    )
    student = Student(
        zygote=judge.zygote,
        source=source,
        device=resolve_device(request["device"]),
        threads=request["threads"],
        # Up to three workers run at once (checks, training, sampling), each with a CUDA context of its own.
        gpu_share=request["gpu_share"] / 4,
        seed=request["seed"] % 1000,  # known to the worker; the judge's streams need all digits
        data=student_data if source.mentions("torchvision") else None,
    )
    started = time.monotonic()
    try:
        student.start()
    except (DeviceError, StudentError, WorkerError, WorkerStartError):
        if request["device"] != "auto" or student.device == "cpu":
            raise
        judge.reporter.note("This machine's GPU could not be used, so everything ran on the CPU.")
        student.close()
        student = replace(student, device="cpu")
        student.start()
    judge.environment |= {"torch": torch.__version__, "device": student.device, "threads": student.threads}
    judge.environment["isolation"] = ["process", *student.layers]
    judge.reporter.seconds["start"] = round(time.monotonic() - started, 3)
    yield student
    judge.reporter.notes += [notice for notice in student.notices if notice not in judge.reporter.notes]
    student.close()
    judge.reporter.add_seconds("student", student.spent.seconds)
    judge.reporter.add_seconds("processor", student.spent.cpu_seconds)

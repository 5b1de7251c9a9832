"""The judge: a pytest plugin that runs a rubric's checks on one student's source and writes what became of
each.

It is given one request file and writes one outcome file; on standard output it says, a JSON object a line,
how far it is. It starts the worker before it imports torch, so that both load at the same time.
"""

from __future__ import annotations

import sysconfig
import time
import traceback
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from grader.checks import Blocked, Evidence, NeedsReview, Reporter, Skipped, Unmet
from grader.checks.session import Judge, say
from grader.errors import UsageError, WorkerStartError
from grader.sandbox.zygote import Zygote

_REQUEST = pytest.StashKey["Judge"]()
_FINDING = pytest.StashKey[Evidence]()
_NOT_OURS = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option: where the request is."""
    parser.addoption("--judge-request", required=True, help="JSON file that says what to judge")


def pytest_configure(config: pytest.Config) -> None:
    """Read the request and start the workers' process, unless one was given to pytest as a plugin."""
    config.addinivalue_line("markers", "criterion(id): the criterion that a check speaks for")
    lent = (plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, Zygote))
    config.stash[_REQUEST] = Judge(Path(config.getoption("--judge-request")), next(lent, None))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the worker, and leave the outcome."""
    if judge := config.stash.get(_REQUEST, None):
        if judge.owns_zygote:
            judge.zygote.close()
        judge.write()


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A check file that cannot be loaded is an error of the rubric's, not one check less."""
    if report.failed:
        lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        raise pytest.UsageError(f"{report.nodeid} cannot be loaded: {' '.join(' '.join(lines).split())}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Match checks to criteria, and keep those that were asked for."""
    judge = config.stash[_REQUEST]
    known = {criterion.id for criterion in judge.rubric.criteria}
    spoken_for = {id for item in items if (id := _criterion(item))}
    for item in items:
        if _criterion(item) not in known:
            raise pytest.UsageError(f"{item.nodeid} speaks for no criterion of {judge.rubric.id}")
    if unasked := known - spoken_for:
        raise pytest.UsageError(f"no check speaks for {', '.join(sorted(unasked))}")
    asked = judge.asked()
    items[:] = [item for item in items if _criterion(item) in asked]
    trains = {criterion.id for criterion in judge.rubric.criteria if criterion.needs_training}
    # As the rubric lists them, but for what a training is to go on beside.
    items.sort(key=lambda item: (_criterion(item) in trains, asked.index(str(_criterion(item)))))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Say which check is under way."""
    say({"check": _criterion(item)})
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Turn what became of a check into a verdict. It replaces pytest's own, which puts all arguments on the
    way to a failure into words that nobody reads, every tensor of theirs included.
    """
    judge = item.config.stash[_REQUEST]
    if call.excinfo and isinstance(call.excinfo.value, UsageError):
        judge.refusal = str(call.excinfo.value)
        item.session.shouldstop = judge.refusal
    if call.excinfo and _is_gpus(call.excinfo.value):
        judge.environment["device_failure"] = str(call.excinfo.value)
    if call.when == "call" or (call.when == "setup" and call.excinfo):
        judge.checks.append(_outcome(item, call))
    elif call.excinfo:
        judge.checks.append(_outcome(item, call) | {"verdict": "error"})
    outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
    assert call.when != "collect"
    return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)


def _outcome(item: pytest.Item, call: pytest.CallInfo[None]) -> dict[str, Any]:
    evidence = item.stash.get(_FINDING, Evidence())
    outcome: dict[str, Any] = {
        "criterion": _criterion(item),
        "seconds": round(call.duration, 3),
        "credit": 0.0,
        "misconception": None,
        "message": evidence.message or _sentence(item),
        **{name: getattr(evidence, name) for name in ("expected", "actual", "reading")},
    }
    if call.excinfo is None:
        return outcome | {"verdict": "pass", "credit": 1.0}
    return outcome | _verdict(call.excinfo.value, in_fixture=call.when == "setup")


def _verdict(error: BaseException, *, in_fixture: bool) -> dict[str, Any]:
    from grader.sandbox.values import DeviceError, StudentError

    students = "blocked" if in_fixture else "fail"
    match error:
        case Unmet():
            about: dict[str, Any] = {
                "expected": error.expected,
                "actual": error.actual,
                "reading": error.reading,
            }
            about = {key: value for key, value in about.items() if value is not None}
            credit = 0.0 if in_fixture else error.credit
            about |= {"misconception": error.misconception, "credit": credit}
            return {"verdict": students, "message": str(error), **about}
        case Blocked():
            return {"verdict": "blocked", "message": str(error)}
        case Skipped():
            return {"verdict": "left out", "message": str(error)}
        case NeedsReview():
            return {"verdict": "error", "message": str(error)}
        case DeviceError():
            what_to_do = "grade it again with --device cpu, or fewer --jobs"
            return {"verdict": "error", "message": f"This could not be asked: {error}; {what_to_do}."}
        case StudentError(type="ModuleNotFoundError"):
            return {"verdict": "error", "message": f"Your code needs what is not installed here: {error}"}
        case StudentError():
            return {"verdict": students, "message": f"Your code could not answer: {error}"}
        case AssertionError() if str(error):
            return {"verdict": students, "message": str(error).splitlines()[0]}
    what = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return {"verdict": "error", "message": f"The grader itself failed here ({what}; {_where(error)})."}


def _where(error: BaseException) -> str:
    """The last place on the way to it that is neither Python's nor a library's, if there is one."""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if not place[0].startswith(_NOT_OURS)]
    file, line = (ours or places or [("?", 0)])[-1]
    return f"{Path(file).name}, line {line}"


def _is_gpus(error: BaseException) -> bool:
    from grader.sandbox.values import DeviceError

    return isinstance(error, DeviceError)


def _criterion(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("criterion")
    return mark.args[0] if mark else None


def _sentence(item: pytest.Item) -> str:
    text = (getattr(item, "obj", None).__doc__ or item.name).strip().split("\n\n")[0]
    text = " ".join(text.split())
    first = text[0].upper() if text[0].isascii() else text[0]  # β is not to become Β
    return first + text[1:] + ("" if text.endswith(".") else ".")


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Judge:
    """The run itself: request, rubric, environment."""
    return request.config.stash[_REQUEST]


@pytest.fixture(scope="session")
def reporter(judge: Judge) -> Reporter:
    """Where checks leave notes, figures and progress."""
    return judge.reporter


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """What this check found, for the report."""
    found: Evidence = request.node.stash.setdefault(_FINDING, Evidence())
    return found


@pytest.fixture(scope="session")
def student_data() -> Any:
    """The ``ServedDataset`` that torchvision holds in the worker; a rubric's conftest may override it."""
    return None


@pytest.fixture(scope="session")
def student(judge: Judge, student_data: Any) -> Iterator[Any]:
    """The student's code, loaded into a worker of its own."""
    import torch

    from grader.sandbox.devices import resolve_device
    from grader.sandbox.source import WorkerSource
    from grader.sandbox.student import Student
    from grader.sandbox.values import DeviceError, StudentError, WorkerError

    torch.set_num_threads(1)
    request = judge.request
    source = WorkerSource(
        **{name: request[name] for name in ("statements", "modules", "needs", "names", "unset")},
        free_variables=request["extraction"]["outside"],
    )
    student = Student(
        zygote=judge.zygote,
        source=source,
        device=resolve_device(request["device"]),
        threads=request["threads"],
        # One asks questions, one trains, one samples, and CUDA itself needs room in each.
        gpu_share=request["gpu_share"] / 4,
        seed=request["seed"] % 1000,  # the worker knows it, and must not know what the judge draws
        data=student_data if source.mentions("torchvision") else None,
    )
    started = time.monotonic()
    try:
        student.start()
    except (DeviceError, StudentError, WorkerError, WorkerStartError):
        if request["device"] != "auto" or student.device == "cpu":
            raise
        judge.reporter.note("The GPU of this machine could not be used, so everything ran on its processor.")
        student.close()
        student = replace(student, device="cpu")
        student.start()
    judge.environment |= {"torch": torch.__version__, "device": student.device, "threads": student.threads}
    judge.environment["isolation"] = ["process", *student.layers]
    judge.reporter.seconds["start"] = round(time.monotonic() - started, 3)
    yield student
    judge.reporter.notes += [notice for notice in student.notices if notice not in judge.reporter.notes]
    student.close()
    judge.reporter.spend("student", student.spent.seconds)
    judge.reporter.spend("processor", student.spent.cpu_seconds)

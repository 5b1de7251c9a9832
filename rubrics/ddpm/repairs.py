"""Slips that stop a part of the student's: repaired so that the rest can be judged, and charged once."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest

from grader.checks import Reporter, Unmet
from grader.checks.repairs import find_repair
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .network.probe import Network
from .sampler.probe import RecoveredSampler
from .trainer.recording import RecordedTraining

T = TypeVar("T")
_REPAIRS = pytest.StashKey["Repairs"]()
_NOT_REPAIRED = ("ModuleNotFoundError", "Endless", "SystemExit", "Timeout")


class Repairs:
    """Asks the student's parts, with one slip in each repaired.

    Attributes:
        charges: the sentence about each repaired slip, by the criterion that loses its points for it.
    """

    def __init__(self, student: Student, reporter: Reporter) -> None:
        self.student, self.reporter = student, reporter
        self.charges: dict[str, Unmet] = {}
        self._tried: set[str] = set()

    def ask(
        self,
        part: str,
        question: Callable[[Student], T],
        criterion: Callable[[Exception], str],
        failure: Callable[[T], Exception | None] = lambda _: None,
    ) -> T:
        """Return the answer to a question; if it fails for a slip that can be repaired, ask again without.

        Args:
            part: the definition that is asked.
            question: asks it in a worker.
            criterion: returns the criterion that the slip is charged to.
            failure: returns why an answer is none.

        Raises:
            StudentError, Unmet: as the question, if no repair helps.
        """
        student, answers = self.student, list[T]()
        try:
            answers.append(question(student))
            error = failure(answers[0])
            if error is None:
                return answers[0]
        except (StudentError, Unmet) as raised:
            error = raised
        if not self._is_repaired(part, question, criterion, failure, error):
            if answers:
                return answers[0]
            raise error
        return question(student)

    def _is_repaired(
        self,
        part: str,
        question: Callable[[Student], T],
        criterion: Callable[[Exception], str],
        failure: Callable[[T], Exception | None],
        error: Exception,
    ) -> bool:
        if isinstance(error, StudentError) and (error.lost or error.type in _NOT_REPAIRED):
            return False
        if part in self._tried:
            return False
        self._tried.add(part)
        repair = find_repair(self.student, part, error, lambda other: failure(question(other)) is None)
        if repair is None:
            return False
        charged = criterion(error)
        repair.apply(self.student)
        raised = "Your code raised an error: " if isinstance(error, StudentError) else ""
        sentence = f"{raised}{error}" + ("" if str(error).endswith((".", "?")) else ".")
        self.charges[charged] = Unmet(
            f"{sentence} So that this costs no other criterion, {repair.what}.",
            expected="code that runs",
            actual=str(error),
            misconception=repair.misconception,
        )
        self.reporter.note(f"For all criteria but one, {repair.what}.")
        return True


def criterion_of_schedule(student: Student) -> Callable[[Exception], str]:
    """Return a function that finds the criterion of the curve that the failing line sets."""

    def criterion(error: Exception) -> str:
        for statement in student.source.statements:
            if isinstance(error, StudentError) and error.line and statement["cell"] == error.cell:
                rows = statement["source"].split("\n")
                row = error.line - int(statement["line"])
                if 0 <= row < len(rows) and (
                    match := re.match(r"\s*self\.(betas|alphas|alpha_bar)\s*=", rows[row])
                ):
                    return f"schedule.{match[1]}"
        return "schedule.betas"

    return criterion


def criterion_of_forward(error: Exception) -> str:
    """Return the criterion of a slip in ``noise_diffusion``: that of the result if it returns none."""
    return "forward.noise_returned" if isinstance(error, Unmet) else "forward.image_coefficient"


def criterion_of_training(training: RecordedTraining) -> str:
    """Return the criterion of a slip in ``train``: that of the losses if all batches came before it."""
    seen = len(training.training_passes) == training.size.epochs * training.size.batches
    validated = len(training.validation_passes) == training.size.epochs * training.size.validation_batches
    return "train.returns_losses" if seen and validated else "train.optimizer_step"


def network_failure(network: Network) -> Exception | None:
    """Return why a network gives no output."""
    return network.failure


def training_failure(training: RecordedTraining) -> Exception | None:
    """Return why ``train`` did not finish."""
    return training.error


def sampler_failure(sampling: RecoveredSampler) -> Exception | None:
    """Return why a sampler did not finish."""
    return sampling.first.error


@pytest.fixture(scope="session", name="repairs")
def repairs_fixture(request: pytest.FixtureRequest, student: Student, reporter: Reporter) -> Repairs:
    """Asks the student's parts, with one slip in each repaired."""
    return request.config.stash.setdefault(_REPAIRS, Repairs(student, reporter))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Charge a slip that was repaired to its criterion, whatever the check finds behind it."""
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    mark, repairs = item.get_closest_marker("criterion"), item.config.stash.get(_REPAIRS, None)
    if charged := repairs.charges.get(mark.args[0]) if mark and repairs else failure:
        raise charged
    if failure:
        raise failure

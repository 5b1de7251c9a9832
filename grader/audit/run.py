"""Grade solutions with known grades, several at a time, and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from grader.audit.corpus import Solution
from grader.audit.warm import WarmGrader
from grader.judging import score
from grader.judging.run import stop_all
from grader.model import Grade, Verdict
from grader.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A criterion that did not earn full points."""

    criterion: str
    verdict: str
    credit: float
    misconception: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The grade of one solution, compared with the expected one.

    Attributes:
        losses: every criterion that did not earn full points.
        failure: why the grader itself failed, if it did.
    """

    solution: Solution
    losses: tuple[Loss, ...]
    seconds: float
    failure: str | None = None

    @property
    def missed(self) -> frozenset[str]:
        """Criteria that should have lost points and did not."""
        blocked = self.solution.kind == "degenerate"  # then nothing is earned, which is all that is asked
        failed = {loss.criterion for loss in self.losses if loss.verdict == Verdict.FAIL or blocked}
        return self.solution.loses - failed

    @property
    def collateral(self) -> frozenset[str]:
        """Criteria that lost points, or were not checked, although their part is correct."""
        return frozenset(loss.criterion for loss in self.losses) - self.solution.loses

    @property
    def unnamed(self) -> frozenset[str]:
        """Misconceptions that should have been named and were not."""
        return self.solution.misconceptions - {loss.misconception for loss in self.losses}

    @property
    def sound(self) -> bool:
        """True if the grade is as expected; the name of a mistake is not part of the grade."""
        return not (self.missed or self.collateral or self.failure)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the result file."""
        return {
            "name": self.solution.name,
            "kind": self.solution.kind,
            "loses": sorted(self.solution.loses),
            "missed": sorted(self.missed),
            "collateral": sorted(self.collateral),
            "misconceptions": sorted(self.solution.misconceptions),
            "unnamed": sorted(self.unnamed),
            "losses": [{name: getattr(loss, name) for name in Loss.__slots__} for loss in self.losses],
            "seconds": self.seconds,
            "failure": self.failure,
        }


def run(
    rubric: str, solutions: Sequence[Solution], options: Options, jobs: int, on_trial: Callable[[Trial], None]
) -> list[Trial]:
    """Grade every solution, ``jobs`` at a time; return the trials in the order of the solutions.

    Args:
        rubric: name or folder.
        on_trial: called with each trial as it is done.
    """
    done: dict[str, Trial] = {}
    with WarmGrader(rubric) as grader, ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(try_solution, grader, solution, options) for solution in solutions]
        try:
            for future in as_completed(futures):
                trial = future.result()
                done[trial.solution.name] = trial
                on_trial(trial)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise
    return [done[solution.name] for solution in solutions]


def try_solution(grader: WarmGrader, solution: Solution, options: Options) -> Trial:
    """Return the grade of one solution, compared with the expected one."""
    grade = grader.grade(solution.notebook(), options)
    return Trial(
        solution=solution,
        losses=tuple(_losses(grade)),
        seconds=round(sum(result.seconds for result in grade.criteria), 2),
        failure=next((note for note in grade.notes if note.startswith(score.FAILURE)), None),
    )


def _losses(grade: Grade) -> Iterable[Loss]:
    for result in grade.criteria:
        if result.verdict not in (Verdict.PASS, Verdict.OPEN):  # a person grades what is open
            yield Loss(
                criterion=result.id,
                verdict=result.verdict.value,
                credit=result.credit,
                misconception=result.misconception,
                message=result.message,
            )

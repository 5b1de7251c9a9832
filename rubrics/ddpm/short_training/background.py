"""The short training as it goes on beside the other checks: in a worker of its own, and in a thread here."""

from __future__ import annotations

from dataclasses import asdict

from grader.checks import Reporter
from grader.checks.background import BackgroundTask
from grader.checks.isolated_work import IsolatedWork
from grader.checks.randomness import streams
from grader.checks.session import Judge
from grader.closing import Closing
from grader.probes.training_budget import TrainingBudget
from grader.sandbox.student import Student

from .cache import learn_or_recall
from .plan import TrainingPlan
from .reference_curves import reference_curve_for
from .trainers import ImageData
from .training import ShortTraining, TrainingOutcome


class BackgroundTraining(Closing):
    """A short training, under way from now on; a context manager.

    Args:
        student: whose it is; the worker of it is left alone.
        reporter: where it says what there is to say, once it is done.

    Raises:
        UsageError: there is nothing to train on.
    """

    def __init__(self, judge: Judge, student: Student, plan: TrainingPlan, reporter: Reporter) -> None:
        request, settings = judge.request, judge.rubric.settings
        budget = TrainingBudget.of(settings["training"])
        data = ImageData.of(request["data"], budget)
        depends = {"plan": plan.as_json(), "images": data.digest, "budget": asdict(budget)}
        self._apart = IsolatedWork.of(judge, student, plan.parts, depends, request["training_seed"])
        judge.environment["training_seed"] = self._apart.seed
        self._reporter, self._own_talk = reporter, Reporter(say=reporter.say)

        def tell(done: int, total: int) -> None:
            reporter.progress("training the reference, epoch", done, total)

        training = ShortTraining(
            self._apart.student,
            plan,
            data=data,
            reference_curve=reference_curve_for(request["data"], data, plan.reading, budget, tell),
            budget=budget,
            tolerance=settings["tolerance"],
            seeded=streams(self._apart.seed),
            unknown=streams(request["seed"])("a last look"),
            reporter=self._own_talk,
        )

        def work() -> TrainingOutcome:
            return learn_or_recall(training, self._apart.key) if self._apart.reuse else training.learn()

        self._work = BackgroundTask(work, self._apart.student.cancel)
        student.timeout_factor = self._apart.student.timeout_factor = 2.0  # each may have half a core

    def result(self) -> TrainingOutcome:
        """What it came to; waits for its end.

        Raises:
            StudentError, Blocked: as ``ShortTraining.learn``.
        """
        try:
            return self._work.result()
        finally:
            self._apart.asked.timeout_factor = 1.0
            self._reporter.take_over(self._own_talk)
            self._own_talk = Reporter(say=self._reporter.say)

    def close(self) -> None:
        """End it, done or not."""
        self._work.close()
        self._apart.close()

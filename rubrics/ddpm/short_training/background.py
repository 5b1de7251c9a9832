"""The short training as it goes on beside the other checks: in a worker of its own, and in a thread here."""

from __future__ import annotations

from dataclasses import asdict

from grader.checks import Talk
from grader.checks.background import Ahead
from grader.checks.isolated_work import Apart
from grader.checks.randomness import streams
from grader.checks.session import Judge
from grader.closing import Closing
from grader.probes.training_budget import Budget
from grader.sandbox.student import Student

from .cache import learn_or_recall
from .plan import Plan
from .reference_curves import yardstick_for
from .trainers import Data
from .training import Learning, ShortTraining


class Lesson(Closing):
    """A short training, under way from now on; a context manager.

    Args:
        student: whose it is; the worker of it is left alone.
        talk: where it says what there is to say, once it is done.

    Raises:
        UsageError: there is nothing to train on.
    """

    def __init__(self, judge: Judge, student: Student, plan: Plan, talk: Talk) -> None:
        request, settings = judge.request, judge.rubric.settings
        budget = Budget.of(settings["training"])
        data = Data.of(request["data"], budget)
        depends = {"plan": plan.as_json(), "images": data.digest, "budget": asdict(budget)}
        self._apart = Apart.of(judge, student, plan.parts, depends, request["training_seed"])
        judge.environment["training_seed"] = self._apart.seed
        self._talk, self._own_talk = talk, Talk(say=talk.say)

        def tell(done: int, total: int) -> None:
            talk.progress("training the reference, epoch", done, total)

        training = ShortTraining(
            self._apart.student,
            plan,
            data=data,
            yardstick=yardstick_for(request["data"], data, plan.reading, budget, tell),
            budget=budget,
            tolerance=settings["tolerance"],
            seeded=streams(self._apart.seed),
            unknown=streams(request["seed"])("a last look"),
            talk=self._own_talk,
        )

        def work() -> Learning:
            return learn_or_recall(training, self._apart.key) if self._apart.reuse else training.learn()

        self._work = Ahead(work, self._apart.student.abandon)
        student.patience = self._apart.student.patience = 2.0  # each may have half a core

    def result(self) -> Learning:
        """What it came to; waits for its end.

        Raises:
            StudentError, Blocked: as ``ShortTraining.learn``.
        """
        try:
            return self._work.result()
        finally:
            self._apart.asked.patience = 1.0
            self._talk.take_over(self._own_talk)
            self._own_talk = Talk(say=self._talk.say)

    def close(self) -> None:
        """End it, done or not."""
        self._work.close()
        self._apart.close()

"""The short training as it goes on beside the other checks: in a worker of its own, and in a thread here."""

from __future__ import annotations

from grader.checks import Talk
from grader.checks.ahead import Ahead
from grader.checks.plugin import Judge
from grader.closing import Closing
from grader.sandbox.student import Student
from grader.seeds import seed_from

from . import trainings
from .budget import Budget
from .learning import Learning, ShortTraining
from .plan import Plan
from .probe_learning import Data
from .randomness import streams
from .yardsticks import yardstick_for


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
        budget = Budget.of(settings["training"], student.device)
        source = student.source.only(plan.parts)
        data_for_them = student.data if source.uses("torchvision") else None
        self._asked, self._talk, self._own_talk = student, talk, Talk(say=talk.say)
        self._student = student.fresh(source=source, data=data_for_them, notices={})
        data = Data.of(request["data"], budget)
        key = trainings.key(judge, self._student, plan, data, budget)
        seed = request["training_seed"]
        if seed is None:
            seed = seed_from(bytes.fromhex(request["secret"]), key)
        judge.environment["training_seed"] = seed
        self._student.seed = seed % 1000  # as for the student's other code
        seeded = streams(seed)

        def tell(done: int, total: int) -> None:
            talk.progress("training the reference, epoch", done, total)

        training = ShortTraining(
            self._student,
            plan,
            data=data,
            yardstick=yardstick_for(request["data"], data, plan.reading, budget, tell),
            budget=budget,
            tolerance=settings["tolerance"],
            seeded=seeded,
            talk=self._own_talk,
        )
        self._work: Ahead[Learning] = Ahead(
            lambda: trainings.learn(training, f"{key}-{seed}", reuse=request["reuse"]), self._student.abandon
        )

    def result(self) -> Learning:
        """What it came to; waits for its end.

        Raises:
            StudentError, Blocked: as ``ShortTraining.learn``.
        """
        try:
            return self._work.result()
        finally:
            self._talk.take_over(self._own_talk)
            self._own_talk = Talk(say=self._talk.say)
            self._asked.notices.update(self._student.notices)

    def close(self) -> None:
        """End it, done or not."""
        self._work.close()
        self._student.close()
        self._asked.seconds += self._student.seconds
        self._asked.processor += self._student.processor

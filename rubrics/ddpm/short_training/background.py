"""The short training in the background: in a worker and a thread of its own, while other checks run."""

from __future__ import annotations

from grader.checks import Reporter
from grader.checks.background import BackgroundTask
from grader.checks.randomness import streams
from grader.checks.session import Judge
from grader.closing import Closing
from grader.probes.training_budget import TrainingBudget
from grader.sandbox.student import Student

from .image_data import ImageData
from .outcome import TrainingOutcome
from .plan import TrainingPlan
from .reference_curves import reference_curve_for
from .training import ShortTraining


class BackgroundTraining(Closing):
    """A short training that starts at once; a context manager.

    Args:
        judge: the run of the rubric.
        student: the student whose parts train. Its worker stays free for other checks.
        plan: the parts to train with.
        reporter: receives progress at once, and notes and times when the training has ended.

    Raises:
        UsageError: there are no images to train on.
    """

    def __init__(self, judge: Judge, student: Student, plan: TrainingPlan, reporter: Reporter) -> None:
        request, settings = judge.request, judge.rubric.settings
        budget = TrainingBudget.of(settings["training"])
        data = ImageData.of(request["data"], budget)
        seed = judge.environment["training_seed"] = judge.training_seed(student.source, plan.parts)
        # The worker knows the seed's last digits, as the main worker does, and no other random number.
        self._student, self._main_student = student.fresh(seed=seed % 1000, notices={}), student
        # A reporter of its own, as the other one is in use by the checks in the main thread.
        self._reporter, self._own_reporter = reporter, Reporter(emit=reporter.emit)

        def on_progress(done: int, total: int) -> None:
            reporter.progress("training the reference, epoch", done, total)

        training = ShortTraining(
            self._student,
            plan,
            data=data,
            reference_curve=reference_curve_for(request["data"], data, plan.reading, budget, on_progress),
            budget=budget,
            tolerance=settings["tolerance"],
            seeded=streams(seed),
            unknown=streams(request["seed"])("a last look"),
            reporter=self._own_reporter,
        )

        self._task = BackgroundTask(training.run, self._student.cancel)
        # Two workers may share one core now, so both get twice the time.
        student.timeout_factor = self._student.timeout_factor = 2.0

    def result(self) -> TrainingOutcome:
        """Return the outcome; wait until the training has ended.

        Raises:
            StudentError, Blocked: as ``ShortTraining.run``.
        """
        try:
            return self._task.result()
        finally:
            self._main_student.timeout_factor = 1.0
            self._reporter.merge(self._own_reporter)
            self._own_reporter = Reporter(emit=self._reporter.emit)

    def close(self) -> None:
        """End the training, finished or not."""
        self._task.close()
        self._student.close()
        self._main_student.notices.update(self._student.notices)

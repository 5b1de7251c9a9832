"""The short training and its verdict: train, evaluate on held-out images, stop when decided.

A training is evaluated after every call of ``train``, and also between batches within a call, so that one
that has learned enough ends early. Evaluations within a call take place while ``train`` waits for its next
batch: only then does no student code run, and the network is in a defined state. They must not change the
training: the worker saves the states of all random generators (Python, NumPy, PyTorch) and the mode of every
module before it serves the judge's calls, and restores them afterwards. A ``train`` that fetches batches in a
thread may compute meanwhile, so it is not evaluated there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter
from grader.checks.randomness import Seeded
from grader.probes.training_budget import TrainingBudget
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.worker.wire import MAX_BODY
from reference.schedule import SCHEDULE

from ..forward.schedule import build_diffuser
from ..interface.conventions import TimestepEncoding
from ..network.building import build
from ..network.probe import Network
from .image_data import HeldOutFinding, ImageData, held_out_error
from .outcome import TrainedNetwork, TrainingOutcome
from .plan import TrainingPlan
from .reference_curve import ReferenceCurve
from .trainers import TrainingSession, start_with_reference_trainer, start_with_student_trainer

_CONFIRMATION_IMAGES = 128  # their error is within a few per cent of that of all images


class ShortTraining:
    """Trains with a student's parts as planned, and evaluates the result.

    Args:
        student: a worker used for nothing else.
        plan: the parts to train with.
        data: the images.
        reference_curve: the reference's training on these images under the plan's formulation.
        budget: length of the training.
        tolerance: ``learns`` and ``learns_not``, multiples of the reference's error up to which a network has
            certainly learned and above which it certainly has not; ``learns_something``, the error up to
            which a network that already lost points has learned; ``hopeless``, the error after the promised
            budget from which on no extension helps.
        seeded: the judge's random streams.
        unknown: generator for the confirmation, seeded with the notebook's own seed. Earlier results of the
            same code show the seed of the training, so student code could contain it.
        reporter: receives progress and times.
    """

    def __init__(
        self,
        student: Student,
        plan: TrainingPlan,
        *,
        data: ImageData,
        reference_curve: ReferenceCurve,
        budget: TrainingBudget,
        tolerance: Mapping[str, float],
        seeded: Seeded,
        unknown: torch.Generator,
        reporter: Reporter,
    ) -> None:
        self.student, self.plan, self.data = student, plan, data
        self._reference_curve, self._budget, self._tolerance = reference_curve, budget, tolerance
        self._seeded, self._unknown, self._reporter = seeded, unknown, reporter
        self._initial_error = 1.0  # of a network that already lost points, before its training
        self._early_error = float("inf")

    def run(self) -> TrainingOutcome:
        """Train until the network has learned, or to the end of the budget.

        A network that already lost points and does not learn is replaced by the reference's, so that the
        student's ``train`` is still tested.

        Raises:
            StudentError: the student's code failed.
            Blocked: neither network nor ``train`` is correct, and what the network lost points for explains
                why it does not learn.
        """
        plan, started = self.plan, time.monotonic()
        outcome = self._train_and_confirm(self._network() if plan.form is not None else None)
        if plan.network_penalized and plan.form is not None and not outcome.has_learned:
            if not plan.own_trainer:
                raise Blocked(
                    "Your network does not learn. The mistakes that it already lost points for explain that."
                )
            outcome = self._train_and_confirm(None)
        self._reporter.add_seconds("training", time.monotonic() - started)
        return outcome

    def _network(self) -> Network:
        """Build the student's network, with the timestep encoding that ``train`` uses."""
        plan = self.plan
        assert plan.form is not None
        encoding = plan.calls.encoding if plan.calls and plan.own_trainer else TimestepEncoding()
        handle = build(self.student, 1, self._reporter)
        return Network(handle=handle, form=plan.form, output="not called yet", encoding=encoding)

    def _outcome(
        self, trained: TrainedNetwork, found: HeldOutFinding, compared_steps: int
    ) -> TrainingOutcome:
        """Return the outcome for a network with these predictions."""
        lenient = self.plan.network_penalized and trained.is_own
        reference_error = self._reference_curve.error(compared_steps)
        # learns_something = 0.85: a missing outer skip alone leaves 0.38 to 0.68 after 300 steps, and 1 is
        # nothing learned (docs/calibration.md).
        # A network that starts with a lower error, such as one that returns x_t, has to lower that.
        least = self._tolerance["learns_something"] * min(1.0, self._initial_error) if lenient else 0.0
        usual = self._tolerance["learns"] * reference_error
        return TrainingOutcome(
            trained=trained,
            error=found.error,
            output_limited=found.output_limited and not lenient,
            is_factor=found.is_factor,
            compared_steps=compared_steps,
            reference_error=reference_error,
            reference_curve=self._reference_curve,
            bound=max(usual, least),
            review_bound=max(self._tolerance["learns_not"] * reference_error, least),
            is_relaxed=least > usual,
            early_error=self._early_error if trained.is_own else float("inf"),
        )

    def _train_and_confirm(self, network: Network | None) -> TrainingOutcome:
        """Train this network, or the reference's if None; no longer than necessary."""
        session = self._new_session(network)
        if network is not None:
            before = self._early_error = self._error_of_few(session)
            self._initial_error = before if self.plan.network_penalized else 1.0
            with suppress(StudentError):
                self.student.call(network.handle, method="train", keep=True)  # as it was built

            def look() -> None:
                self._early_error = min(self._early_error, self._error_of_few(session))

            session.clock.look = look
        outcome = None
        try:
            outcome = self._run_session(session, early_end=True)
        except StudentError:
            if not session.clock.decided:
                raise
        if outcome is None or (session.clock.decided and not outcome.has_learned):
            # The student's train failed over the early end (a mean over no batches, say), or undid what was
            # learned. That is the grader's doing, so train from the start without an early end, in a new
            # worker that has no state left of the first training.
            self.student.close()
            network = None if network is None else self._network()
            outcome = self._run_session(self._new_session(network), early_end=False)
        self._report_progress(
            outcome.trained.steps, outcome.trained.steps
        )  # complete, also after an early end
        if network is None:
            return outcome
        outcome = self._confirmed(outcome)
        return replace(outcome, trained=replace(outcome.trained, weights=self._weights(network)))

    def _run_session(self, session: TrainingSession, *, early_end: bool) -> TrainingOutcome:
        """Call ``train`` as often as the budget allows, until the training is decided.

        Args:
            early_end: whether to evaluate between batches, too.
        """
        budget, clock, offered = self._budget, session.clock, 0

        def has_learned() -> bool:
            try:
                return self._evaluate(session, max(offered, budget.steps)).has_learned
            except StudentError as error:
                if error.lost:
                    raise
                return False

        if early_end:
            clock.evaluate = has_learned
        for epochs in budget.stretches:
            offered += epochs * budget.batches
            session.train(epochs)
            # A training that ended early because it is good enough is compared with the reference after the
            # promised budget. One that took fewer batches than it could is compared after as many as it took.
            has_all = clock.decided or session.steps >= offered
            compared_steps = max(offered, budget.steps) if has_all else session.steps
            outcome = self._evaluate(session, compared_steps)
            # hopeless = 0.9: the worst of 144 trainings of correct solutions had 0.15 here, and 0.9 lies 6.2
            # standard deviations of the logarithm above their mean (docs/calibration.md).
            hopeless = offered >= budget.steps and not outcome.error < self._tolerance["hopeless"]
            if outcome.has_learned or hopeless or clock.decided or clock.out_of_time:
                break
        return outcome

    def _evaluate(self, session: TrainingSession, compared_steps: int) -> TrainingOutcome:
        """Evaluate the network on the held-out images; always with the same noise."""
        held_out = self._seeded("held-out")
        found = held_out_error(session.predict, self.plan.reading, self.data, held_out)
        trained = TrainedNetwork(
            is_own=session.network is not None,
            steps=session.steps,
            out_of_time=session.clock.out_of_time,
            losses=session.losses,
            predict=session.predict,
            reading=self.plan.reading,
        )
        return self._outcome(trained, found, compared_steps)

    def _confirmed(self, outcome: TrainingOutcome) -> TrainingOutcome:
        """Evaluate a network again with noise from a secret seed; if it is much worse there, that counts.

        Student code that knows the seed of the training could compute the noise of the first evaluation.
        """
        found = held_out_error(outcome.trained.predict, self.plan.reading, self._few_images(), self._unknown)
        is_right = found.error <= outcome.review_bound and not found.output_limited and not found.is_factor
        if not outcome.has_learned or is_right:
            return outcome
        return self._outcome(outcome.trained, found, outcome.compared_steps)

    def _error_of_few(self, session: TrainingSession) -> float:
        """Return the error on some of the held-out images; infinite if the network fails on them."""
        try:
            found = held_out_error(
                session.predict, self.plan.reading, self._few_images(), self._seeded("held-out")
            )
        except StudentError as error:
            if error.lost:
                raise
            return float("inf")
        return found.error

    def _few_images(self) -> ImageData:
        return replace(self.data, held_out=self.data.held_out[:_CONFIRMATION_IMAGES])

    def _new_session(self, network: Network | None) -> TrainingSession:
        student, plan = self.student, self.plan
        batches, generator = self.data.ordered(self._seeded("batches")), self._seeded("learning")
        common = (plan.reading, batches, self._budget, generator, self._report_progress)
        if plan.calls is None or not (network is None or plan.own_trainer):
            assert network is not None
            return start_with_reference_trainer(student, network, *common)
        diffuser = build_diffuser(student, **SCHEDULE) if plan.own_diffuser else None
        return start_with_student_trainer(student, network, diffuser, *common, plan.calls)

    def _report_progress(self, done: int, total: int) -> None:
        self._reporter.progress("training", done, total)

    def _weights(self, network: Network) -> Tensor | None:
        try:
            content: Tensor = self.student.reply(
                {"verb": "state"}, target=network.handle, values={"most": MAX_BODY >> 1}, reply_limit=MAX_BODY
            )["value"]
        except StudentError:  # the student's own state_dict failed, say
            return None
        return content if len(content) else None

"""The short training as it is judged: how far it comes, and whether to go on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter
from grader.checks.randomness import Seeded
from grader.probes.training_budget import TrainingBudget
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.worker.wire import MAX_BODY
from reference.pretrained import SCHEDULE
from reference.readings import Reading

from ..forward.schedule import build_diffuser
from ..interface.conventions import TimestepEncoding
from ..network.probe import Network, build
from .plan import TrainingPlan
from .reference_curve import ReferenceCurve
from .trainers import (
    ImageData,
    Predict,
    TrainingSession,
    held_out_error,
    with_reference_trainer,
    with_students_trainer,
)

_FEW = 128  # images; their error is within a few per cent of all images'


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A network after a short training.

    Attributes:
        is_own: whether it is the student's; else the reference's took its place.
        steps: how many batches it saw.
        out_of_time: whether it would have seen more, had there been time.
        losses: what ``train`` returned, per epoch, if that could be read: training and validation.
        weights: the student's network's, as bytes of a file, uint8 (N,); None where they cannot be had.
    """

    is_own: bool
    reading: Reading
    steps: int
    out_of_time: bool
    losses: list[list[float]]
    predict: Predict
    weights: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOutcome:
    """What a short training came to.

    Attributes:
        error: on held-out images, relative to the noise's variance.
        limited: whether all predictions are positive, or within ±1, as noise is not. A network that was
            charged may predict so little.
        compared: the number of steps at which it is compared with the reference.
        reference: the reference's error then.
        bound: the error up to which it has learnt.
        undecided: the error up to which that cannot be told; the same or greater.
    """

    trained: TrainedNetwork
    error: float
    limited: bool
    compared: int
    reference: float
    reference_curve: ReferenceCurve
    bound: float
    undecided: float

    @property
    def learnt(self) -> bool:
        """Whether the error keeps the bound, which NaN does not, with predictions that noise may have."""
        return self.error <= self.bound and not self.limited


class ShortTraining:
    """Trains with a student's parts as planned, and judges what comes of it.

    Args:
        student: a worker for nothing else.
        yardstick: what the reference comes to on such data under the plan's reading.
        tolerance: ``learns`` and ``learns_not``, how many times the reference's error is surely well learnt,
            and surely not; ``learns_something``, the error at which a network that was charged has learnt;
            ``hopeless``, the error at which, after the promised budget, no more training can help.
        seeded: the judge's random numbers for a purpose.
        unknown: noise for a last look, from the notebook's own seed. That of the training stands in earlier
            results of the same code, where somebody may have read it.
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
        self._yardstick, self._budget, self._tolerance = reference_curve, budget, tolerance
        self._seeded, self._unknown, self._reporter = seeded, unknown, reporter

    def learn(self) -> TrainingOutcome:
        """Train until the network has learnt as much as the promised budget has to bring; before a fail,
        beyond it.

        Raises:
            StudentError: the student's code failed on the way.
            Blocked: neither network nor trainer is right, and what they are charged for explains the failure.
        """
        plan, started = self.plan, time.monotonic()
        found = self._run(self.network() if plan.form is not None else None)
        if plan.charged and plan.form is not None and not found.learnt:
            if not plan.own_trainer:
                raise Blocked("Your network does not learn, which what it lost points for above explains.")
            found = self._run(None)
        self._reporter.spend("training", time.monotonic() - started)
        return found

    def network(self) -> Network:
        """The student's network, new; told the step as ``train`` tells it."""
        plan = self.plan
        assert plan.form is not None
        told = plan.calls.telling if plan.calls and plan.own_trainer else TimestepEncoding()
        handle = build(self.student, 1, self._reporter)
        return Network(handle=handle, form=plan.form, output="not asked yet", encoding=told)

    def judged(
        self, trained: TrainedNetwork, *, error: float, limited: bool, compared: int
    ) -> TrainingOutcome:
        """What a network with this error came to."""
        lenient = self.plan.charged and trained.is_own
        reference = self._yardstick.error(compared)
        least = self._tolerance["learns_something"] if lenient else 0.0
        return TrainingOutcome(
            trained=trained,
            error=error,
            limited=limited and not lenient,
            compared=compared,
            reference=reference,
            reference_curve=self._yardstick,
            bound=max(self._tolerance["learns"] * reference, least),
            undecided=max(self._tolerance["learns_not"] * reference, least),
        )

    def _run(self, network: Network | None) -> TrainingOutcome:
        """Train this network, or the reference's; not for longer than it takes."""
        lessons = self._lessons(network)
        found = None
        try:
            found = self._trained(lessons, looking=True)
        except StudentError:
            if not lessons.clock.decided:
                raise
        if found is None or (lessons.clock.decided and not found.learnt):
            # Their train did not bear a sudden end, or undid what was learnt: so it gets all its batches, in
            # a worker that knows nothing of the first time.
            self.student.close()
            network = None if network is None else self.network()
            found = self._trained(self._lessons(network), looking=False)
        self._tell(found.trained.steps, found.trained.steps)  # it may have ended early
        if network is None:
            return found
        found = self._looked_at_again(found)
        return replace(found, trained=replace(found.trained, weights=self._weights(network)))

    def _trained(self, lessons: TrainingSession, *, looking: bool) -> TrainingOutcome:
        """What it comes to, stretch by stretch as far as it takes, or ``looking`` for an earlier end."""
        budget, clock, offered = self._budget, lessons.clock, 0

        def enough() -> bool:
            try:
                return self._look(lessons, compared=max(offered, budget.steps)).learnt
            except StudentError as error:
                if error.lost:
                    raise
                return False

        if looking:
            clock.look = enough
        for epochs in budget.stretches:
            offered += epochs * budget.batches
            lessons.train(epochs)
            # Who learns early need not go on; who saw less than was offered is compared with as little.
            has_all = clock.decided or lessons.steps >= offered
            compared = max(offered, budget.steps) if has_all else lessons.steps
            found = self._look(lessons, compared)
            hopeless = offered >= budget.steps and not found.error < self._tolerance["hopeless"]
            if found.learnt or hopeless or clock.decided or clock.out_of_time:
                break
        return found

    def _look(self, lessons: TrainingSession, compared: int) -> TrainingOutcome:
        """What a network has learnt, for one that saw as many steps as are ``compared``."""
        held_out = self._seeded("held-out")
        error, limited = held_out_error(lessons.predict, self.plan.reading, self.data, held_out)
        trained = TrainedNetwork(
            is_own=lessons.network is not None,
            steps=lessons.steps,
            out_of_time=lessons.clock.out_of_time,
            losses=lessons.losses,
            predict=lessons.predict,
            reading=self.plan.reading,
        )
        return self.judged(trained, error=error, limited=limited, compared=compared)

    def _looked_at_again(self, found: TrainingOutcome) -> TrainingOutcome:
        """With noise that nobody can know who has learnt comes to much the same; else that counts."""
        few = replace(self.data, held_out=self.data.held_out[:_FEW])
        error, limited = held_out_error(found.trained.predict, self.plan.reading, few, self._unknown)
        if not found.learnt or (error <= found.undecided and not limited):
            return found
        return self.judged(found.trained, error=error, limited=limited, compared=found.compared)

    def _lessons(self, network: Network | None) -> TrainingSession:
        student, plan = self.student, self.plan
        batches, generator = self.data.ordered(self._seeded("batches")), self._seeded("learning")
        common = (plan.reading, batches, self._budget, generator, self._tell)
        if plan.calls is None or not (network is None or plan.own_trainer):
            assert network is not None
            return with_reference_trainer(student, network, *common)
        diffuser = build_diffuser(student, **SCHEDULE) if plan.own_diffuser else None
        return with_students_trainer(student, network, diffuser, *common, plan.calls)

    def _tell(self, done: int, total: int) -> None:
        self._reporter.progress("training", done, total)

    def _weights(self, network: Network) -> Tensor | None:
        try:
            content: Tensor = self.student.reply(
                {"verb": "state"}, target=network.handle, values={"most": MAX_BODY >> 1}, reply_limit=MAX_BODY
            )["value"]
        except StudentError:  # a state_dict of their own, say
            return None
        return content if len(content) else None

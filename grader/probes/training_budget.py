"""The budget of a short training, and the clock that enforces it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from grader.sandbox.deadlines import BACKSTOP

LOOK_AFTER = 3  # batches, after which no network has learned much


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBudget:
    """Limits of a short training, which stops as soon as the network has learnt.

    Field names are part of cache keys and seeds; do not rename them.

    Attributes:
        stretches: epochs in each call of ``train``; the last call extends the promised budget before a fail.
        batches: batches per epoch.
        batch_size: images per batch.
        seconds: time limit, evaluations not counted.
    """

    stretches: Sequence[int]
    batches: int
    batch_size: int
    learning_rate: float
    seconds: float

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Self:
        """Return the budget in a rubric's settings; equal on every device, and so are bounds and verdicts."""
        return cls(
            stretches=settings["epochs"],
            batches=settings["batches"],
            batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            seconds=settings["seconds"],
        )

    @property
    def steps(self) -> int:
        """Number of batches without the extension."""
        return sum(self.stretches[:-1]) * self.batches

    @property
    def max_epochs(self) -> int:
        """Number of epochs with the extension."""
        return sum(self.stretches)

    def evaluation_steps(self) -> set[int]:
        """Return the batches after which to evaluate within a call of ``train``.

        These are the ends of epochs, from the second call on. Between calls the network is evaluated anyway.
        """
        ends = {sum(self.stretches[:count]) for count in range(1, len(self.stretches) + 1)}
        within = set(range(self.stretches[0], self.max_epochs)) - ends
        return {epochs * self.batches for epochs in within}


class TrainingClock:
    """Counts batches, and stops a training when its time is up or an evaluation has decided the verdict.

    Attributes:
        steps: batches so far.
        out_of_time: whether the time limit stopped the training.
        evaluate: called after the batches of ``TrainingBudget.evaluation_steps``; returns whether the
            training may stop.
        decided: whether ``evaluate`` has returned True.
        look: called once, after ``LOOK_AFTER`` batches; it decides nothing.
    """

    def __init__(
        self,
        budget: TrainingBudget,
        on_progress: Callable[[int, int], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            on_progress: called now and then with the number of batches done and the expected total.
            now: the time that counts, in seconds, such as processor time.
        """
        self.steps, self.out_of_time, self.decided = 0, False, False
        self.evaluate: Callable[[], bool] = lambda: False
        self.look: Callable[[], None] = lambda: None
        self._evaluation_steps = budget.evaluation_steps()
        self._on_first_look = True
        self._promised, self._maximum = budget.steps, budget.max_epochs * budget.batches
        self._now, self._deadline = now, now() + budget.seconds
        self._backstop = time.monotonic() + BACKSTOP * budget.seconds
        self._on_progress = on_progress

    def go_on(self, may_evaluate: bool = True) -> bool:
        """Return whether to train on another batch, and count it.

        Args:
            may_evaluate: whether the network is in a state to be evaluated, as far as the caller knows.
        """
        if may_evaluate and self.steps == LOOK_AFTER and self._on_first_look:
            self._on_first_look = False
            started = self._now()
            self.look()
            self._deadline += self._now() - started
        is_late = self._now() > self._deadline or time.monotonic() > self._backstop
        self.out_of_time |= not self.decided and is_late
        if may_evaluate and self.steps in self._evaluation_steps and not self.out_of_time:
            self._evaluation_steps.remove(self.steps)  # before the call, since an evaluation may ask again
            started = self._now()
            self.decided |= self.evaluate()
            self._deadline += self._now() - started
        if self.decided or self.out_of_time:
            return False
        self.steps += 1
        total = self._promised if self.steps <= self._promised else self._maximum
        if self.steps % 10 == 0 or self.steps == total:
            self._on_progress(self.steps, total)
        return True

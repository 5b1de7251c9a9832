"""How long the short training may be, and the clock that counts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBudget:
    """How long to train, at most ``seconds`` without looks: stretch by stretch, as long as it has not learnt.

    Attributes:
        stretches: epochs of each call of ``train``; the last one extends the budget before a fail.
        batches: of ``batch_size`` images, per epoch.
    """

    stretches: Sequence[int]
    batches: int
    batch_size: int
    learning_rate: float
    seconds: float

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Self:
        """The rubric's budget, the same on every device: so are the bounds, and so are verdicts."""
        return cls(
            stretches=settings["epochs"],
            batches=settings["batches"],
            batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            seconds=settings["seconds"],
        )

    @property
    def steps(self) -> int:
        """Batches without the extension."""
        return sum(self.stretches[:-1]) * self.batches

    def looks(self) -> set[int]:
        """The batches after which there is a look within a stretch: every epoch's after the first stretch."""
        ends = {sum(self.stretches[:count]) for count in range(1, len(self.stretches) + 1)}
        between = set(range(self.stretches[0], self.most_epochs)) - ends
        return {epochs * self.batches for epochs in between}

    @property
    def most_epochs(self) -> int:
        """Epochs with the extension."""
        return sum(self.stretches)


class TrainingClock:
    """Counts batches for the progress display, and stops the training when its time is up, or before, when a
    look within a stretch has decided it.

    Attributes:
        steps: batches so far.
        out_of_time: whether the time was up.
        look: asked at the batches of ``TrainingBudget.looks``; whether no more training is needed.
        decided: whether it said so.
    """

    def __init__(self, budget: TrainingBudget, tell: Callable[[int, int], None]) -> None:
        self.steps, self.out_of_time, self.decided = 0, False, False
        self.look: Callable[[], bool] = lambda: False
        self._looks = budget.looks()
        self._promised, self._most = budget.steps, budget.most_epochs * budget.batches
        self._end = time.monotonic() + budget.seconds
        self._tell = tell

    def go_on(self, looking: bool = True) -> bool:
        """Whether there is to be another batch, which is counted then.

        Args:
            looking: whether this is a moment to look, as far as the caller knows.
        """
        self.out_of_time |= not self.decided and time.monotonic() > self._end
        if looking and self.steps in self._looks and not self.out_of_time:
            self._looks.remove(self.steps)  # before the look, which may ask again
            started = time.monotonic()
            self.decided |= self.look()
            self._end += time.monotonic() - started
        if self.decided or self.out_of_time:
            return False
        self.steps += 1
        total = self._promised if self.steps <= self._promised else self._most
        if self.steps % 10 == 0 or self.steps == total:
            self._tell(self.steps, total)
        return True

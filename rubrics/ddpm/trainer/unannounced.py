"""Run a student's ``train`` again with numbers of epochs, batches, images and steps that nobody knows before.

The recorded run (see ``probe``) has the same sizes for everybody, and the short training has others. A
``train`` that looks at them, and works for some alone, contradicts itself here.
"""

from __future__ import annotations

import torch

from grader.checks import Blocked, Unmet
from grader.checks.session import Judge
from grader.probes.training_loop import accumulates_gradients
from grader.sandbox.student import Student

from ..edition import draw_schedule
from ..forward.schedule import try_build_diffuser
from .expectations import trains_correctly
from .losses import lists_of_losses
from .probe import run_again
from .recording import RecordedTraining
from .setup import ANNOUNCED, RunSize
from .validation import expect_passive_validation

_FIRST, _LAST = 1.0, 0.2  # deviation of the network's first and last outputs


def draw_size(generator: torch.Generator, *, accumulates: bool = False) -> RunSize:
    """Return sizes of a short run: three epochs of three to five batches of five to twelve images.

    Its losses fall from call to call, so that nothing which waits for better ones ends it early.

    Args:
        accumulates: whether the optimizer steps after several batches, which takes longer epochs to show.
    """

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    batches = draw(7, 8) if accumulates else draw(3, 5)
    return sized(3, batches, draw(1, 2), draw(5, 12), generator)


def sized(
    epochs: int, batches: int, validation_batches: int, batch_size: int, generator: torch.Generator
) -> RunSize:
    """Return a run of these sizes, with a schedule that is drawn."""
    calls = epochs * (batches + validation_batches)
    fall = (_LAST / _FIRST) ** (1 / max(calls - 1, 1))
    return RunSize(
        epochs=epochs,
        batches=batches,
        validation_batches=validation_batches,
        batch_size=batch_size,
        schedule=draw_schedule(generator),
        outputs=tuple(_FIRST * fall**number for number in range(calls)),
    )


def find_contradiction(
    student: Student,
    training: RecordedTraining,
    judge: Judge,
    generator: torch.Generator,
    size: RunSize | None = None,
) -> str | None:
    """Return how a ``train`` that is right in the recorded run fails in one of another size, or None.

    What does not agree is asked again with other numbers, and then in the size of the recorded run: if that
    does not agree, either, its answers are no contradiction of sizes.

    Args:
        size: the sizes to ask with; None to draw them.
    """
    if not trains_correctly(training):
        return None
    accumulates = accumulates_gradients(training)

    def ask(asked: RunSize | None) -> str | None:
        chosen = asked or draw_size(generator, accumulates=accumulates)
        unknown = int(torch.randint(10**8, 10**9, (1,), generator=generator))
        seed = None if asked is ANNOUNCED else unknown
        own = try_build_diffuser(student, judge, chosen.schedule)  # for attributes beyond the handout's
        again = run_again(student, training, generator, fallback=own, seed=seed, size=chosen)
        return _disagreement(training, again)

    found = ask(size) and ask(size)
    return found if found and ask(ANNOUNCED) is None else None


def _disagreement(training: RecordedTraining, again: RecordedTraining) -> str | None:
    """Return what is wrong in a second run that was right in the first; None if nothing is."""
    size = again.size
    where = f"with {size.epochs} epochs of {size.batches} batches of {size.batch_size} images"
    if again.error:
        return f"{where} it stops: {again.error}"
    if not trains_correctly(again):
        return f"{where} it does not train the network with every batch, or not on its noise"
    if _validates(training) and not _validates(again):
        return f"{where} its validation is another one"
    if lists_of_losses(training) - lists_of_losses(again):
        return f"{where} the numbers that it returns are not the losses"
    return None


def _validates(training: RecordedTraining) -> bool:
    try:
        expect_passive_validation(training)
    except (Unmet, Blocked):
        return False
    return True

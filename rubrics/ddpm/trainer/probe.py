"""Run a student's ``train`` on test doubles and record how it calls them.

The network's outputs are small random images that only the judge knows. For a squared error the gradient that
comes back to them is proportional to (output − target), so it shows what the loss compared, however the code
computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from grader.probes.doubles import CriterionDouble, LoaderDouble, OptimizerDouble, RecordedEvent
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.pretrained import ScheduleArguments
from reference.readings import Reading, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, values_in
from ..interface.doubles import DiffuserDouble, NetworkDouble
from .recording import RecordedTraining
from .setup import BATCH_SIZE, BATCHES, EPOCHS, OUTPUTS, SCHEDULE, VALIDATION_BATCHES

Dtypes = tuple[torch.dtype, torch.dtype]
FLOAT32: Dtypes = (torch.float32, torch.float32)


def run(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    *,
    numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
    layout: ReturnLayout = HANDOUT_LAYOUT,
) -> RecordedTraining:
    """Run the student's ``train`` for two short epochs on test doubles and return the recording.

    If it fails before it uses any batch, try once more with batches that have no labels.

    Args:
        reading: formulation that the double of the diffuser follows.
        fallback: the student's own diffuser, for attributes beyond the handout's.
        generator: source of images, noise and network outputs.
        numbering, layout: conventions that the double of the diffuser follows.
    """
    training = run_once(student, reading, fallback, generator, numbering, layout, labels=True)
    has_used_batch = any(event.kind in ("diffuse", "forward") for event in training.log)
    if training.error and not training.error.lost and not has_used_batch:
        without_labels = run_once(student, reading, fallback, generator, numbering, layout, labels=False)
        if without_labels.error is None:
            return without_labels
    return training


def run_again(
    student: Student,
    training: RecordedTraining,
    generator: torch.Generator,
    *,
    fallback: Handle | None = None,
    seed: int | None = None,
    schedule: ScheduleArguments = SCHEDULE,
    outputs: float = 1.0,
    dtypes: Dtypes = FLOAT32,
) -> RecordedTraining:
    """Repeat a recorded run with its conventions, on other random numbers, another schedule or other types.

    Args:
        fallback, seed, schedule, outputs, dtypes: as for ``run_once``.
    """
    return run_once(
        student,
        training.reading,
        fallback,
        generator,
        training.numbering,
        training.layout,
        training.stale_variables,
        labels=training.labels,
        seed=seed,
        schedule=schedule,
        outputs=outputs,
        dtypes=dtypes,
    )


def run_once(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    layout: ReturnLayout,
    variables: Mapping[str, str] | None = None,
    *,
    labels: bool = True,
    seed: int | None = None,
    schedule: ScheduleArguments = SCHEDULE,
    outputs: float = 1.0,
    dtypes: Dtypes = FLOAT32,
) -> RecordedTraining:
    """Run ``train`` once; see ``run``.

    Args:
        variables: notebook variables to set first, each to the argument of that name.
        labels: whether batches have labels.
        seed: of the student's random numbers; None for the worker's own.
        schedule: schedule of the double of the diffuser.
        outputs: scale of the network's outputs.
        dtypes: those of the x_t and the noise that this double returns.
    """
    training = RecordedTraining(reading=reading, numbering=numbering, layout=layout, labels=labels)
    training.free_variables = signatures.free_variable_places(student, "train")
    log = training.log
    reference = ReadingDiffuser(**schedule, reading=reading)
    images_per_run = EPOCHS * (BATCHES + VALIDATION_BATCHES) * BATCH_SIZE
    network = NetworkDouble(
        log,
        _shrinking_outputs(log, generator, outputs),
        max_images=20 * images_per_run,  # many notebooks also generate samples now and then
    )

    def loader(name: str, count: int, held_out: LoaderDouble | None = None) -> LoaderDouble:
        batches = _random_batches(generator)
        return LoaderDouble(
            log, name, batches, count, BATCH_SIZE, epochs=EPOCHS, labels=labels, held_out=held_out
        )

    validation = loader("validation", VALIDATION_BATCHES)
    arguments: dict[str, Any] = {
        "model": network,
        "train_loader": loader("training", BATCHES, validation),
        "val_loader": validation,
        "optimizer": OptimizerDouble(log, network, lr=0.01),
        "criterion": CriterionDouble(log),
        "device": CURRENT_DEVICE,
        "num_epochs": EPOCHS,
        "diffuser": DiffuserDouble(
            log,
            reference,
            fallback,
            generator,
            layout=layout,
            numbering=numbering,
            method=student.method("noise_diffusion"),
            dtypes=dtypes,
        ),
        "totalTrainingTimesteps": schedule["total_steps"],
    }
    try:
        training.returned = signatures.call(
            student,
            "train",
            arguments,
            constructor_arguments=schedule,
            variables=variables,
            seed=student.seed if seed is None else seed,
            timeout=120.0,
        )
        training.unwrapped = _unwrapped(student, training.returned)
    except StudentError as error:
        training.error = error
    return training


def _shrinking_outputs(
    log: list[RecordedEvent], generator: torch.Generator, scale: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a network's function: normal outputs with the deviation of ``OUTPUTS``, scaled, call by call."""

    def respond(x: Tensor, t: Tensor) -> Tensor:
        calls = sum(event.kind == "forward" for event in log)
        return scale * OUTPUTS[min(calls, len(OUTPUTS) - 1)] * torch.randn(x.shape, generator=generator)

    return respond


def _unwrapped(student: Student, returned: Any) -> Any:
    """Replace objects in a returned value by the lists in their attributes, and tables by their columns."""
    if type(returned) in (tuple, list) and len(returned) < 9:
        return type(returned)(_unwrapped(student, item) for item in returned)
    if not isinstance(returned, Handle):
        return returned
    if returned.type == "DataFrame":
        return student.call(returned, "list", method="to_dict")
    lists = [value for value in values_in(student, returned)[1].values() if isinstance(value, list | Tensor)]
    return lists or returned


def _random_batches(generator: torch.Generator) -> Callable[[int], tuple[Tensor, Tensor]]:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        images = torch.rand((BATCH_SIZE, 1, 28, 28), generator=generator)
        return images, torch.randint(0, 10, (BATCH_SIZE,), generator=generator)

    return batch

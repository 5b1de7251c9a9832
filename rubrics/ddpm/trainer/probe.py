"""Run a student's ``train`` on test doubles and record how it calls them.

The network's outputs are small random images that only the judge knows. For a squared error the gradient that
comes back to them is proportional to (output − target), so it shows what the loss compared, however the code
computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grader.probes.doubles import CriterionDouble, LoaderDouble, OptimizerDouble, RecordedEvent
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.readings import Reading, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, values_in
from ..interface.doubles import DiffuserDouble, NetworkDouble
from .recording import RecordedTraining
from .setup import ANNOUNCED, RunSize

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
    size: RunSize = ANNOUNCED,
    outputs: float = 1.0,
    dtypes: Dtypes = FLOAT32,
) -> RecordedTraining:
    """Repeat a recorded run with its conventions: with other random numbers, sizes or types.

    Args:
        fallback, seed, size, outputs, dtypes: as for ``run_once``.
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
        size=size,
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
    size: RunSize = ANNOUNCED,
    outputs: float = 1.0,
    dtypes: Dtypes = FLOAT32,
) -> RecordedTraining:
    """Run ``train`` once; see ``run``.

    Args:
        variables: notebook variables to set first, each to the argument of that name.
        labels: whether batches have labels.
        seed: of the student's random numbers; None for the worker's own.
        size: numbers of epochs, batches and images, and the schedule of the double of the diffuser.
        outputs: scale of the network's outputs.
        dtypes: those of the x_t and the noise that this double returns.
    """
    training = RecordedTraining(reading=reading, numbering=numbering, layout=layout, labels=labels, size=size)
    training.free_variables = signatures.free_variable_places(student, "train")
    log = training.log
    reference = ReadingDiffuser(**size.schedule, reading=reading)
    network = NetworkDouble(
        log,
        _shrinking_outputs(log, generator, [outputs * each for each in size.outputs]),
        max_images=20 * size.images,  # many notebooks also generate samples now and then
    )

    def loader(name: str, count: int, held_out: LoaderDouble | None = None) -> LoaderDouble:
        batches = _random_batches(generator, size.batch_size)
        return LoaderDouble(
            log, name, batches, count, size.batch_size, epochs=size.epochs, labels=labels, held_out=held_out
        )

    validation = loader("validation", size.validation_batches)
    arguments: dict[str, Any] = {
        "model": network,
        "train_loader": loader("training", size.batches, validation),
        "val_loader": validation,
        "optimizer": OptimizerDouble(log, network, lr=0.01),
        "criterion": CriterionDouble(log),
        "device": CURRENT_DEVICE,
        "num_epochs": size.epochs,
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
        "totalTrainingTimesteps": size.steps,
    }
    try:
        training.returned = signatures.call(
            student,
            "train",
            arguments,
            constructor_arguments=size.schedule,
            variables=variables,
            seed=student.seed if seed is None else seed,
            timeout=120.0,
        )
        training.unwrapped = _unwrapped(student, training.returned)
    except StudentError as error:
        training.error = error
    return training


def _shrinking_outputs(
    log: list[RecordedEvent], generator: torch.Generator, deviations: Sequence[float]
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a network's function: normal outputs with these deviations, call by call."""

    def respond(x: Tensor, t: Tensor) -> Tensor:
        calls = sum(event.kind == "forward" for event in log)
        return deviations[min(calls, len(deviations) - 1)] * torch.randn(x.shape, generator=generator)

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


def _random_batches(generator: torch.Generator, size: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        images = torch.rand((size, 1, 28, 28), generator=generator)
        return images, torch.randint(0, 10, (size,), generator=generator)

    return batch

"""Check that the student's network and loss accept the precision in which ``noise_diffusion`` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .form_agreement import in_form
from .forward.probe import Forward
from .network.probe import Network
from .trainer.probe import FLOAT32, run_again
from .trainer.recording import RecordedTraining

_COUNT = 4  # images


def find_refused_precision(
    student: Student,
    network: Network,
    training: RecordedTraining,
    forward: Forward,
    generator: Callable[[], torch.Generator],
) -> Unmet | None:
    """Return what is wrong if ``train`` works in float32, but not with what ``noise_diffusion`` returns.

    A diffuser may compute in float64 if ``train`` or the network converts the result, or if all of the
    notebook is in float64.

    Args:
        generator: opens the stream for another run of ``train``.
    """
    dtypes = forward.convention.dtypes
    if dtypes == FLOAT32 or training.error or not training.training_passes:
        return None
    form = training.training_passes[0].forward.form
    answer = _ask(student, network, dtypes[0], form)
    if isinstance(answer, Tensor) and answer.dtype == dtypes[1]:
        return None
    again = run_again(student, training, generator(), dtypes=dtypes)
    if again.error is not None:
        return _unmet(dtypes, "your train fails with that", again.error)
    passed = {one.forward.dtype for one in again.training_passes}
    if (
        isinstance(answer, StudentError)
        and passed == {dtypes[0]}
        and not _refuses_float32(student, network, form)
    ):
        return _unmet(dtypes, "your train passes it to your UNet, which does not accept it", answer)
    return None


def _unmet(dtypes: tuple[torch.dtype, torch.dtype], what: str, error: StudentError) -> Unmet:
    x_t, noise = (str(dtype).removeprefix("torch.") for dtype in dtypes)
    found = f"x_t in {x_t} and noise in {noise}"
    return Unmet(
        f"For an image in float32 your noise_diffusion returns {found}, and {what}: {error}",
        expected="x_t and noise in the precision of the image, float32",
        actual=found,
        misconception="noise-in-other-precision",
    )


def _refuses_float32(student: Student, network: Network, form: str) -> bool:
    return isinstance(_ask(student, network, torch.float32, form), StudentError)


def _ask(student: Student, network: Network, dtype: torch.dtype, form: str) -> Any:
    """Return the network's answer for images of this type; a StudentError if it fails, None if unknown."""
    t = in_form(form, _COUNT)
    if t is None:
        return None
    x = torch.zeros((_COUNT, 1, 28, 28), dtype=dtype)
    try:
        return student.call(network.handle, x, t, seed=0, grad=False)
    except StudentError as error:
        if error.lost:
            raise
        return error

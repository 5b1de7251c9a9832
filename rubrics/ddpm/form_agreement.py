"""Check that the student's network accepts t in the form in which ``generate_samples`` passes it."""

from __future__ import annotations

import re
from typing import Any

import torch

from grader.checks import Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .network.probe import Network
from .sampler.probe import RecoveredSampler
from .sampler.setup import COUNT
from .trainer.recording import RecordedTraining

_STEP = 3


def find_refused_form(
    student: Student, network: Network, training: RecordedTraining, sampling: RecoveredSampler
) -> Unmet | None:
    """Return what is wrong if the network works with ``train`` but not with ``generate_samples``.

    None if it accepts both forms of t, or not even that of ``train``: then no form is known to work. Every
    form is tried for one image and for several, because a sampler may denoise them one by one.
    """
    passed = next((call.form for call in sampling.first.calls), "")
    trained = next((one.forward.form for one in training.training_passes), "")
    if training.error or not passed or not trained or passed == trained:
        return None
    errors = [_error(student, network, passed, count) for count in (COUNT, 1)]
    if not all(errors) or all(_error(student, network, trained, count) for count in (COUNT, 1)):
        return None
    return Unmet(
        f"generate_samples passes t to the network as {passed}, but your UNet does not accept it: "
        f"{errors[0]}",
        expected=f"t as {trained}, as in train",
        actual=f"t as {passed}",
        misconception="told-otherwise-than-trained",
    )


def _error(student: Student, network: Network, form: str, count: int) -> StudentError | None:
    """Return the error that the network raises for t in a form; None without one, or for an unusual form."""
    try:
        t = in_form(form, count)
        if t is not None:
            student.call(network.handle, torch.zeros((count, 1, 28, 28)), t, seed=0, grad=False)
    except StudentError as error:
        return None if error.lost else error
    return None


def in_form(form: str, count: int) -> Any:
    """Return a step in a form as ``form_of`` names it; None for one that it does not know."""
    match form:
        case "int":
            return _STEP
        case "float":
            return float(_STEP)
        case "list":
            return [_STEP] * count
    if (found := re.fullmatch(r"(float|long) \((.*)\)", form)) is None:
        return None
    sizes = [count if size == "B" else int(size) for size in re.findall(r"\w+", found[2])]
    return torch.full(sizes, _STEP, dtype=torch.float32 if found[1] == "float" else torch.int64)

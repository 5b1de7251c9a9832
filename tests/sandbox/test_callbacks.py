"""Doubles answer from the judge, which may send requests of its own before it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from workers import LoadStudent

from grader.sandbox.values import Exhausted, OnCPU, Refusal, StudentError


class _Doubler:
    """A network double that returns twice its input and records the gradients that come back."""

    def __init__(self, passes_for: list[str] | None = None) -> None:
        self.gradients: list[torch.Tensor] = []
        self.passes_for = passes_for or []

    def describe(self) -> dict[str, Any]:
        return {"kind": "module", "passes_for": self.passes_for}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        if event == "backward":
            self.gradients.append(args[1])
            return None
        return 2 * args[0]


class _TwoBatches:
    """A loader double with two batches."""

    def __init__(self) -> None:
        self.left = 2

    def describe(self) -> dict[str, Any]:
        return {"kind": "loader", "attributes": {"batches": 2, "batch_size": 1, "items": 2}}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        if event == "epoch":
            return None
        if not self.left:
            raise Exhausted
        self.left -= 1
        return [OnCPU(torch.full((1,), float(self.left))), OnCPU(torch.zeros(1))]


class _Refusing:
    """An object double whose method raises in the student's code."""

    def __init__(self, passes_for: list[str] | None = None) -> None:
        self.passes_for = passes_for or []

    def describe(self) -> dict[str, Any]:
        passes_for = {"passes_for": self.passes_for} if self.passes_for else {}
        return {"kind": "object", "methods": ["go"], "attributes": {}, "fallback": None, **passes_for}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        raise Refusal("IndexError", "no such step")


class _Broken(_Refusing):
    """An object double with an error of the judge's own."""

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        raise ZeroDivisionError("ours")


def test_a_network_double_is_differentiable(load_student: LoadStudent) -> None:
    """The gradient of the mean square of 2x arrives in the judge: 2 · 2x / n."""
    student = load_student("def f(model, x):\n    (model(x) ** 2).mean().backward()")
    double = _Doubler()
    student.call("f", double, torch.tensor([1.0, 3.0]))
    assert torch.equal(double.gradients[0], torch.tensor([2.0, 6.0]))


AUTOENCODER = """
import copy, io, torch
class {name}(torch.nn.Module): pass
class Codec: pass
def train(model, codec):
    saved = io.BytesIO()
    torch.save(model, saved)
    return [isinstance(one, {name}) for one in (model, copy.deepcopy(model))] + [isinstance(codec, Codec)]
def misspelled(codec): codec.encodee
"""


@pytest.mark.parametrize("name", ["Autoencoder", "AutoEncoder"])
def test_a_double_passes_for_the_class_that_the_rubric_names(load_student: LoadStudent, name: str) -> None:
    """Also in copies, and where the notebook's own class has another name than the rubric's."""
    source, names = AUTOENCODER.format(name=name), {"Autoencoder": name}
    student = load_student(source, names=names)
    assert student.call("train", _Doubler(["Autoencoder"]), _Refusing(["Codec"])) == [True, True, True]
    assert student.call("train", _Doubler(["VAE", "Autoencoder"]), _Refusing()) == [True, True, False]
    assert student.call("train", _Doubler(["VAE", "train"]), _Refusing(["VAE"])) == [False, False, False]


def test_a_missing_attribute_is_reported_for_the_class_that_the_rubric_names(
    load_student: LoadStudent,
) -> None:
    student = load_student(AUTOENCODER.format(name="Autoencoder"), names={"Tokenizer": "Codec"})
    with pytest.raises(StudentError, match="'Codec' object has no attribute 'encodee'"):
        student.call("misspelled", _Refusing(["Tokenizer"]))


def test_an_object_double_never_passes_for_a_network(load_student: LoadStudent) -> None:
    """A module that stores it would search it for parameters."""
    student = load_student(
        AUTOENCODER.format(name="Autoencoder"),
        "def store(o):\n    holder = Autoencoder(); holder.o = o\n    return len(list(holder.parameters()))",
    )
    assert student.call("store", _Refusing(["Autoencoder"])) == 0


def test_a_loader_double_ends_its_epoch_when_the_judge_says_so(load_student: LoadStudent) -> None:
    student = load_student("def f(loader): return len(loader), [x.item() for x, _ in loader]")
    assert student.call("f", _TwoBatches()) == (2, [1.0, 0.0])


class _ProbingLoader(_TwoBatches):
    """A loader double whose judge runs a probe before each batch."""

    def __init__(self, probe: Callable[[], Any]) -> None:
        super().__init__()
        self.probe, self.results = probe, list[Any]()

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        self.results.append(self.probe())
        return super().answer(event, args, kwargs, state)


TRAINING = """
import random, time
import numpy as np
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.frozen = torch.nn.Dropout(), torch.nn.Dropout().eval()
    def forward(self, x):
        time.sleep(0.1)
        return self.drop(x)
def run(net, loader):
    seen = []
    for _ in loader:
        drawn = torch.rand(1).item(), random.random(), np.random.rand(), np.random.default_rng().random()
        seen.append((drawn, [part.training for part in net.modules()]))
    return seen
"""


def test_a_nested_request_leaves_random_numbers_and_modes_as_they_were(load_student: LoadStudent) -> None:
    student, x = load_student(TRAINING), torch.ones(5)
    net = student.call("Net", keep=True)

    def probe() -> Any:
        student.call(net, method="eval", keep=True)
        return student.call(net, x, seed=0, grad=False)

    undisturbed, probed = student.call("run", net, _TwoBatches(), seed=1), _ProbingLoader(probe)
    before, started = student.spent.seconds, time.monotonic()
    assert student.call("run", net, probed, seed=1) == undisturbed
    assert undisturbed[0][1] == [True, True, False]
    assert all(torch.equal(output, x) for output in probed.results)  # dropout was off in the probe
    assert student.spent.seconds - before <= time.monotonic() - started  # nothing is counted twice


def test_a_deadline_that_passes_during_a_nested_request_is_a_timeout(load_student: LoadStudent) -> None:
    student = load_student(TRAINING.replace("sleep(0.1)", "time(), exec('while True: pass')"))
    net = student.call("Net", keep=True)
    with pytest.raises(StudentError, match="no answer within 1 seconds of processor time") as raised:
        student.call("run", net, _ProbingLoader(lambda: student.call(net, torch.ones(1))), timeout=1.0)
    assert raised.value.type == "Timeout"


def test_an_error_in_a_nested_request_does_not_end_the_outer_one(load_student: LoadStudent) -> None:
    student = load_student(TRAINING + "def fails(): raise ValueError('no')")

    def probe() -> str:
        with pytest.raises(StudentError, match="no") as raised:
            student.call("fails")
        return raised.value.type

    probed = _ProbingLoader(probe)
    assert len(student.call("run", student.call("Net", keep=True), probed)) == 2
    assert set(probed.results) == {"ValueError"}


def test_student_code_can_catch_a_refusal(load_student: LoadStudent) -> None:
    student = load_student("def f(o):\n    try: o.go(9)\n    except IndexError as e: return str(e)")
    assert student.call("f", _Refusing()) == "no such step"


def test_student_code_cannot_catch_an_error_in_a_double(load_student: LoadStudent) -> None:
    """It is the judge's error, so it is raised in the judge."""
    student = load_student(
        "def f(o):\n    try: o.go(9)\n    except Exception: return 'caught'\ndef fine(): return 1"
    )
    with pytest.raises(ZeroDivisionError):
        student.call("f", _Broken())
    assert student.call("fine") == 1

"""Doubles of functions, modules, networks and losses serve homeworks of any subject."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from workers import LoadStudent

from grader.probes.argument_names import ArgumentNames
from grader.probes.doubles import (
    CriterionDouble,
    FunctionDouble,
    ModuleDouble,
    NetworkDouble,
    OptimizerDouble,
    RecordedEvent,
)
from grader.probes.parameters import read_parameters, without, write_parameters
from grader.probes.signatures import call
from grader.sandbox.values import StudentError

NOTEBOOK = """
import torch
from torch import nn

def norm(x):
    return x / 0

class Layer(nn.Module):
    pass

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = Layer()
        self.linear = nn.Linear(width, 2)

    def forward(self, x):
        return self.layer(norm(x))

def classify(net, opt, loss_fn, labels):
    for _ in range(2):
        opt.zero_grad()
        loss = loss_fn(net(torch.arange(3)), labels)
        loss.backward()
        opt.step()
    return float(loss)
"""


def test_a_function_and_a_class_of_the_judge_take_the_places_of_the_students(
    load_student: LoadStudent,
) -> None:
    student = load_student(NOTEBOOK)
    student.set_variable("norm", FunctionDouble(lambda x: x - x.mean()))
    student.set_variable("Layer", FunctionDouble(lambda: ModuleDouble(lambda x: 10 * x)))
    net = student.call("Net", 4, keep=True)
    assert student.call(net, torch.tensor([1.0, 3.0])).tolist() == [-10, 10]


@pytest.mark.parametrize("given", ["text", torch.zeros(2, 3)])
def test_what_a_stand_in_cannot_compute_with_is_the_students_error(
    load_student: LoadStudent, given: Any
) -> None:
    student = load_student(NOTEBOOK)
    student.set_variable("norm", FunctionDouble(lambda x: x @ torch.zeros(2, 2)))
    student.set_variable("Layer", FunctionDouble(lambda: ModuleDouble(lambda x: x)))
    net = student.call("Net", 4, keep=True)
    with pytest.raises(StudentError, match=r"RuntimeError|TypeError"):
        student.call(net, given)
    assert student.call("Net", 2, keep=True).type == "Net"  # the worker goes on


def test_a_classifier_is_trained_on_doubles_with_cross_entropy(load_student: LoadStudent) -> None:
    """Neither images nor a squared error: the gradient is that of the softmax."""
    log: list[RecordedEvent] = []
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), torch.tensor([0, 1, 1])
    network = NetworkDouble(
        log,
        lambda x, _: logits,
        lambda args, _: (args[0], torch.zeros(0), ""),
        max_inputs=10,
        passes_for=["Net"],
    )
    arguments = {
        "model": network,
        "optimizer": OptimizerDouble(log, network, lr=0.1),
        "criterion": CriterionDouble(log, "cross_entropy"),
        "labels": labels,
    }
    names = ArgumentNames(synonyms={"model": ("net",), "optimizer": ("opt",), "criterion": ("loss_fn",)})
    loss = call(load_student(NOTEBOOK), "classify", arguments, names=names)
    assert loss == pytest.approx(float(nn.functional.cross_entropy(logits, labels)))
    kinds = [event.kind for event in log]
    assert kinds == ["zero_grad", "forward", "compare", "sent back", "backward", "step"] * 2
    gradient = next(event.x for event in log if event.kind == "backward")
    assert isinstance(gradient, Tensor)
    due = (logits.softmax(1) - nn.functional.one_hot(labels, 2)) / 3
    torch.testing.assert_close(gradient, due)


def test_parameters_are_read_and_replaced(load_student: LoadStudent) -> None:
    student = load_student("from torch import nn\nNet = lambda: nn.Linear(3, 2)")
    network = student.call("Net", keep=True)
    parameters = read_parameters(student, network)
    assert {name: tuple(each.shape) for name, each in parameters.items()} == {"weight": (2, 3), "bias": (2,)}
    write_parameters(student, network, without(parameters, lambda each: each.ndim > 1))
    answer = student.call(network, torch.ones(3), grad=False)
    torch.testing.assert_close(answer, parameters["bias"])

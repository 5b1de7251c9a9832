"""The DDPM rubric's doubles behave in the worker like the objects that they replace."""

from __future__ import annotations

import pytest
import torch
from workers import LoadStudent

from grader.probes.doubles import CriterionDouble, LoaderDouble, OptimizerDouble, RecordedEvent
from grader.sandbox.values import NamedFields
from reference.readings import PAPER, ReadingDiffuser
from rubrics.ddpm.interface.conventions import ReturnLayout, TimestepEncoding, tabulate_encoding
from rubrics.ddpm.interface.doubles import DiffuserDouble, NetworkDouble

NOTEBOOK = """
import copy, io, torch
from torch.utils.data import DataLoader

class UNet(torch.nn.Module):
    pass

class NoiseDiffuser:
    def __init__(self):
        self.betas, self.alphas = [0.1, 0.2], torch.ones(2, 1, 1, dtype=torch.float64)

own = NoiseDiffuser()

def are_instances(network, diffuser, loader):
    return [isinstance(network, UNet), isinstance(diffuser, NoiseDiffuser), isinstance(loader, DataLoader)]

def copies(network, diffuser, loader):
    pickled = io.BytesIO()
    torch.save([network, diffuser], pickled)
    copied = copy.deepcopy([network, diffuser])
    return [isinstance(copied[0], UNet), isinstance(copied[1], NoiseDiffuser), copied[1].betas]

def schedule(network, diffuser, loader):
    return [diffuser.betas, list(diffuser.alphas.shape), str(diffuser.alphas.dtype)]

def dataset(network, diffuser, loader):
    image, label = loader.dataset[3]
    return [list(image.shape), type(label).__name__, len(loader.dataset), loader.drop_last]
"""


def _schedule() -> ReadingDiffuser:
    return ReadingDiffuser(start_beta=0.1, end_beta=0.2, total_steps=2, reading=PAPER)


def test_doubles_pass_for_the_objects_that_they_replace(load_student: LoadStudent) -> None:
    """In ``isinstance``, in copies, and by holding the schedule in the containers of the student's own."""
    student = load_student(NOTEBOOK)
    network = NetworkDouble([], lambda x, t: x, max_images=0)
    diffuser = DiffuserDouble([], _schedule(), student.get("", "own"), torch.Generator())
    images = (torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64))
    loader = LoaderDouble([], "training", lambda _: images, 2, 4, epochs=1)
    doubles = (network, diffuser, loader)
    assert student.call("are_instances", *doubles) == [True] * 3
    assert student.call("copies", *doubles) == [True, True, pytest.approx([0.1, 0.2])]
    assert student.call("schedule", *doubles) == [pytest.approx([0.1, 0.2]), [2, 1, 1], "torch.float64"]
    assert student.call("dataset", *doubles) == [[1, 28, 28], "int", 8, False]


def test_a_named_tuple_keeps_its_field_names(load_student: LoadStudent) -> None:
    code = "from typing import NamedTuple\nclass Two(NamedTuple):\n    image: int\n    noise: int\n"
    code += "def two(): return Two(1, 2)\ndef read(given): return given.noise"
    student = load_student(code)
    answer = student.call("two")
    assert answer == (1, 2)
    assert isinstance(answer, NamedFields)
    assert answer.names == ("image", "noise")
    assert student.call("read", answer) == 2


def test_the_diffuser_double_uses_the_noise_that_it_is_given() -> None:
    """By position or by keyword, even before the image."""
    schedule = _schedule()
    diffuser = DiffuserDouble([], schedule, None, torch.Generator(), layout=ReturnLayout())
    image, noise, t = torch.rand(2, 1, 28, 28), torch.randn(2, 1, 28, 28), torch.tensor([0, 1])
    for args, kwargs in (
        ((image, t, noise), {}),
        ((image, t), {"noise": noise}),
        ((), {"noise": noise, "image": image, "t": t}),
    ):
        x_t, returned = diffuser.answer("noise_diffusion", args, kwargs, {})
        signal = schedule.alpha_bar[t].view(-1, 1, 1, 1)
        torch.testing.assert_close(x_t, signal.sqrt() * image + (1 - signal).sqrt() * noise)
        assert torch.equal(returned, noise)


def test_a_timestep_encoding_is_tabulated_if_each_step_has_one_value() -> None:
    steps = torch.arange(10, dtype=torch.float64)
    encoding = tabulate_encoding([(steps, steps**2 / 7, "float (B, 1)")], first=0, total=10)
    assert encoding is not None
    assert encoding.encode(torch.tensor([3, 5]), 10).tolist() == pytest.approx([9 / 7, 25 / 7])
    random = [(steps, torch.rand(10, dtype=torch.float64), "float (B,)") for _ in range(2)]
    assert tabulate_encoding(random, first=0, total=10) is None
    assert tabulate_encoding([(steps[:4], steps[:4], "float (B,)")], first=0, total=10) is None
    assert TimestepEncoding().encode(torch.tensor([3]), 10).tolist() == [3]


def test_objects_of_a_training_are_of_pytorchs_own_types(load_student: LoadStudent) -> None:
    """A function that trains only where it sees a stand-in sees none, and the batches are the judge's."""
    student = load_student(
        "import torch\n"
        "def types(network, loader, optimizer, criterion):\n"
        "    before = torch.get_rng_state()\n"
        "    sums = [float(images.sum() + labels.sum()) for images, labels in loader]\n"
        "    same = bool(torch.equal(before, torch.get_rng_state()))\n"
        "    plain = torch.utils.data.DataLoader, torch.optim.Adam, torch.nn.MSELoss\n"
        "    found = loader, optimizer, criterion\n"
        "    return [type(a) is b for a, b in zip(found, plain)], sums, len(loader), same\n"
    )
    batches = [(torch.full((4, 1, 2, 2), number), torch.full((4,), number)) for number in (1.0, 2.0, 3.0)]
    network = NetworkDouble([], lambda x, t: x, max_images=0)
    loader = LoaderDouble([], "training", batches.__getitem__, 3, 4, epochs=1)
    arguments = network, loader, OptimizerDouble([], network, lr=0.1), CriterionDouble([])
    found = student.call("types", *arguments)
    assert found == ([True] * 3, [20.0, 40.0, 60.0], 3, True)


def test_doubles_report_what_they_get_under_function_transforms(load_student: LoadStudent) -> None:
    """Under ``torch.func.grad`` tensors are wrappers without memory; the doubles send the numbers inside."""
    student = load_student(
        "import torch\nfrom torch.func import functional_call, grad_and_value\n"
        "def step(network, criterion, x, t):\n"
        "    weights = {name: each.detach() for name, each in network.named_parameters()}\n"
        "    loss = lambda given: criterion(functional_call(network, given, (2 * x, t)), x)\n"
        "    gradients, value = grad_and_value(loss)(weights)\n"
        "    return value, list(gradients.values())"
    )
    events: list[RecordedEvent] = []
    network = NetworkDouble(events, lambda x, t: 3 * x, max_images=4)
    criterion = CriterionDouble(events, "mse")
    x, t = torch.full((1, 1, 4, 4), 0.5), torch.ones(1, 1)
    value, gradients = student.call("step", network, criterion, x, t)
    assert value == pytest.approx((3.0 - 0.5) ** 2)
    assert [each.tolist() for each in gradients] == [[1.0]]
    forward, compare, backward = (event for event in events if event.kind != "sent back")
    assert (forward.kind, compare.kind, backward.kind) == ("forward", "compare", "backward")
    assert forward.x is not None
    assert forward.x.tolist() == [[[[1.0] * 4] * 4]]

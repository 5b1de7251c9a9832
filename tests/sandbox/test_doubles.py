"""Stand-ins are taken for what they stand in for, and hold and answer things as the student's own do."""

from __future__ import annotations

import pytest
import torch

from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import NamedFields
from grader.sandbox.zygote import Zygote
from reference.readings import PAPER, ReadingDiffuser
from rubrics.ddpm.interface.conventions import ReturnLayout, TimestepEncoding, tabulate_encoding
from rubrics.ddpm.interface.doubles import DiffuserDouble, LoaderDouble, NetworkDouble

PASSES = """
import copy, io, torch
from torch.utils.data import DataLoader

class UNet(torch.nn.Module):
    pass

class NoiseDiffuser:
    def __init__(self):
        self.betas, self.alphas = [0.1, 0.2], torch.ones(2, 1, 1, dtype=torch.float64)

own = NoiseDiffuser()

def passes(network, diffuser, loader):
    return [isinstance(network, UNet), isinstance(diffuser, NoiseDiffuser), isinstance(loader, DataLoader)]

def copies(network, diffuser, loader):
    pickled = io.BytesIO()
    torch.save([network, diffuser], pickled)
    copied = copy.deepcopy([network, diffuser])
    return [isinstance(copied[0], UNet), isinstance(copied[1], NoiseDiffuser), copied[1].betas]

def holds(network, diffuser, loader):
    return [diffuser.betas, list(diffuser.alphas.shape), str(diffuser.alphas.dtype)]

def looks(network, diffuser, loader):
    image, label = loader.dataset[3]
    return [list(image.shape), type(label).__name__, len(loader.dataset), loader.drop_last]
"""


def test_stand_ins_pass_for_what_they_stand_in_for(zygote: Zygote) -> None:
    """For ``isinstance`` as well as in copies, and hold the schedule as the student's own does."""
    source = WorkerSource(statements=[{"source": PASSES, "cell": 1, "line": 1, "flags": 0}])
    with Student(zygote=zygote, source=source) as student:
        own = student.get("", "own")
        schedule = ReadingDiffuser(start_beta=0.1, end_beta=0.2, total_steps=2, reading=PAPER)
        network = NetworkDouble([], lambda x, t: x, max_images=0)
        diffuser = DiffuserDouble([], schedule, own, torch.Generator())
        images = (torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64))
        loader = LoaderDouble([], "training", lambda _: images, 2, 4, epochs=1)
        given = (network, diffuser, loader)
        assert student.call("passes", *given) == [True] * 3
        assert student.call("copies", *given) == [True, True, pytest.approx([0.1, 0.2])]
        assert student.call("holds", *given) == [pytest.approx([0.1, 0.2]), [2, 1, 1], "torch.float64"]
        assert student.call("looks", *given) == [[1, 28, 28], "int", 8, False]


def test_a_named_tuple_keeps_its_names(zygote: Zygote) -> None:
    names = "from typing import NamedTuple\nclass Two(NamedTuple):\n    image: int\n    noise: int\n"
    names += "def two(): return Two(1, 2)\ndef read(given): return given.noise"
    with Student(
        zygote=zygote, source=WorkerSource(statements=[{"source": names, "cell": 1, "line": 1, "flags": 0}])
    ) as student:
        answer = student.call("two")
        assert answer == (1, 2)
        assert isinstance(answer, NamedFields)
        assert answer.names == ("image", "noise")
        assert student.call("read", answer) == 2


def test_noise_that_is_given_is_the_noise(zygote: Zygote) -> None:
    """By place or by name, and before the image, too."""
    schedule = ReadingDiffuser(start_beta=0.1, end_beta=0.2, total_steps=2, reading=PAPER)
    diffuser = DiffuserDouble([], schedule, None, torch.Generator(), layout=ReturnLayout())
    image, noise, t = torch.rand(2, 1, 28, 28), torch.randn(2, 1, 28, 28), torch.tensor([0, 1])
    for args, kwargs in (
        ((image, t, noise), {}),
        ((image, t), {"noise": noise}),
        ((), {"noise": noise, "image": image, "t": t}),
    ):
        x_t, told = diffuser.answer("noise_diffusion", args, kwargs, {})
        kept = schedule.alpha_bar[t].view(-1, 1, 1, 1)
        torch.testing.assert_close(x_t, kept.sqrt() * image + (1 - kept).sqrt() * noise)
        assert torch.equal(told, noise)


def test_what_a_network_is_told_is_read_off_where_it_is_one_number_a_step() -> None:
    steps = torch.arange(10, dtype=torch.float64)
    told = tabulate_encoding([(steps, steps**2 / 7, "float (B, 1)")], first=0, total=10)
    assert told is not None
    assert told.encode(torch.tensor([3, 5]), 10).tolist() == pytest.approx([9 / 7, 25 / 7])
    drawn = [(steps, torch.rand(10, dtype=torch.float64), "float (B,)") for _ in range(2)]
    assert tabulate_encoding(drawn, first=0, total=10) is None
    assert tabulate_encoding([(steps[:4], steps[:4], "float (B,)")], first=0, total=10) is None
    assert TimestepEncoding().encode(torch.tensor([3]), 10).tolist() == [3]

"""A network with two faces earns nothing by the better one; an unusual right one loses nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from corpus import CORPUS

from grader.checks import Reporter
from grader.checks.randomness import streams
from grader.probes.recorded_graph import Proof
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.zygote import Zygote
from reference import digits
from rubrics.ddpm.network.paths import InputPaths, trace_input_paths
from rubrics.ddpm.network.probe import probe_network

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")
Trace = Callable[..., InputPaths]
IMPORTS = "import torch\nfrom torch import nn\nimport torch.nn.functional as F"
UNET = next(cell.source for cell in CORPUS.base if cell.part == "unet")
JOINED = "torch.cat([y, full], dim=1)"
INNER = "torch.cat([y, half], dim=1)"
INIT = "        super().__init__()"
TIME = "t = t.float().view(-1, 1)"
LAST = "return self.leave(y)"
COUNTED = (f"        {TIME}", f"        self.calls = getattr(self, 'calls', 0) + 1\n        {TIME}")


@pytest.fixture(scope="module")
def trace() -> Iterator[Trace]:
    """Trace the base solution's network with these replacements, or another class."""
    images, _ = digits.load("digits", "train")
    with Zygote() as zygote:

        def trace(*edits: tuple[str, str], source: str = UNET, after: str = "", seed: int = 11) -> InputPaths:
            for old, new in edits:
                assert source.count(old) == 1, old
                source = source.replace(old, new)
            rows = [
                {"source": text, "cell": cell, "line": 1, "flags": 0}
                for cell, text in enumerate((IMPORTS, source, after))
            ]
            with Student(zygote=zygote, source=WorkerSource(statements=rows), seed=seed) as student:
                reporter, seeded = Reporter(emit=lambda event: None), streams(seed)
                network = probe_network(student, 1, seeded("network"), reporter)
                return trace_input_paths(student, network, seeded("paths"), images)

        yield trace


def only(condition: str) -> tuple[str, str]:
    """Return the edit by which the outer skip connection is there under a condition alone."""
    return JOINED, f"torch.cat([y, full if {condition} else torch.zeros_like(full)], dim=1)"


RECORDED = "torch.utils._python_dispatch._get_current_dispatch_mode() is not None"
TWO_FACED = {
    "in eval mode": [only("not self.training")],
    "in train mode": [only("self.training")],
    "without gradients": [only("not torch.is_grad_enabled()")],
    "in batches of four": [only("len(x) == 4")],
    "in small batches": [only("len(x) < 10")],
    "at the seed 0": [only("torch.initial_seed() == 0")],
    "in the second call": [COUNTED, only("self.calls == 2")],
    "in every other call": [COUNTED, only("self.calls % 2")],
    "while it is recorded": [only(RECORDED)],
    "while it is traced": [only("torch.jit.is_tracing()")],
}


@pytest.mark.parametrize("edits", TWO_FACED.values(), ids=TWO_FACED)
def test_a_skip_connection_that_comes_and_goes_does_not_count(
    trace: Trace, edits: list[tuple[str, str]]
) -> None:
    found = trace(*edits)
    is_doubted = found.proof is Proof.CONTRADICTED and found.doubt
    assert not found.is_complete
    assert is_doubted or not found.has_skip(0)


def test_a_forged_recording_does_not_count(trace: Trace) -> None:
    """The notebook replaces the worker's recorder by one that records a right network instead."""
    forge = """
import sys
def forged(network, args, record):
    twin = _Whole(1, 1).train(network.training)
    twin.load_state_dict(network.state_dict())
    return record(twin, args)
def reach():
    frame = sys._getframe()
    while frame:
        module = frame.f_globals.get("recording")
        if module and module.record.__name__ == "record":
            module.record = lambda network, args, honest=module.record: forged(network, args, honest)
        frame = frame.f_back
"""
    whole = UNET.replace("class UNet", "class _Whole")
    lacking = UNET.replace(JOINED, "torch.cat([y, torch.zeros_like(full)], dim=1)")
    lacking = lacking.replace(f"        {TIME}", f"        reach()\n        {TIME}")
    found = trace(source=lacking, after=f"{whole}\n\n\n{forge}")
    assert found.proof is Proof.CONTRADICTED
    assert "answers" in found.doubt


WEAK = {
    "scaled to a thousandth": [(JOINED, "torch.cat([y, 0.001 * full], dim=1)")],
    "an inner one, scaled to a thousandth": [(INNER, "torch.cat([y, 0.001 * half], dim=1)")],
    "four numbers": [
        (INIT, f"{INIT}\n        self.mask = torch.zeros(1, 16, 28, 28); self.mask[:, :1, 10:12, 10:12] = 1"),
        (JOINED, "torch.cat([y, full * self.mask], dim=1)"),
    ],
    "four numbers far apart": [
        (INIT, f"{INIT}\n        self.mask = torch.zeros(1, 16, 28, 28); self.mask[:, :1, 7::14, 7::14] = 1"),
        (JOINED, "torch.cat([y, full * self.mask], dim=1)"),
    ],
    "an inner one of four numbers": [
        (INIT, f"{INIT}\n        self.mask = torch.zeros(1, 32, 14, 14); self.mask[:, :1, 5:7, 5:7] = 1"),
        (INNER, "torch.cat([y, half * self.mask], dim=1)"),
    ],
    "an average of each map": [
        (JOINED, "torch.cat([y, full.mean((2, 3), keepdim=True).expand_as(full)], dim=1)")
    ],
}


@pytest.mark.parametrize("name", WEAK)
def test_a_skip_connection_that_carries_next_to_nothing_does_not_count(trace: Trace, name: str) -> None:
    found = trace(*WEAK[name])
    assert found.proof is Proof.PROVED
    assert [found.has_skip(0), found.has_skip(1)] == ["inner" in name, "inner" not in name]


BRANCH = f"{TIME}\n        if t.max() > 1: t = t / 50"
NUMPY = "t = torch.as_tensor(__import__('numpy').log1p(t.detach().numpy().reshape(-1, 1))).float()"
WRAPPED = "_Class = UNet\ndef UNet(ins, outs): return torch.jit.{}"
RIGHT = {
    "scripted": {"after": WRAPPED.format("script(_Class(ins, outs))")},
    "traced": {
        "after": WRAPPED.format(
            "trace(_Class(ins, outs), (torch.zeros(32, ins, 28, 28), torch.zeros(32, 1)))"
        )
    },
    "dropout in every mode": {"edits": [(LAST, "return self.leave(F.dropout(y, 0.05))")]},
    "noise from a generator of its own": {
        "edits": [
            (INIT, f"{INIT}\n        self.own = torch.Generator()"),
            (LAST, "return self.leave(y) + 0.01 * torch.randn(x.shape, generator=self.own)"),
        ]
    },
    "a branch by the value of t": {"edits": [(TIME, BRANCH)]},
    "time by numpy": {"edits": [(TIME, NUMPY)]},
    "layer norm with channels last": {
        "edits": [
            (INIT, f"{INIT}\n        self.norm = nn.LayerNorm(16)"),
            ("full = self.enter(x)", "full = self.norm(self.enter(x).movedim(1, 3)).movedim(3, 1)"),
        ]
    },
    "a tenth of the skip connection": {"edits": [(INNER, "torch.cat([y, 0.1 * half], dim=1)")]},
    "statistics of the batch": {
        "edits": [("full = self.enter(x)", "full = F.batch_norm(self.enter(x), None, None, training=True)")]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_an_unusual_network_loses_nothing(trace: Trace, name: str) -> None:
    case = RIGHT[name]
    found = trace(*case.get("edits", []), after=case.get("after", ""))
    assert found.is_complete, found


@pytest.mark.parametrize(
    "mixed",
    ["t = t.mean().expand_as(t)", "t = t / t.max()", "t = t - t.mean()", "t = t[:1].expand(len(x), 1)"],
)
def test_conditioning_that_mixes_the_batch_is_found(trace: Trace, mixed: str) -> None:
    found = trace((TIME, f"{TIME}\n        {mixed}"))
    assert found.conditioning.mixes_images
    assert not found.uses_time


def test_conditioning_in_eval_mode_alone_does_not_count(trace: Trace) -> None:
    assert not trace((TIME, f"{TIME} * (not self.training)")).uses_time


def test_a_constant_output_is_no_missing_skip_connection(trace: Trace) -> None:
    found = trace((LAST, "return torch.softmax(self.leave(y), dim=1)"))
    assert found.is_constant
    assert not found.uses_time
    assert found.has_skip(0)
    assert found.has_skip(1)


@pytest.mark.parametrize("path", ["numpy", "branch"])
def test_what_cannot_be_recorded_is_left_to_a_person(trace: Trace, path: str) -> None:
    edit = {
        "numpy": "return torch.from_numpy(self.leave(y).detach().numpy() + 0)",
        "branch": "return self.leave(y) * (1 + int(1000 * abs(x.sum().item())) % 97)",
    }[path]
    found = trace((LAST, edit))
    assert found.proof is Proof.OPAQUE
    assert found.doubt

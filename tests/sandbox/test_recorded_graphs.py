"""Recorded graphs: what a worker writes down, and what another one makes of it, honest or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from grader.sandbox.worker import patching, program, recording, replay

CPU = torch.device("cpu")
EMPTY = torch.zeros(0, dtype=torch.uint8)


class Small(nn.Module):
    """28 x 28 to 14 x 14 and back, with or without a skip connection."""

    def __init__(self, *, skip: float = 1.0) -> None:
        super().__init__()
        self.enter, self.low, self.leave = (
            nn.Conv2d(a, b, 3, padding=1) for a, b in ((1, 4), (4, 4), (8, 1))
        )
        self.time = nn.Linear(1, 4)
        self.norm = nn.BatchNorm2d(4)
        self.skip = skip

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        full = functional.relu(self.norm(self.enter(x)), inplace=True)
        low = self.low(functional.max_pool2d(full, 2)) + self.time(t)[:, :, None, None]
        back = functional.dropout(functional.interpolate(low, scale_factor=2.0), 0.2, self.training)
        output: Tensor = self.leave(torch.cat([back, self.skip * full], dim=1))
        return output


def batch(seed: int, count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, 1, 28, 28, generator=generator), torch.full((count, 1), 3.0)]


def recorded(network: Callable[..., Any], *, grad: bool = False) -> program.Program:
    torch.manual_seed(0)
    with torch.set_grad_enabled(grad):
        found = recording.record(network, batch(1))
    assert "refused" not in found, found
    return program.parse(found["graph"], found["constants"], CPU)


def explored(network: Callable[..., Any]) -> dict[str, Any]:
    with torch.no_grad():
        return patching.explore(recorded(network), batch(2), batch(3), 28, 7)


def seeded(network: Callable[..., Any], args: list[Tensor]) -> Tensor:
    torch.manual_seed(7)
    output: Tensor = network(*args)
    return output


def buffer_written_in_place(x: Tensor, t: Tensor) -> Tensor:
    """Keep the top half of the pooled image and write into views of an empty map."""
    low = functional.avg_pool2d(x, 2)
    buffer = torch.zeros(len(x), 1, 14, 14)
    buffer[:, :, ::2] = low[:, :, ::2]
    buffer[:, :, 1::2] += low[:, :, 1::2]
    return functional.interpolate(buffer * t.view(-1, 1, 1, 1), scale_factor=2.0)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_a_replay_gives_the_networks_answers_on_other_inputs(training: bool) -> None:
    """With batch normalisation, dropout and operations in place."""
    torch.manual_seed(1)
    network = Small().train(training)
    graph = recorded(network, grad=training)
    for seed in (2, 3):
        torch.testing.assert_close(replay.run(graph, batch(seed), 7), seeded(network, batch(seed)).detach())


def test_generators_of_the_networks_own_draw_the_same_numbers_again() -> None:
    one, other = torch.Generator(), torch.Generator()

    def network(x: Tensor, t: Tensor) -> Tensor:
        for generator in (one, other, one):
            x = x + torch.randn(x.shape, generator=generator)
        return x

    def begin() -> None:
        one.manual_seed(1)
        other.manual_seed(2)

    begin()
    graph = recorded(network)
    begin()
    torch.testing.assert_close(replay.run(graph, batch(2), 7), network(*batch(2)))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("compile", ["script", "trace"])
def test_a_compiled_network_is_recorded_like_any_other(compile: str) -> None:
    network = Small().eval()
    scripted = torch.jit.script(network) if compile == "script" else torch.jit.trace(network, batch(1))
    torch.testing.assert_close(replay.run(recorded(scripted), batch(2), 0), network(*batch(2)).detach())


def test_a_skip_connection_is_what_stays_open_when_lower_maps_are_frozen() -> None:
    found = explored(Small().eval())
    assert not torch.equal(found["ways"][0], found["clean"])
    assert [height for height, _ in found["maps"]] == [28, 14]


@pytest.mark.parametrize(
    "network", [Small(skip=0.0).eval(), buffer_written_in_place], ids=["times zero", "written in place"]
)
def test_without_a_skip_connection_nothing_stays_open(network: Callable[..., Any]) -> None:
    found = explored(network)
    torch.testing.assert_close(found["ways"][0], found["clean"])
    assert not torch.allclose(found["open"], found["clean"])


def test_a_vector_of_the_image_is_no_path_at_full_resolution() -> None:
    found = explored(
        lambda x, t: functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2.0) + x.mean()
    )
    assert not torch.equal(found["ways"][0], found["clean"])  # a mean over the whole batch is not followed
    per_image = explored(
        lambda x, t: (
            functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2.0)
            + x.flatten(1).mean(1, keepdim=True)[:, :, None, None]
        )
    )
    torch.testing.assert_close(per_image["ways"][0], per_image["clean"])


def test_channels_may_come_last() -> None:
    """The map with 14 channels is at full resolution, though one of its sides is 14."""
    weight = torch.randn(14, 1)
    found = explored(
        lambda x, t: (
            (torch.tanh(x.permute(0, 2, 3, 1).repeat(1, 1, 1, 14)) @ weight).permute(0, 3, 1, 2)
            + functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2.0)
        )
    )
    assert not torch.equal(found["ways"][0], found["clean"])


def test_where_the_output_is_constant_the_last_map_that_differs_is_measured() -> None:
    network = Small().eval()
    found = explored(lambda x, t: torch.softmax(network(x, t), dim=1))
    assert found["before"]
    assert not torch.equal(found["ways"][0], found["base"])
    assert torch.equal(found["clean"], torch.ones_like(found["clean"]))


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (lambda x, t: torch.fft.fft2(x).real, "operator"),
        (lambda x, t: x.tolist(), "does not come from tensor operations"),
        (lambda x, t: [x := x + 1 for _ in range(5000)][-1], "too many"),
    ],
    ids=["operator", "no tensor", "too long"],
)
def test_what_cannot_be_recorded_is_refused_with_a_reason(network: Callable[..., Any], why: str) -> None:
    assert why in recording.record(network, batch(1))["refused"]


def test_reading_a_value_is_noted() -> None:
    assert recording.record(lambda x, t: x * 2 if x.sum() > 0 else x, batch(1))["reads"]
    assert not recording.record(lambda x, t: x * 2, batch(1))["reads"]


def test_a_recorder_in_trouble_does_not_disturb_the_network() -> None:
    """A value that no graph can hold: the call itself succeeds."""
    found = recording.record(lambda x, t: x + x.to_sparse().to_dense(), batch(1))
    assert "refused" in found


def node(name: str, args: list[Any], outs: list[Any] | None = None) -> list[Any]:
    return [name, args, {}, [2] if outs is None else outs]


X = {"value": 0}
FORGED = {
    "not json": "{",
    "no object": "[]",
    "deep": "[" * 100_000,
    "another operator": node("from_file.default", ["/etc/passwd"]),
    "a file": node("save.default", [X, "x"]),
    "a set storage": node("set_.source_Tensor", [X, X]),
    "a resize": node("resize_.default", [X, [1 << 40]]),
    "raw memory": node("as_strided.default", [X, [1 << 20], [1], 1 << 20]),
    "an overload with a target": node("add.out", [X, X]),
    "an attribute": node("__class__.default", [X]),
    "a python name": node("add.__init__", [X]),
    "a name with a path": node("add.Tensor.op.__globals__", [X, X]),
    "an unknown value": node("add.Tensor", [X, {"value": 99}]),
    "an object": node("add.Tensor", [X, {"call": "os.system"}]),
    "a huge factory": node("zeros.default", [[1 << 40]]),
    "a huge repeat": node("repeat.default", [X, [1 << 14, 1, 1, 1 << 14]]),
    "a huge number": node("mul.Scalar", [X, 10**400]),
    "wrong statistics": node(
        "native_batch_norm.default", [X, {"value": 0}, None, None, None, True, 0.1, 1e-5]
    ),
    "wrong groups": node("native_group_norm.default", [X, None, None, 3, 4000, 784, 1, 1e-5], [2, 3, 4]),
    "no result": node("add.Tensor", [X, X], [7]),
    "other results": node("add.Tensor", [X, X], [2, 3]),
    "results of another kind": node("add.Tensor", [X, X], ["a"]),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_forged_graph_is_refused(forged: Any) -> None:
    text = forged
    if isinstance(forged, list):
        text = json.dumps({"inputs": [0, 1], "constants": [], "nodes": [forged], "output": 2})
    with pytest.raises(program.GraphError):
        patching.explore(program.parse(text, EMPTY, CPU), batch(1), batch(2), 28, 0)


@pytest.mark.parametrize(
    "constant",
    [[5, "float32", [2], 0], [5, "float32", [1 << 40], 0], [5, "float32", [-1], 0], [5, "object", [1], 0],
     [5, "float32", [1], -4], [5, "float32", [1.5], 0], ["5", "float32", [1], 0]],
    ids=["outside", "huge", "negative", "type", "start", "fraction", "number"],
)  # fmt: skip
def test_a_forged_constant_is_refused(constant: list[Any]) -> None:
    text = json.dumps({"inputs": [0, 1], "constants": [constant], "nodes": [], "output": 0})
    with pytest.raises(program.GraphError):
        program.parse(text, torch.zeros(4, dtype=torch.uint8), CPU)

"""Evidence that is replayed, not believed: a network's recorded graph, computed without its code.

A worker records what its network computes as data (``sandbox.worker.recording``). Its process is under the
student's control, so the graph proves nothing yet. A fresh sandboxed worker that has loaded no student code
computes it (``sandbox.worker.replay``) on inputs that were drawn afterwards. Only where it reproduces the
network's own answers to ordinary calls is it a description of the network, from which structure may be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from grader.closing import Closing
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, OnCPU, StudentError

# Share of the change between two inputs up to which a replay agrees with the network. On a CPU both compute
# the same operators in the same order: 0 on all right solutions. On a GPU rounding gives up to 1e-3.
AGREEMENT = 5e-3
# A network that draws random numbers of its own differs from itself by this share or less; above, nothing can
# be said about it by comparing answers.
_MOST_NOISE = 0.5
_LIMIT = 250 << 20  # bytes of a reply: the constants of a graph


class NotReplayable(Exception):
    """Raised if a network's computation cannot be recorded or replayed; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Numbers of the weight tensors that a network computes with.

    Attributes:
        used: all of them.
        loose: those that are not among its parameters, so that no optimizer trains them.
        new: the loose ones that are made at every call.
    """

    used: int = 0
    loose: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A network's graph as its own worker describes it.

    Attributes:
        graph: JSON text; nothing in the judge reads it.
        constants: bytes of its weights, uint8 (N,).
        reads_values: whether the code looked at values, by which it may have chosen its path.
        refused: why it cannot be recorded; None if it was.
        weights: the weights that the call used.
    """

    graph: str
    constants: Tensor
    reads_values: bool
    refused: str | None = None
    weights: Weights = Weights()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The computation of a graph, as ``sandbox.worker.patching`` describes it.

    Attributes:
        clean, open: outputs on two inputs.
        base: ``clean``, or what replaces it where the output is the same on both.
        ways: output on the second input with every map below the k-th resolution frozen.
        maps: (height, largest number of channels) of each resolution.
        joins: (level, kind) of each concatenation; a hint at why a path is missing, no proof.
        is_before: whether the output is the same on both inputs, and an earlier map was measured instead.
        depends: whether the graph leads from the first input to the output at all.
    """

    clean: Tensor
    open: Tensor
    base: Tensor
    ways: tuple[Tensor, ...]
    maps: tuple[tuple[int, int], ...]
    joins: tuple[tuple[int, str], ...]
    is_before: bool
    depends: bool


class Proof(Enum):
    """Degree to which a network's own answers prove its graph."""

    PROVED = "proved"
    UNREPEATABLE = "unrepeatable"  # the network's answers to equal calls differ as much
    OPAQUE = "opaque"  # it cannot be recorded, or chooses its path by the values that it gets
    CONTRADICTED = "contradicted"  # its answers are not those of what it recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A network's graph and how well it agrees with the network.

    Attributes:
        proof: the verdict on the graph.
        answer: the network's own answer to the first input.
        replay: what the graph computes; None if it cannot be computed.
        difference: between answer and replay, as a share of the change between two inputs.
        reason: why there is no proof, in words for a person; "" with one.
        weights: the weights that it used in the recorded call, as its own worker says.
    """

    proof: Proof
    answer: Tensor
    replay: Replay | None = None
    difference: float = 0.0
    reason: str = ""
    weights: Weights = Weights()


class GraphInterpreter(Closing):
    """A sandboxed worker without student code that computes recorded graphs. A context manager."""

    def __init__(self, student: Student) -> None:
        """
        Args:
            student: its zygote, device and threads are used, none of its code.
        """
        self._worker = student.fresh(source=WorkerSource(statements=()), data=None)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def replay(
        self, recording: Recording, args: Sequence[Any], shifted: Sequence[Any], *, full: int, seed: int
    ) -> Replay:
        """Compute a graph on two inputs, and on the second with lower resolutions frozen.

        Raises:
            NotReplayable: it is malformed, too large, or fails.
        """
        request = {"verb": "replay", "graph": recording.graph, "full": full, "seed": seed}
        values = {"constants": OnCPU(recording.constants), "shifted": list(shifted)}
        try:
            found = self._worker.reply(request, args=args, values=values, timeout=60.0)["value"]
        except StudentError as error:  # there is no student in this worker: the graph is to blame
            raise NotReplayable(str(error)) from error
        if "refused" in found:
            raise NotReplayable(found["refused"])
        outputs = [found[name].float() for name in ("clean", "open", "base")]
        ways = tuple(way.float() for way in found["ways"])
        if any(way.shape != outputs[2].shape for way in ways) or outputs[0].shape != outputs[1].shape:
            raise NotReplayable("the shapes of its results differ")
        maps = tuple((row[0], row[1]) for row in found["maps"])
        joins = tuple((row[0], row[1]) for row in found["joins"])
        return Replay(
            clean=outputs[0],
            open=outputs[1],
            base=outputs[2],
            ways=ways,
            maps=maps,
            joins=joins,
            is_before=found["before"],
            depends=found["depends"],
        )


def record(student: Student, network: Handle, args: Sequence[Any], *, seed: int, grad: bool) -> Recording:
    """Record what a network computes for these arguments.

    Raises:
        StudentError: the network fails.
    """
    request = {"verb": "record", "seed": seed, "grad": grad}
    found = student.reply(request, target=network, args=args, timeout=60.0, reply_limit=_LIMIT)["value"]
    counts = [
        value if isinstance(value := found.get(name), int) else 0 for name in ("weights", "loose", "new")
    ]
    weights = Weights(*counts)
    if "refused" in found:
        return Recording("", torch.zeros(0, dtype=torch.uint8), False, found["refused"], weights)
    return Recording(found["graph"], found["constants"], found["reads"], weights=weights)


def prove(
    student: Student,
    network: Handle,
    interpreter: GraphInterpreter,
    *,
    recorded: Sequence[Any],
    args: Sequence[Any],
    shifted: Sequence[Any],
    full: int,
    seed: int,
    grad: bool,
) -> Evidence:
    """Record a network, replay the graph on other inputs, and compare with the network's own answer.

    Args:
        recorded: input of the recorded call.
        args: input of the call whose answer the graph has to reproduce.
        shifted: a second input for the replay; see ``GraphInterpreter.replay``.
        full: height of a full-resolution map.
        seed: seeds both calls and the replay.
        grad: enable gradients in both calls.

    Raises:
        StudentError: the network fails.
    """

    def ask() -> Tensor:
        return first_tensor(student.call(network, *args, seed=seed, grad=grad, timeout=60.0))

    answer = ask()
    recording = record(student, network, recorded, seed=seed, grad=grad)
    weights = recording.weights
    try:
        if recording.refused is not None:
            raise NotReplayable(recording.refused)
        replay = interpreter.replay(recording, args, shifted, full=full, seed=seed)
        if replay.clean.shape != answer.shape:
            raise NotReplayable("its graph gives a result of another shape")
    except NotReplayable as error:
        return Evidence(proof=Proof.OPAQUE, answer=answer, reason=str(error), weights=weights)
    change = size(replay.open - replay.clean)
    difference = size(answer - replay.clean) / max(change, 1e-6 * size(answer), 1e-30)
    if difference <= AGREEMENT:
        return Evidence(
            proof=Proof.PROVED, answer=answer, replay=replay, difference=difference, weights=weights
        )
    noise = size(ask() - answer) / max(change, 1e-30)
    proof, reason = Proof.CONTRADICTED, "its answers are not those of what it was seen to compute"
    if AGREEMENT < noise <= _MOST_NOISE and difference <= 3 * noise:
        proof, reason = Proof.UNREPEATABLE, "its answers to equal calls differ"
    elif not replay.depends:
        proof, reason = Proof.OPAQUE, "it computes outside PyTorch"
    elif recording.reads_values:
        proof, reason = Proof.OPAQUE, "it chooses what to compute by the values that it gets"
    return Evidence(
        proof=proof, answer=answer, replay=replay, difference=difference, reason=reason, weights=weights
    )


def first_tensor(result: Any) -> Tensor:
    """Return a network's output, the first of several; an empty tensor if it returned none."""
    if isinstance(result, tuple | list) and result:
        result = result[0]
    return result.float() if isinstance(result, Tensor) else torch.empty(0)


def size(tensor: Tensor) -> float:
    """Return the Euclidean norm, with NaN counted as 0."""
    return float(tensor.double().nan_to_num().norm())

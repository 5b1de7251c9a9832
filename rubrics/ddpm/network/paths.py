"""Measure which resolutions a network's output depends on, in the two situations in which it is used.

It is asked as in sampling (eval mode, no gradients, the same step for every image, pure noise) and as in
training (train mode, gradients, a step for each image, diffused digits). A skip connection or a dependence on
t counts only if it is there in both. Batch sizes, seeds, images and steps come from the secret seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.checks import Blocked
from grader.probes.paths import Path, read_paths, strongest, weakest
from grader.probes.recorded_graph import Evidence, GraphInterpreter, Proof, Weights, prove
from grader.sandbox.student import Student
from reference.readings import PAPER, ReadingDiffuser
from reference.schedule import SCHEDULE

from .conditioning import Conditioning, ask_conditioning, depends_on_batch_size
from .probe import STEPS, Network, format_steps

FULL = 28
# What a skip connection must carry (``Path``). Over the right solutions of the audit, 75 measurements, the
# strength was at least 0.39 and the coverage 0.36; a skip scaled to a thousandth has a strength of 0.004 at
# most, one of four numbers or four pixels a coverage of 0.06. (docs/calibration.md)
MIN_STRENGTH = 0.03
MIN_COVERAGE = 0.12
# Layers and gates that are initialised with zero would block every path, so the weights are perturbed first.
# Where that leaves a path dead (a ReLU that is always zero), the next attempt perturbs them again.
ATTEMPTS = 3
PERTURBATION = 0.05
_ALL = 1 - 1e-6  # strength of a skip connection beside which lower levels carry nothing but rounding
_PROVED = (Proof.PROVED, Proof.UNREPEATABLE)


@dataclass(frozen=True, slots=True)
class Situation:
    """A way in which a network is used: in training or in sampling."""

    training: bool

    @property
    def mode(self) -> str:
        """Name of the method that sets the mode."""
        return "train" if self.training else "eval"


SITUATIONS = (Situation(training=False), Situation(training=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPaths:
    """Share of a change at the input that reaches the output, by the lowest resolution on its path.

    Attributes:
        skips: for level k (0 is full resolution), what the paths carry whose lowest level is k, which is
            what the skip connection of that level carries. Without the bottom.
        maps: (height, largest number of channels) of each level.
        concatenations: (level, kind) of each concatenation, in the words of the worker's ``patching``. They
            only explain a missing path and prove nothing.
        conditioning: how the output depends on the step, from the network's own answers.
        parameters: number of trainable parameters.
        proof: how far the graph was proved, in the situation where that is worst.
        doubt: why it was not, in words for a person; "" if it was.
        is_constant: whether the output is the same for every image, so that the paths end before it.
        weights: the weights that it computes with, among them those that are no parameters.
    """

    skips: tuple[Path, ...]
    maps: tuple[tuple[int, int], ...]
    concatenations: tuple[tuple[int, str], ...]
    conditioning: Conditioning
    parameters: int
    proof: Proof
    doubt: str = ""
    is_constant: bool = False
    weights: Weights = Weights()  # noqa: RUF009  it is frozen

    def has_skip(self, level: int) -> bool:
        """Return whether the skip connection of a level carries enough, to enough of the output."""
        return _is_strong(self.skips[level])

    @property
    def lowest_used(self) -> int | None:
        """The level whose skip connection carries all that lower ones could: nothing of those is used."""
        whole = (
            level for level, skip in enumerate(self.skips) if skip.strength > _ALL and self.has_skip(level)
        )
        return next(whole, None)

    @property
    def uses_time(self) -> bool:
        """True if the output of each image depends on its own step."""
        return self.conditioning.is_of_each_image

    @property
    def is_complete(self) -> bool:
        """True if every skip connection and the conditioning are there, proved, and trained with the rest."""
        skips = bool(self.skips) and all(map(_is_strong, self.skips))
        return skips and self.uses_time and self.proof in _PROVED and not self.weights.loose


def trace_input_paths(
    student: Student, network: Network, generator: torch.Generator, images: Tensor
) -> InputPaths:
    """Measure by activation patching, on a replayed graph, which resolutions the output depends on.

    Args:
        images: digits to diffuse, (N, 1, 28, 28) in [0, 1].

    Raises:
        Blocked: the network fails.
    """
    if isinstance(network.output, str):
        raise Blocked(f"Your network does not work: {network.output}")
    parameters = student.ask("describe", network.handle).get("parameters") or 0
    # One size for all calls: with another one the libraries would compile their kernels once more.
    count = int(torch.randint(3, 5, (), generator=generator))
    differs = depends_on_batch_size(student, network, count, generator)
    probe = _Probe(student, network, generator, images, count)
    with GraphInterpreter(student) as interpreter:
        measured = [probe.measure(interpreter, situation) for situation in SITUATIONS]
    student.call(network.handle, method="eval", keep=True)
    sampling, training = measured
    conditioning = sampling.conditioning.weaker(training.conditioning)
    worst = max(measured, key=lambda found: list(Proof).index(found.proof))
    proof, doubt = worst.proof, worst.doubt
    if differs and proof in _PROVED and not conditioning.mixes_images:
        proof = Proof.CONTRADICTED
        doubt = "its answer for an image is another one in a batch of another size"
    return InputPaths(
        skips=weakest(sampling.skips, training.skips),
        maps=sampling.maps,
        concatenations=(*sampling.concatenations, *training.concatenations),
        conditioning=conditioning,
        parameters=parameters,
        proof=proof,
        doubt=doubt,
        is_constant=sampling.is_constant or training.is_constant,
        weights=training.weights,
    )


@dataclass(slots=True)
class _Measured:
    """The findings in one situation, the best of several attempts."""

    skips: tuple[Path, ...] = ()
    maps: tuple[tuple[int, int], ...] = ()
    concatenations: tuple[tuple[int, str], ...] = ()
    conditioning: Conditioning = field(default_factory=Conditioning)
    proof: Proof = Proof.OPAQUE
    doubt: str = ""
    is_constant: bool = False
    weights: Weights = Weights()  # noqa: RUF009  it is frozen
    contradictions: int = 0

    def is_complete(self) -> bool:
        """Return whether another attempt could not find more."""
        skips = bool(self.skips) and all(map(_is_strong, self.skips))
        is_conditioned = self.conditioning.is_of_each_image
        return self.proof is Proof.PROVED and skips and is_conditioned and not self.is_constant


@dataclass(slots=True)
class _Probe:
    student: Student
    network: Network
    generator: torch.Generator
    images: Tensor
    count: int

    def measure(self, interpreter: GraphInterpreter, situation: Situation) -> _Measured:
        """Ask in one situation, again with other weights and inputs as long as something is missing."""
        found = _Measured()
        self.student.call(self.network.handle, method=situation.mode, keep=True)
        for _ in range(ATTEMPTS):
            self._attempt(interpreter, situation, found)
            if found.is_complete():
                break
        return found

    def _attempt(self, interpreter: GraphInterpreter, situation: Situation, found: _Measured) -> None:
        student, handle = self.student, self.network.handle
        student.ask("perturb", handle, seed=self._draw(0, 1 << 31), scale=PERTURBATION)
        seed = self._draw(0, 1 << 31)
        steps, later = self._steps(situation)
        inputs = [self._inputs(steps, situation) for _ in range(3)]
        evidence = prove(
            student,
            handle,
            interpreter,
            recorded=inputs[0],
            args=inputs[1],
            shifted=inputs[2],
            full=FULL,
            seed=seed,
            grad=situation.training,
        )
        conditioning = ask_conditioning(
            student,
            self.network,
            evidence.answer,
            inputs[1][0],
            (steps, later),
            seed=seed,
            training=situation.training,
        )
        found.conditioning = found.conditioning.stronger(conditioning)
        self._add(evidence, found)

    def _add(self, evidence: Evidence, found: _Measured) -> None:
        """Add what one graph shows; one that was not proved shows nothing."""
        replay, found.weights = evidence.replay, evidence.weights
        found.contradictions += evidence.proof is Proof.CONTRADICTED
        if replay and evidence.proof in _PROVED:
            found.skips = strongest(found.skips, read_paths(replay))
            found.maps, found.concatenations = replay.maps, replay.joins
            found.is_constant = replay.is_before
        if found.contradictions > 1:  # once may be an accident; it was asked again
            found.proof, found.doubt = Proof.CONTRADICTED, found.doubt or evidence.reason
        elif evidence.proof in _PROVED or found.proof not in _PROVED:
            found.proof, found.doubt = evidence.proof, evidence.reason

    def _steps(self, situation: Situation) -> tuple[Tensor, Tensor]:
        """Return steps, (count,), and others that differ from them by at least 15."""
        if situation.training:
            steps = torch.randint(0, STEPS, (self.count,), generator=self.generator)
        else:
            steps = torch.full((self.count,), self._draw(0, STEPS))
        return steps, (steps + self._draw(15, STEPS - 15)) % STEPS

    def _inputs(self, steps: Tensor, situation: Situation) -> list[Any]:
        shape = (len(steps), 1, FULL, FULL)
        x = torch.randn(shape, generator=self.generator)
        if situation.training:
            chosen = torch.randint(0, len(self.images), (len(steps),), generator=self.generator)
            at = torch.randint(0, SCHEDULE["total_steps"], (len(steps),), generator=self.generator)
            x, _ = ReadingDiffuser(**SCHEDULE, reading=PAPER).noise_diffusion(self.images[chosen], at, x)
        return [x, format_steps(self.network.form, steps)]

    def _draw(self, low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=self.generator))


def _is_strong(skip: Path) -> bool:
    return skip.strength > MIN_STRENGTH and skip.coverage > MIN_COVERAGE

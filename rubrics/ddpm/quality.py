"""Samples from the handout's seeds, made with what is the student's and sound, and how near they are to real digits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grader.checks import Blocked, Talk
from grader.sandbox.student import IN_USE, Handle, Student
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.evaluation import energy_distance
from reference.pretrained import SCHEDULE, load_pretrained
from reference.readings import PAPER, ReadingDiffuser
from reference.sampler import generate_samples

from . import calibration
from .doubles import DiffuserDouble, NetworkDouble
from .learning import Learning
from .probe_network import Network
from .probe_sampler import as_samples, step_of
from .probe_trainer import call_by_handout

TOTAL = SCHEDULE["total_steps"]
Predict = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far from real digits samples may be: ``factor`` times the reference's distance, and at least ``floor``."""

    factor: float
    floor: float

    def of(self, reference: float) -> float:
        """The bound, given the reference's distance."""
        return max(self.factor * reference, self.floor)


@dataclass(slots=True, kw_only=True)
class Quality:
    """How near samples are to real digits, and the pictures.

    Attributes:
        distance, reference, bound: energy distances to held-out digits.
        what: which parts made the samples that are judged.
        rows: labelled samples, one tensor for each seed.
    """

    distance: float
    reference: float
    bound: float
    what: str
    rows: list[tuple[str, list[Tensor]]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Makes samples from the handout's seeds.

    Attributes:
        seeds, count: the handout's seeds, and samples from each.
        fallback: the student's diffuser, for attributes beyond the handout's.
    """

    student: Student
    seeds: tuple[int, ...]
    count: int
    fallback: Handle | None
    talk: Talk

    def start(self, seed: int) -> Tensor:
        """x_T as the handout's cell draws it, float (count, 1, 28, 28)."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return torch.randn((self.count, 1, 28, 28))

    def reference(self, predict: Predict | None = None) -> list[Tensor]:
        """By the reference's sampler, from the network behind ``predict``, or else the reference's trained one."""
        network = load_pretrained()

        def model(x: Tensor, t: Tensor) -> Tensor:
            return predict(x, t.flatten().round().long().expand(len(x))) if predict else network(x, t)

        made = []
        for seed in self.seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                start = torch.randn((self.count, 1, 28, 28))
                made.append(generate_samples(start, model, self.count, TOTAL, NoiseDiffuser(**SCHEDULE), "cpu"))
        return made

    def students_sampler(self) -> list[Tensor]:
        """By the student's sampler, from the reference's trained network, which stays here.

        Raises:
            StudentError: it failed.
            Blocked: what it returned are no samples.
        """
        network, schedule = load_pretrained(), ReadingDiffuser(**SCHEDULE, reading=PAPER)
        asked = 0

        def respond(x: Tensor, t: Tensor) -> Tensor:
            nonlocal asked
            step = step_of(t, asked, TOTAL)
            asked += 1
            with torch.no_grad():
                return network(x.float(), torch.full((len(x), 1), float(step)))

        model = NetworkDouble([], respond)
        process = DiffuserDouble([], schedule, self.fallback, torch.Generator().manual_seed(0))
        return self._by_student(model, process)

    def all_of_the_students(self, network: Network, diffuser: Handle) -> list[Tensor]:
        """By the student's sampler, from their own network and diffuser.

        Raises:
            StudentError, Blocked: as ``students_sampler``.
        """
        return self._by_student(network.handle, diffuser)

    def _by_student(self, model: object, diffuser: object) -> list[Tensor]:
        made = []
        for number, seed in enumerate(self.seeds):
            self.talk.progress("sampling, seed", number + 1, len(self.seeds))
            start = self.start(seed)
            arguments = {
                "x_t": start, "model": model, "num_samples": self.count, "total_timesteps": TOTAL,
                "diffuser": diffuser, "device": IN_USE,
            }  # fmt: skip
            started = time.monotonic()
            returned = call_by_handout(self.student, "generate_samples", arguments, seed=seed, within=300.0)
            self.talk.spend("sampling", time.monotonic() - started)
            samples = as_samples(returned, tuple(start.shape))
            if samples is None:
                raise Blocked("generate_samples returns no samples that could be looked at.")
            made.append(samples)
        return made


def judge_sampler(studio: Studio, bounds: Bounds) -> Quality:
    """Judge a right sampler with the reference's trained network, so that it owes nothing to the student's own.

    Raises:
        StudentError: the sampler failed.
        Blocked: it returned nothing that could be looked at.
    """
    reference = studio.reference()
    own = studio.students_sampler()
    base = distance(reference)
    return Quality(
        distance=distance(own),
        reference=base,
        bound=bounds.of(base),
        what="your sampler with the reference's trained network",
        rows=[("your sampler, reference's network", own), ("all of the reference", reference)],
    )


def judge_network(studio: Studio, learning: Learning, bounds: Bounds) -> Quality:
    """Judge the student's network with the reference's sampler, where their own has lost its points already.

    It is compared with the reference's network after as short a training under the same reading.

    Raises:
        Blocked: the network is not theirs, or has not learnt; that was charged where it belongs.
    """
    trained = learning.trained
    if learning.error > learning.bound or trained.whose[0] == "reference":
        raise Blocked("Neither your sampler nor your network is right as it is; each lost its points where it belongs.")
    own = studio.reference(trained.predict)
    base = calibration.short_training_distance(trained.reading, trained.steps)
    return Quality(
        distance=distance(own),
        reference=base,
        bound=bounds.of(base),
        what="your network with the reference's sampler",
        rows=[("your network, reference's sampler", own), ("all of the reference", studio.reference())],
        notes=["sample.quality was judged with the reference's sampler on your network, since your sampler lost its points above."],
    )


def distance(samples: list[Tensor]) -> float:
    """Energy distance of samples to held-out digits; infinite where they are not numbers."""
    together = torch.cat(samples)
    if not torch.isfinite(together).all():
        return float("inf")
    real, _ = digits.load_digits28("held-out")
    return energy_distance(together.clamp(-10, 10), real)

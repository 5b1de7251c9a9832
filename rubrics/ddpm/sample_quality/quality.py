"""Samples from the handout's seeds, made with what is the student's and sound, and how near they are to real
digits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter
from grader.checks.randomness import seeded_globally
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.evaluation import energy_distance
from reference.pretrained import SCHEDULE, load_pretrained
from reference.readings import PAPER, ReadingDiffuser
from reference.sampler import generate_samples

from ..forward.schedule import build_diffuser
from ..interface import signatures
from ..interface.conventions import StepNumbering
from ..interface.doubles import DiffuserDouble, NetworkDouble
from ..network.probe import Network
from ..sampler.samples import StepDecoder, as_samples
from ..short_training import measured
from ..short_training.training import TrainedNetwork, TrainingOutcome

TOTAL = SCHEDULE["total_steps"]
Predict = Callable[[Tensor, Tensor], Tensor]
OWN = "all your own"  # the row of samples in which nothing is the reference's


@dataclass(slots=True, kw_only=True)
class Quality:
    """How good samples are, and the pictures.

    Attributes:
        judged: which parts made the samples.
        value, reference, bound: of what ``measure`` names; the less, the better.
        undecided: the value up to which it cannot be told; the same as ``bound`` or greater.
        rows: labelled samples, one tensor for each seed.
        film: one sample from x_T to x_0, each (1, 28, 28), as the student's sampler showed it to the network.
    """

    judged: str
    value: float
    reference: float
    bound: float
    undecided: float
    measure: str
    rows: list[tuple[str, list[Tensor]]]
    notes: list[str] = field(default_factory=list)
    film: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples, float (N, 1, 28, 28) for each seed, and what the first was on its way, (1, 28, 28) each."""

    samples: list[Tensor]
    film: list[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleGenerator:
    """Makes samples from the handout's seeds.

    Attributes:
        seeds, count: the handout's seeds, and samples from each.
        fallback: the student's diffuser, for attributes beyond the handout's.
        numbering: how the student counts the steps.
    """

    student: Student
    seeds: Sequence[int]
    count: int
    fallback: Handle | None
    reporter: Reporter
    numbering: StepNumbering = StepNumbering()  # noqa: RUF009  it is frozen

    def start(self, seed: int) -> Tensor:
        """x_T as the handout's cell draws it, float (count, 1, 28, 28)."""
        with seeded_globally(seed):
            return torch.randn((self.count, 1, 28, 28))

    def by_reference_sampler(self, predict: Predict) -> list[Tensor]:
        """By the reference's sampler, from the network behind ``predict``."""

        def model(x: Tensor, t: Tensor) -> Tensor:
            return predict(x, t.flatten().round().long().expand(len(x)))

        return [sample_from(seed, self.count, model) for seed in self.seeds]

    def students_sampler(self) -> Samples:
        """By the student's sampler, from the reference's trained network, which stays here.

        Raises:
            StudentError: it failed.
            Blocked: what it returned are no samples.
        """
        network = load_pretrained().to(memory_format=torch.channels_last)  # a third faster
        schedule = ReadingDiffuser(**SCHEDULE, reading=PAPER)
        generator = torch.Generator().manual_seed(0)
        process = DiffuserDouble([], schedule, self.fallback, generator, numbering=self.numbering)
        made, film = list[Tensor | None](), dict[int, Tensor]()
        for seed in self.seeds:
            steps, shown = StepDecoder(TOTAL), list[Tensor]()

            def respond(
                x: Tensor, t: Tensor, steps: StepDecoder = steps, shown: list[Tensor] = shown
            ) -> Tensor:
                shown[:] = [x]
                if not made and len(x) and x[0].shape == (1, 28, 28):  # the first seed's first sample
                    film.setdefault(steps.of(t), x[0].detach().float().cpu())
                started = time.thread_time()
                with torch.no_grad():
                    x = x.float().contiguous(memory_format=torch.channels_last)
                    predicted: Tensor = network(x, torch.full((len(x), 1), float(steps.of(t))))
                self.reporter.spend("processor", time.thread_time() - started)
                return predicted

            returned = self._by_student(
                NetworkDouble([], respond, max_images=3 * TOTAL * self.count), process, seed
            )
            # Of the wrong number or shape, which sample.shape says; what the network saw last shows as much.
            made.append(returned if returned is not None or not shown else shown[0].float())
        return Samples(samples=self._usable(made), film=list(film.values()))

    def all_of_the_students(self, network: Network, diffuser: Handle) -> list[Tensor]:
        """By the student's sampler, from their own network and diffuser.

        Raises:
            StudentError, Blocked: as ``students_sampler``.
        """
        return self._usable([self._by_student(network.handle, diffuser, seed) for seed in self.seeds])

    def _by_student(self, model: object, diffuser: object, seed: int) -> Tensor | None:
        self.reporter.progress("sampling, seed", self.seeds.index(seed) + 1, len(self.seeds))
        start = self.start(seed)
        arguments = {
            "x_t": start,
            "model": model,
            "num_samples": self.count,
            "total_timesteps": TOTAL,
            "diffuser": diffuser,
            "device": CURRENT_DEVICE,
        }
        started = time.monotonic()
        returned = signatures.call(
            self.student,
            "generate_samples",
            arguments,
            constructor_arguments=SCHEDULE,
            seed=seed,
            timeout=300.0,
        )
        self.reporter.spend("sampling", time.monotonic() - started)
        return as_samples(returned, tuple(start.shape))

    @staticmethod
    def _usable(made: list[Tensor | None]) -> list[Tensor]:
        samples = [one for one in made if one is not None and one.shape[1:] == (1, 28, 28)]
        if len(samples) < len(made):
            raise Blocked("generate_samples returns no samples that could be looked at.")
        return samples


def judge_sampler(
    seeds: Sequence[int], draw: Callable[[Sequence[int]], Samples], tolerance: Mapping[str, float]
) -> Quality:
    """Judge a right sampler with the reference's trained network, so that it owes nothing to the student's
    own. Where the samples lie between good and bad, as many are drawn again.

    Args:
        draw: from seeds, as ``SampleGenerator.students_sampler`` does.
        tolerance: ``quality`` and ``quality_not``, energy distances to real digits that are surely good, and
            surely not.

    Raises:
        StudentError: the sampler failed.
        Blocked: it returned nothing that could be looked at.
    """
    reference = measured.reference_samples()
    drawn = draw(seeds)
    own = drawn.samples
    bound, undecided = tolerance["quality"], tolerance["quality_not"]
    notes = []
    if distance(own) > bound >= distance([2 * samples - 1 for samples in own]):
        own = [2 * samples - 1 for samples in own]
        notes.append("generate_samples returns its samples as (x + 1) / 2; they were looked at as x.")
    value = distance(own)
    if bound < value <= undecided:
        again = draw([seed + 1 for seed in seeds])
        value = distance([*own, *again.samples])
    return Quality(
        judged="your sampler with the reference's trained network",
        value=value,
        reference=distance(reference),
        bound=bound,
        undecided=undecided,
        measure="energy distance to real digits",
        rows=[("your sampler, reference's network", own), ("all of the reference", reference)],
        notes=notes,
        film=[*drawn.film, own[0][0]],
    )


def judge_network(sample_generator: SampleGenerator, learning: TrainingOutcome) -> Quality:
    """Judge the student's network with the reference's sampler, where their own has lost its points already.

    Samples after a short training vary from seed to seed far more than from right to wrong (energy distances
    of 0.4 to 6.9 for the reference itself), so they are shown; what is judged is whether the network has
    learnt.

    Raises:
        Blocked: the network is not theirs, or has not learnt; that was charged where it belongs.
    """
    if not learning.error <= learning.bound or not learning.trained.is_own:
        raise Blocked(
            "Neither your sampler nor your network is right as it is; each lost its points where it belongs."
        )
    own = sample_generator.by_reference_sampler(learning.trained.predict)
    note = "Your sampler lost its points above, so the samples are your network's by the reference's sampler."
    return Quality(
        judged="your network with the reference's sampler",
        value=learning.error,
        reference=learning.reference,
        bound=learning.bound,
        undecided=learning.bound,
        measure="error on held-out images",
        rows=[
            ("your network, reference's sampler", own),
            ("all of the reference", measured.reference_samples()),
        ],
        notes=[note],
    )


def add_all_of_the_students(
    quality: Quality, sample_generator: SampleGenerator, trained: TrainedNetwork, network: Network
) -> None:
    """A row of samples that are the student's own throughout: to be seen, not judged.

    Args:
        trained: the student's network, after the short training.
        network: another of them, to be given its weights.
    """
    if trained.weights is None:
        quality.notes.append("The weights of your trained network could not be read, so it drew no samples.")
        return
    try:
        sample_generator.student.ask("weights", network.handle, content=trained.weights)
        diffuser = build_diffuser(sample_generator.student, **SCHEDULE)
        own = sample_generator.all_of_the_students(network, diffuser)
    except (StudentError, Blocked) as error:
        quality.notes.append(f"With your own network your sampler gave no samples: {error}")
        return
    quality.rows.insert(0, (f"{OWN}, after {trained.steps} steps", own))


def sample_from(seed: int, count: int, model: Predict) -> Tensor:
    """Samples of the reference's sampler from a seed, float (count, 1, 28, 28)."""
    with seeded_globally(seed):
        start = torch.randn((count, 1, 28, 28))
        return generate_samples(start, model, count, TOTAL, NoiseDiffuser(**SCHEDULE), "cpu")


def distance(samples: list[Tensor]) -> float:
    """Energy distance of samples to held-out digits; infinite where they are not numbers."""
    together = torch.cat(samples)
    if not torch.isfinite(together).all():
        return float("inf")
    real, _ = digits.load_digits28("held-out")
    return energy_distance(together.clamp(-10, 10), real)

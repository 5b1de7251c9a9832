"""Generate samples from the handout's seeds, with the student's parts or the reference's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter
from grader.checks.randomness import seeded_globally
from grader.checks.session import Judge
from grader.probes.doubles import RecordedEvent
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, Refusal
from reference.diffuser import NoiseDiffuser
from reference.readings import PAPER, ReadingDiffuser
from reference.schedule import SCHEDULE

from ..edition import generate_samples, load_denoiser
from ..forward.schedule import try_build_diffuser
from ..interface import signatures
from ..interface.conventions import StepNumbering
from ..interface.doubles import DiffuserDouble, NetworkDouble
from ..network.probe import Network
from ..sampler.samples import StepDecoder, as_samples
from .unfounded import likeness, share_of_right_steps

TOTAL = SCHEDULE["total_steps"]
Predict = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Generated samples.

    Attributes:
        samples: float (N, 1, 28, 28) for each seed.
        film: the first sample at each timestep, (1, 28, 28) each, from x_T on.
        size: height and width of what the sampler returned; only the middle 28 x 28 are kept.
        likeness: for each seed, how much the samples are like the images of the network's last call, 0 to 1.
        right_steps: for each seed, the share of the steps that follow the formula.
    """

    samples: list[Tensor]
    film: list[Tensor]
    size: tuple[int, int] = (28, 28)
    likeness: list[float] = field(default_factory=list)
    right_steps: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleGenerator:
    """Generates samples from the handout's seeds.

    Attributes:
        student: the worker.
        seeds: the handout's seeds.
        count: samples per seed of the handout.
        fallback: the student's diffuser, for attributes beyond the handout's.
        reporter: receives progress and times.
        numbering: how the student counts the timesteps.
        size: height and width that the student's sampler works with, at least 28 each.
        starts: x_T for seeds that do not give it as in the handout's cell.
    """

    student: Student
    seeds: Sequence[int]
    count: int
    fallback: Handle | None
    reporter: Reporter
    numbering: StepNumbering = StepNumbering()  # noqa: RUF009  it is frozen
    size: tuple[int, int] = (28, 28)
    starts: Mapping[int, Tensor] = field(default_factory=dict)

    def initial_noise(self, seed: int) -> Tensor:
        """Return x_T as the handout's cell samples it, float (count, 1, 28, 28), or the judge's own."""
        if seed in self.starts:
            return self.starts[seed]
        with seeded_globally(seed):
            return torch.randn((self.count, 1, 28, 28))

    def with_reference_sampler(self, predict: Predict) -> list[Tensor]:
        """Generate samples with the reference's sampler and any network."""

        def model(x: Tensor, t: Tensor) -> Tensor:
            return predict(x, t.flatten().round().long().expand(len(x)))

        return [sample_from(seed, self.count, model) for seed in self.seeds]

    def with_student_sampler(self) -> Samples:
        """Generate samples with the student's sampler and the reference's trained network.

        The network stays in the judge; the worker gets a test double of it.

        Raises:
            StudentError: the sampler failed.
            Blocked: it returned no samples.
        """
        denoise = load_denoiser()
        schedule = ReadingDiffuser(**SCHEDULE, reading=PAPER)
        generator = torch.Generator().manual_seed(0)
        process = DiffuserDouble([], schedule, self.fallback, generator, numbering=self.numbering)
        made, film = list[Tensor | None](), dict[int, Tensor]()
        alike, right_steps = list[float](), list[float]()
        for seed in self.seeds:
            steps, shown = StepDecoder(TOTAL), list[Tensor]()

            def respond(
                x: Tensor, t: Tensor, steps: StepDecoder = steps, shown: list[Tensor] = shown
            ) -> Tensor:
                if x.shape[1:] != (1, *self.size):
                    raise Refusal(
                        "ValueError", f"the network takes images of 1 x 28 x 28, not {tuple(x.shape)}"
                    )
                whole, x = x, self._middle(x)
                shown[:] = [x]
                if not made and len(x):  # the first sample of the first seed
                    film.setdefault(steps.of(t), x[0].detach().float().cpu())
                started = time.thread_time()
                with torch.no_grad():
                    x = x.float().contiguous(memory_format=torch.channels_last)
                    predicted = denoise(x, torch.full((len(x), 1), float(steps.of(t))))
                self.reporter.add_seconds("processor", time.thread_time() - started)
                if self.size == (28, 28):
                    return predicted
                # Around a digit everything is 0, so x_t is nothing but noise there.
                noise = whole.float() / (1 - schedule.alpha_bar[steps.of(t)]).sqrt()
                self._middle(noise)[:] = predicted
                return noise

            log: list[RecordedEvent] = []
            count = len(self.initial_noise(seed))
            double = NetworkDouble(log, respond, max_images=3 * TOTAL * count)
            returned = self._call_student_sampler(double, process, seed)
            # sample.shape reports a result of the wrong number or shape. Its last input to the network is
            # nearly the same image, so the samples can still be judged.
            made.append(returned if returned is not None or not shown else shown[0].float())
            alike.append(likeness(made[-1], shown[0].float() if shown else None))
            right_steps.append(share_of_right_steps(log, count))
        return Samples(
            samples=self._usable(made),
            film=list(film.values()),
            size=self.size,
            likeness=alike,
            right_steps=right_steps,
        )

    def with_student_parts(self, network: Network, diffuser: Handle) -> list[Tensor]:
        """Generate samples with the student's sampler, network and diffuser.

        Raises:
            StudentError, Blocked: as ``with_student_sampler``.
        """
        return self._usable(
            [self._call_student_sampler(network.handle, diffuser, seed) for seed in self.seeds]
        )

    def _call_student_sampler(self, model: object, diffuser: object, seed: int) -> Tensor | None:
        self.reporter.progress("sampling", self.seeds.index(seed) + 1, len(self.seeds))
        start = self.initial_noise(seed)
        arguments = {
            "x_t": start,
            "model": model,
            "num_samples": len(start),
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
        self.reporter.add_seconds("sampling", time.monotonic() - started)
        found = as_samples(returned, (*start.shape[:2], *self.size))
        return None if found is None else self._middle(found)

    def _middle(self, images: Tensor) -> Tensor:
        """Return the 28 x 28 pixels in the middle of images of the sampler's size."""
        top, left = ((length - 28) // 2 for length in self.size)
        return images[..., top : top + 28, left : left + 28]

    @staticmethod
    def _usable(made: list[Tensor | None]) -> list[Tensor]:
        samples = [one for one in made if one is not None and one.shape[1:] == (1, 28, 28)]
        if len(samples) < len(made):
            raise Blocked("Your generate_samples returns no images that could be judged.")
        return samples


OWN_COUNT = 4  # samples from noise of the judge's own, which cost time


def draw_start(generator: torch.Generator, count: int) -> tuple[int, Tensor]:
    """Return a seed and an x_T, float (count, 1, 28, 28), of which neither follows from the other."""
    seed = int(torch.randint(1 << 20, 1 << 31, (1,), generator=generator))
    return seed, torch.randn((count, 1, 28, 28), generator=generator)


def sample_in_new_worker(judge: Judge, sample_generator: SampleGenerator, seeds: Sequence[int]) -> Samples:
    """Return samples by the student's sampler from ``seeds``, unaffected by earlier calls.

    Raises:
        StudentError, Blocked: as ``SampleGenerator.with_student_sampler``.
    """
    with sample_generator.student.fresh() as student:
        fallback = try_build_diffuser(student, judge, SCHEDULE)
        return replace(
            sample_generator, student=student, seeds=seeds, fallback=fallback
        ).with_student_sampler()


def sample_from(seed: int, count: int, model: Predict) -> Tensor:
    """Return samples of the reference's sampler from a seed, float (count, 1, 28, 28)."""
    with seeded_globally(seed):
        start = torch.randn((count, 1, 28, 28))
        return generate_samples(start, model, count, TOTAL, NoiseDiffuser(**SCHEDULE), "cpu")

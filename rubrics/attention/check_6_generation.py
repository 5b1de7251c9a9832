"""Exercise 6, generating text from a model whose logits the judge chooses."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from grader.checks import Evidence, criterion
from grader.sandbox.student import Student

from . import generation, sampling
from .generation import NEW, Generation


@criterion("generate.greedy")
def check_greedy_takes_the_likeliest(greedy: Generation) -> None:
    """At temperature 0 the likeliest character after the last one is chosen."""
    generation.expect_greedy(greedy)


@criterion("generate.context")
def check_the_model_reads_the_text_so_far(generated: Generation) -> None:
    """The model reads the text so far, with what was generated, as far as it can read back."""
    generation.expect_context(generated)


@criterion("generate.text")
def check_the_whole_text_is_returned(generated: Generation) -> None:
    """The prompt is returned with as many characters as were asked for."""
    generation.expect_text(generated, NEW)


@criterion("generate.mode")
def check_nothing_is_trained(generated: Generation) -> None:
    """The model runs in eval mode and without gradients."""
    generation.expect_no_gradients(generated)


@criterion("generate.sampling")
def check_characters_are_sampled(student: Student, need: Callable[[str], None], evidence: Evidence) -> None:
    """Characters are drawn from softmax(logits / temperature), others for another seed."""
    need("generate")

    def respond(tokens: Tensor) -> Tensor:
        return sampling.sampling_logits().expand(*tokens.shape, -1)

    def run(seed: int, count: int) -> Generation:
        return generation.run(student, respond, count=count, temperature=sampling.TEMPERATURE, seed=seed)

    first = run(11, sampling.SAMPLES)
    again, other = (run(seed, sampling.REPEATED) for seed in (11, 12))
    evidence.measure(counts=sampling.expect_sampling(first, again, other))

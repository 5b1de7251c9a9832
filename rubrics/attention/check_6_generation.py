"""Exercise 6, generating text from a model whose logits the judge chooses."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from grader.checks import Evidence, criterion

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
def check_characters_are_sampled(run_generate: Callable[..., Generation], evidence: Evidence) -> None:
    """Characters are drawn from softmax(logits / temperature), others for another seed."""

    def run(seed: int, count: int, logits: Tensor) -> Generation:
        def respond(tokens: Tensor) -> Tensor:
            return logits.expand(*tokens.shape, -1)

        return run_generate(respond, count=count, temperature=sampling.TEMPERATURE, seed=seed)

    logits = sampling.sampling_logits()
    first = run(11, sampling.SAMPLES, logits)
    again, other = (run(seed, sampling.REPEATED, logits) for seed in (11, 12))
    evidence.measure(counts=sampling.expect_sampling(first, again, other))
    sampling.expect_all_characters(run(13, sampling.EVEN_SAMPLES, sampling.even_logits()))

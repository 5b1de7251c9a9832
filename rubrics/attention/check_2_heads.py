"""Exercise 2, multi-head attention: heads counted by the dimensions that their outputs span."""

from __future__ import annotations

from collections.abc import Callable

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.probes.figures import heat_maps

from . import heads as heads_probe
from .heads import Heads
from .stand_ins import Parts


@criterion("heads.split")
def check_tokens_stay_apart(heads: Parts[Heads], seeded: Seeded, reporter: Reporter) -> None:
    """Each head gets a part of every token's features: when tokens change places, so do the outputs."""
    if heads.expect(lambda each: heads_probe.expect_tokens_apart(each, seeded("tokens"))):
        reporter.note(
            "Your MultiHeadAttention masks later tokens by itself, also without a mask, which is accepted."
        )


@criterion("heads.batch")
def check_texts_stay_apart(heads: Parts[Heads], seeded: Seeded) -> None:
    """No text of a batch hears of another."""
    heads.expect(lambda each: heads_probe.expect_examples_apart(each, seeded("texts")))


@criterion("heads.count")
def check_there_are_as_many_heads(heads: Parts[Heads], seeded: Seeded, evidence: Evidence) -> None:
    """There are as many heads as num_heads says, each with weights of its own."""

    def expect(heads: Heads) -> None:
        found = {number: heads_probe.count_heads(heads, number, seeded("count"))[0] for number in (2, 4)}
        evidence.measure(heads_found=found)
        wrong = [number for number, count in found.items() if count != number]
        if not wrong:
            return
        number = wrong[-1]
        raise Unmet(
            f"For num_heads = {number} the outputs of your attention change in {found[number]} independent "
            f"directions; {number} heads give {number}.",
            expected=f"{number} heads",
            actual=f"{found[number]}",
            misconception="one-head" if found[number] == 1 else "heads-wrong-number",
        )

    _after_split(heads, seeded, expect)


@criterion("heads.output")
def check_heads_are_mixed(heads: Parts[Heads], seeded: Seeded) -> None:
    """A last linear layer mixes the outputs of the heads."""

    def expect(heads: Heads) -> None:
        count, directions = heads_probe.count_heads(heads, 4, seeded("count"))
        if count < 2:
            return  # heads.count reports it, and nothing shows whether heads are mixed
        if not heads_probe.mixes_heads(directions):
            raise Unmet(
                "Each number of the output hears of one head only: the joined heads are returned as is.",
                expected="a linear layer after the heads are joined",
                actual="none",
                misconception="output-projection-missing",
            )

    _after_split(heads, seeded, expect)


@criterion("heads.projections")
def check_queries_and_keys_have_their_own_weights(
    heads: Parts[Heads], seeded: Seeded, evidence: Evidence, reporter: Reporter
) -> None:
    """Queries and keys are two different linear maps of the tokens."""

    def expect(heads: Heads) -> None:
        form = heads_probe.bilinear_form(heads)
        evidence.measure(bilinear_form=form)
        reporter.show(
            heat_maps(
                2,
                "How much one token's features ask for another's",
                "The matrix W_qᵀ W_k of a single head, by absolute value, recovered from your outputs.",
                [("|W_qᵀ W_k|", form.abs())],
            )
        )
        size = float(form.norm())
        if not size > 1e-3:
            raise Unmet(
                "Your attention weights do not depend on queries and keys.",
                expected="weights that depend on the product of query and key",
                actual="the same weights for all tokens",
                misconception="scores-constant",
            )
        symmetry = float((form - form.T).norm()) / size
        off_diagonal = float((form - form.diag().diag()).norm()) / size
        if off_diagonal < 0.02:
            raise Unmet(
                "Your queries and keys are the tokens themselves, without a linear layer.",
                expected="W_q x and W_k x",
                actual="x and x",
                misconception="projections-missing",
            )
        if symmetry < 0.02:
            raise Unmet(
                "Your queries and keys come from the same weights: token i asks for token j exactly as much "
                "as j for i.",
                expected="weights W_q and W_k of their own",
                actual="a symmetric matrix of scores",
                misconception="keys-are-queries",
            )
        number, needed = heads_probe.count_weights(heads, seeded("weights"))
        found, directions = heads_probe.count_heads(heads, 4, seeded("count"))
        # With fewer heads, or heads that are not mixed, weights are missing that other criteria report.
        if found == 4 and heads_probe.mixes_heads(directions) and number < needed:
            raise Unmet(
                f"Only {number} weights of your layer change its output; four linear maps have {needed}. "
                "Two of queries, keys and values are the same.",
                expected=f"at least {needed} weights",
                actual=f"{number}",
                misconception="weights-shared",
            )

    _after_split(heads, seeded, expect)


@criterion("heads.mask")
def check_the_mask_is_passed_on(heads: Parts[Heads], seeded: Seeded, evidence: Evidence) -> None:
    """With a causal mask no output hears of a later token."""

    def expect(heads: Heads) -> None:
        evidence.measure(influence=heads_probe.expect_mask_passed_on(heads, seeded("mask")))

    _after_split(heads, seeded, expect)


def _after_split(parts: Parts[Heads], seeded: Seeded, expect: Callable[[Heads], None]) -> None:
    """Expect something of heads that keep tokens and texts apart; of others nothing else can be told."""

    def both(heads: Heads) -> None:
        try:
            heads_probe.expect_tokens_apart(heads, seeded("tokens"))
            heads_probe.expect_examples_apart(heads, seeded("texts"))
        except Unmet as error:
            raise _NotApart(str(error)) from error
        expect(heads)

    try:
        parts.expect(both)
    except _NotApart:
        return  # heads.split or heads.batch reports it


class _NotApart(Blocked):
    """Tokens or texts are mixed up, which another criterion reports."""

"""Exercise 1, scaled dot-product attention: its weights, recovered exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.probes.figures import heat_maps
from grader.probes.formulas import close
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .interface import MASKS
from .weights import (
    KEYS,
    MISTAKES,
    QUERIES,
    WIDTH,
    WITHIN,
    RecoveredAttention,
    ask,
    unit_values,
    weights_in,
)


@criterion("attention.values")
def check_values_are_mixed(attention: RecoveredAttention, evidence: Evidence) -> None:
    """The output is the sum of the values, each times its weight."""
    evidence.measure(unexplained=attention.unexplained)
    if attention.unexplained > WITHIN:
        raise Unmet(
            "Your output is not the sum of the values, each times its attention weight.",
            expected="weights @ v",
            actual="a mixture of the keys" if attention.keys_mixed else "something else",
            misconception="keys-mixed" if attention.keys_mixed else "values-not-mixed",
        )


@criterion("attention.softmax")
def check_weights_are_a_softmax_over_keys(
    attention: RecoveredAttention, evidence: Evidence, reporter: Reporter
) -> None:
    """For every query the weights of the keys are a softmax of the scores."""
    weights = attention.weights
    right = (attention.q.double() @ attention.k.double().transpose(-2, -1) / WIDTH**0.5).softmax(-1)
    first = weights.reshape(-1, QUERIES, KEYS)[0], right.reshape(-1, QUERIES, KEYS)[0]
    reporter.show(
        heat_maps(
            1,
            "Attention weights",
            "Rows are queries, columns are keys; a light square is a large weight.",
            [("yours", first[0]), ("softmax(QKᵀ/√d)", first[1])],
        )
    )
    evidence.measure(weights=first[0])
    if attention.random:
        raise Unmet(
            "For equal queries, keys and values your weights differ from call to call.",
            expected="the same weights for the same input",
            actual="random weights",
            misconception="attention-random",
        )
    known, _ = attention.normaliser
    sums = weights.sum(-1)
    is_distribution = bool((weights >= -1e-6).all()) and close(sums, torch.ones_like(sums), 1e-3)
    if attention.matched and known is None:
        return
    if not attention.matched and is_distribution:
        return  # attention.scale reports what is wrong with the scores
    raise Unmet(
        "Your weights are not a softmax over the keys."
        + ("" if is_distribution else f" For one query they add up to {float(sums.flatten()[0]):.2f}."),
        expected="for every query, positive weights that add up to 1",
        actual=f"sums from {float(sums.min()):.2f} to {float(sums.max()):.2f}",
        misconception=known,
    )


@criterion("attention.scale")
def check_scores_are_scaled(attention: RecoveredAttention, evidence: Evidence) -> None:
    """The scores are QKᵀ/√d, where d is the width of the queries and keys."""
    if attention.random:
        return  # attention.softmax reports it, and random weights show no scale
    if attention.matched:
        evidence.measure(factor=attention.scale[1], right_factor=WIDTH**-0.5)
        known = attention.scale[0]
        if known is None:
            return
        raise Unmet(
            f"Your scores are QKᵀ times {attention.scale[1]:.3f}, for queries of width {WIDTH}."
            if known != "scale-after-softmax"
            else "Your weights are divided by √d, after the softmax.",
            expected=f"QKᵀ times {WIDTH**-0.5:.3f} = 1/√{WIDTH}",
            actual=f"QKᵀ times {attention.scale[1]:.3f}",
            misconception=known,
        )
    factor, rest = _factor_of_scores(attention)
    evidence.measure(factor=factor, not_explained_by_scores=rest)
    if not factor == factor:
        raise Blocked("Your weights are not a softmax, so the scale of the scores cannot be read.")
    if rest > 0.01:
        raise Unmet(
            "Your scores are not proportional to QKᵀ.",
            expected="scores proportional to QKᵀ",
            actual=f"{rest:.0%} of the scores is something else",
            misconception="scores-not-products",
        )
    if abs(factor - WIDTH**-0.5) > 1e-3:
        raise Unmet(
            f"Your scores are QKᵀ times {factor:.3f}, for queries of width {WIDTH}.",
            expected=f"QKᵀ times {WIDTH**-0.5:.3f} = 1/√{WIDTH}",
            actual=f"{factor:.3f}",
            misconception="scale-of-other-size",
        )


def _factor_of_scores(attention: RecoveredAttention) -> tuple[float, float]:
    """Return the factor from QKᵀ to the log weights, up to a constant per query, and what it leaves over."""
    weights = attention.weights
    if not bool((weights > 0).all()):
        return float("nan"), 1.0
    logs = weights.log() - weights.log().mean(-1, keepdim=True)
    scores = attention.q.double() @ attention.k.double().transpose(-2, -1)
    scores = scores - scores.mean(-1, keepdim=True)
    factor = float((logs * scores).sum() / scores.square().sum())
    return factor, float((logs - factor * scores).norm() / logs.norm().clamp_min(1e-12))


@criterion("attention.mask")
def check_blocked_keys_get_no_weight(attention: RecoveredAttention, evidence: Evidence) -> None:
    """Blocked keys get no weight, and the others share all of it."""
    form = attention.mask_form
    found = attention.masked[form]
    if isinstance(found, StudentError):
        raise Unmet(
            f"With a mask of shape ({QUERIES}, {KEYS}) your attention fails: {found}",
            expected="attention to the keys where the mask is True",
            actual=str(found),
        )
    shown = found.reshape(-1, QUERIES, KEYS)[0]
    evidence.measure(mask=attention.allowed.int(), weights_with_mask=shown)
    if attention.is_masked_right(form) or (attention.random and not found[..., ~attention.allowed].any()):
        return
    known = next((id for id in MISTAKES if attention.is_masked_by(form, id)), None)
    blocked = float(found.nan_to_num(1.0)[..., ~attention.allowed].abs().mean())
    total = float(found.sum(-1).mean())
    if known is None and blocked > WITHIN and total > 0.99:
        known = "mask-weak"
    raise Unmet(
        f"With a mask, blocked keys get a weight of {blocked:.3f} on average, and the weights of a query add "
        f"up to {total:.2f}.",
        expected="a weight of 0 where the mask is False, and a sum of 1",
        actual=f"a weight of {blocked:.3f}, and a sum of {total:.2f}",
        misconception=known,
    )


@criterion("attention.empty_rows")
def check_a_query_without_keys_gives_numbers(
    student: Student, attention: RecoveredAttention, evidence: Evidence
) -> None:
    """A query that may attend to nothing gets finite numbers, and the others are as before."""
    allowed = attention.allowed.clone()
    allowed[2] = False
    if isinstance(attention.masked[attention.mask_form], StudentError):
        raise Blocked("Your attention fails with a mask, so an empty row of it cannot be tried.")
    mask = MASKS[attention.mask_form](allowed)
    result = ask(student, attention.q, attention.k, unit_values(attention.lead), mask)
    found = weights_in(result, attention.k)
    if found is None:
        raise Blocked("With an empty row in the mask your attention returns no tensor of the right shape.")
    bad = int((~found.isfinite()).sum())
    evidence.measure(not_finite=bad)
    if bad:
        raise Unmet(
            "A query that may attend to no key gets NaN.",
            expected="finite numbers",
            actual=f"{bad} weights are NaN or infinite",
            misconception="empty-row-nan",
        )


@criterion("attention.stable")
def check_large_scores_do_not_overflow(
    student: Student, attention: RecoveredAttention, evidence: Evidence
) -> None:
    """Large scores do not overflow."""
    result = ask(student, 300 * attention.q, attention.k, unit_values(attention.lead))
    found = weights_in(result, attention.k)
    finite = found is not None and bool(found.isfinite().all())
    evidence.measure(finite=finite)
    if not finite:
        raise Unmet(
            "With large scores your attention returns NaN or infinity.",
            expected="finite weights",
            actual="an overflow",
            misconception="softmax-overflows",
        )


@criterion("attention.batch")
def check_any_number_of_dimensions(student: Student, attention: RecoveredAttention, seeded: Seeded) -> None:
    """Texts of a batch, and heads, are attended to separately: q may be (B, L, d) or (B, H, L, d)."""
    generator = seeded("dimensions")
    for lead in ((2,), (2, 3)):
        q, k = (torch.randn((*lead, n, WIDTH), generator=generator) for n in (QUERIES, KEYS))
        try:
            whole = weights_in(ask(student, q, k, unit_values(lead)), k)
        except StudentError as error:
            raise _fixed(q, f"your attention fails: {error}") from error
        if whole is None:
            raise _fixed(q, "your attention returns no tensor of the right shape.")
        if attention.normaliser[0] == "softmax-over-heads":
            return  # which lost its points
        q[0], k[0] = q[0].flip(-1) + 1, k[0].flip(-1)
        other = weights_in(ask(student, q, k, unit_values(lead)), k)
        if other is None or not torch.allclose(other[-1], whole[-1], atol=1e-5):
            raise Unmet(
                "What one text or head attends to changes with the others.",
                expected="the same output for each of them alone",
                misconception="dimensions-mixed",
            )


def _fixed(q: Tensor, found: str) -> Unmet:
    shape = tuple(q.shape)
    return Unmet(
        f"For q of shape {shape} {found}",
        expected=f"a tensor of shape {(*shape[:-1], KEYS)}",
        misconception="dimensions-fixed",
    )

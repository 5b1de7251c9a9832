"""Shares of slips that were caught and named, and those that were not."""

from __future__ import annotations

from collections.abc import Sequence

from grader.audit.slips.trial import BLOCKED, CAUGHT, ELSEWHERE, FAILS, SAME, SlipTrial

LEAST_CAUGHT = 0.98


def counted(trials: Sequence[SlipTrial]) -> list[SlipTrial]:
    """Return the trials whose notebook runs and computes something else."""
    return [trial for trial in trials if trial.state not in (FAILS, SAME)]


def survivors(trials: Sequence[SlipTrial]) -> list[SlipTrial]:
    """Return the trials that cost the edited part nothing."""
    return [trial for trial in counted(trials) if trial.state not in (CAUGHT, BLOCKED)]


def is_sound(trials: Sequence[SlipTrial]) -> bool:
    """Return whether enough slips are caught, those included that another part pays for."""
    count = counted(trials)
    caught = sum(trial.state in (CAUGHT, BLOCKED, ELSEWHERE) for trial in count)
    return caught >= LEAST_CAUGHT * len(count)


def summary(trials: Sequence[SlipTrial]) -> list[str]:
    """Return the results over all slips, one sentence each."""
    count = counted(trials)
    fails = sum(trial.state == FAILS for trial in trials)
    caught = [trial for trial in count if trial.state in (CAUGHT, BLOCKED)]
    elsewhere = sum(trial.state == ELSEWHERE for trial in count)
    named = sum(trial.named for trial in caught)
    return [
        f"Edits: {len(trials)}; {fails} do not run, {len(trials) - fails - len(count)} change nothing",
        f"Slips caught in their own part: {_share(len(caught), len(count))}; in another: {elsewhere}",
        f"Named, of those caught: {_share(named, len(caught))}",
    ]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")

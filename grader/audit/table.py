"""The audit in the terminal: a line for each solution as it is done, then what is not as it should be."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from grader.audit.run import Trial


def tell_line(console: Console, trial: Trial) -> None:
    """One solution: whether its grade is right, and what is not."""
    mark = "[green]✓[/]" if trial.sound else "[red]✗[/]"
    console.print(f"{mark} {escape(trial.solution.name)}{escape(_remarks(trial))}", soft_wrap=True)


def tell_sum(console: Console, trials: Sequence[Trial]) -> None:
    """What was found over all: slips caught and named, collateral losses, right solutions wronged."""
    for trial in trials:
        if not trial.sound or trial.unnamed:
            console.print(f"{escape(trial.solution.name)}{escape(_remarks(trial))}", soft_wrap=True)
            for loss in trial.losses:
                said = f"  {loss.criterion} {loss.verdict} [{loss.misconception}]: {loss.message}"
                console.print(escape(said), soft_wrap=True)
    for line in summary(trials):
        console.print(line)


def summary(trials: Sequence[Trial]) -> list[str]:
    """The shares that the audit is about, a sentence each."""
    right, wrong = right_and_wrong(trials)
    caught = [trial for trial in wrong if not trial.missed]
    named = [trial for trial in wrong if not trial.unnamed]
    unharmed = [trial for trial in right if trial.sound]
    collateral = sum(bool(trial.collateral) for trial in wrong)
    lines = []
    if wrong:
        lines.append(f"Slips caught on the right criterion: {_share(len(caught), len(wrong))}")
        lines.append(f"Slips named rightly: {_share(len(named), len(wrong))}")
        lines.append(f"Slips charged anywhere else too: {_share(collateral, len(wrong))}")
    if right:
        lines.append(f"Right solutions that lose nothing: {_share(len(unharmed), len(right))}")
    return lines


def right_and_wrong(trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Those of right solutions, and those of slips and pairs."""
    right = [trial for trial in trials if trial.solution.kind == "right"]
    return right, [trial for trial in trials if trial.solution.kind != "right"]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


def _remarks(trial: Trial) -> str:
    remarks = []
    if trial.failure:
        remarks.append(trial.failure)
    if trial.missed:
        remarks.append(f"not caught: {', '.join(sorted(trial.missed))}")
    if trial.collateral:
        remarks.append(f"lost besides: {', '.join(sorted(trial.collateral))}")
    if trial.unnamed:
        remarks.append(f"not named: {', '.join(sorted(trial.unnamed))}")
    return f": {'; '.join(remarks)}" if remarks else ""

"""Print an audit in the terminal: a line for each solution, then the deviations in detail."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from grader.audit.run import Trial


def print_trial(console: Console, trial: Trial) -> None:
    """Print whether the grade of one solution is as expected, and what is not."""
    mark = "[green]✓[/]" if trial.sound else "[red]✗[/]"
    console.print(f"{mark} {escape(trial.solution.name)}{escape(_remarks(trial))}", soft_wrap=True)


def print_summary(console: Console, trials: Sequence[Trial]) -> None:
    """Print every unexpected grade with its reasons, then the shares over all solutions."""
    for trial in trials:
        if not trial.sound or trial.unnamed:
            console.print(f"{escape(trial.solution.name)}{escape(_remarks(trial))}", soft_wrap=True)
            for loss in trial.losses:
                details = f"  {loss.criterion} {loss.verdict} [{loss.misconception}]: {loss.message}"
                console.print(escape(details), soft_wrap=True)
    for line in summary(trials):
        console.print(line)


def summary(trials: Sequence[Trial]) -> list[str]:
    """Return the results over all solutions, one sentence each."""
    right, all_wrong = right_and_wrong(trials)
    degenerate = [trial for trial in all_wrong if trial.solution.kind == "degenerate"]
    wrong = [trial for trial in all_wrong if trial.solution.kind != "degenerate"]
    caught = [trial for trial in wrong if not trial.missed]
    named = [trial for trial in wrong if not trial.unnamed]
    unharmed = [trial for trial in right if trial.sound]
    collateral = sum(bool(trial.collateral) for trial in wrong)
    lines = []
    if wrong:
        lines.append(f"Mutants caught on the right criterion: {_share(len(caught), len(wrong))}")
        lines.append(f"Mutants named correctly: {_share(len(named), len(wrong))}")
        lines.append(f"Mutants that lose other criteria too: {_share(collateral, len(wrong))}")
    if degenerate:
        sound = sum(trial.sound for trial in degenerate)
        lines.append(f"Degenerate parts that earn only what they fulfil: {_share(sound, len(degenerate))}")
    if right:
        lines.append(f"Correct solutions that lose nothing: {_share(len(unharmed), len(right))}")
    return lines


def right_and_wrong(trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Split trials into those of correct solutions and all others."""
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
        remarks.append(f"also lost: {', '.join(sorted(trial.collateral))}")
    if trial.unnamed:
        remarks.append(f"not named: {', '.join(sorted(trial.unnamed))}")
    return f": {'; '.join(remarks)}" if remarks else ""

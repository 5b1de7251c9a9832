"""``grade audit --slips N``: random edits of correct solutions, which must cost the edited part."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.markup import escape

from grader.audit.corpus import Corpus
from grader.audit.slips.run import run
from grader.audit.slips.table import is_sound, summary, survivors
from grader.audit.slips.trial import SlipTrial
from grader.commands import GRADED, NOT_GRADED
from grader.options import Options
from grader.rubric import Rubric


def try_slips(rubric: Rubric, arguments: argparse.Namespace) -> int:
    """Try slips and print the shares that were caught and named, and every survivor with its edit.

    Returns:
        0 if at least 98 % are caught, else 1.
    """
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    results = arguments.out / "slips.jsonl"

    def on_trial(trial: SlipTrial) -> None:
        progress.print(escape(f"{trial.state:11} {trial.part} of {trial.solution}: {trial.operator}"))

    trials = run(
        arguments.rubric,
        Corpus(rubric.folder),
        Options(quick=arguments.quick, seed=arguments.seed, device=arguments.device),
        count=arguments.slips,
        jobs=arguments.jobs,
        kept=results,
        on_trial=on_trial,
    )
    for trial in survivors(trials):
        console.print(escape(f"{trial.state}: {trial.part} of {trial.solution}, {trial.operator}"))
        console.print(escape(trial.diff), soft_wrap=True)
    for line in summary(trials):
        console.print(line, soft_wrap=True)
    console.print(f"\nResult: {results}", soft_wrap=True)
    return GRADED if is_sound(trials) else NOT_GRADED

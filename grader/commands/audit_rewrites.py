"""``grade audit --rewrites N``: solutions rewritten without a change of meaning must keep their grade."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from grader.audit.corpus import Solution
from grader.audit.rewriting.run import run, summary
from grader.audit.rewriting.trials import Rewrite
from grader.commands import GRADED, NOT_GRADED
from grader.options import Options


def try_rewrites(solutions: Sequence[Solution], arguments: argparse.Namespace) -> int:
    """Try rewrites of the solutions, with the seeds from ``--seed`` on, and print those judged otherwise.

    Returns:
        0 if all are judged as before, else 1.
    """
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    results = arguments.out / "rewrites.jsonl"

    def show(made: Rewrite) -> None:
        mark = {"kept": "✓", "wronged": "✗"}.get(made.status, "·")
        details = f" {' '.join(map(str, made.fewest))}: {made.remarks[0]}" if made.remarks else ""
        progress.print(escape(f"{mark} {made.seed} {made.solution}{details}"), soft_wrap=True)

    rewrites = run(
        arguments.rubric,
        solutions,
        Options(quick=arguments.quick, device=arguments.device),
        seeds=range(arguments.seed, arguments.seed + arguments.rewrites),
        jobs=arguments.jobs,
        results=results,
        on_rewrite=show,
    )
    for line in summary(rewrites):
        console.print(escape(line), soft_wrap=True)
    console.print(f"\nResult: {results}", soft_wrap=True)
    return GRADED if all(each.status != "wronged" for each in rewrites) else NOT_GRADED

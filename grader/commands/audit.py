"""``grade audit``: tries a rubric on right solutions and on slips: is each caught, named, charged once?"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.audit.corpus import Corpus, Solution
    from grader.audit.run import Trial
    from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Audit a rubric.

    Returns:
        0 when every slip lost its criterion and nothing else did; 1 otherwise.
    """
    arguments = _parser().parse_args(argv)
    from rich.console import Console

    from grader.audit.corpus import Corpus
    from grader.audit.page import render
    from grader.audit.run import run
    from grader.audit.table import print_summary, print_trial
    from grader.files import check_writable, write
    from grader.options import Options
    from grader.rubric import Rubric

    check_writable(arguments.out)
    rubric = Rubric.load(arguments.rubric)
    solutions = _chosen(Corpus(rubric.folder), rubric, arguments)
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    options = Options(quick=arguments.quick, seed=arguments.seed, device=arguments.device)
    progress.print(f"{len(solutions)} solutions, {arguments.jobs} at a time")
    trials = run(
        arguments.rubric, solutions, options, arguments.jobs, lambda trial: print_trial(progress, trial)
    )
    result, page = arguments.out / "audit.json", arguments.out / "audit.html"
    write(result, json.dumps([trial.as_json() for trial in trials], indent=1, ensure_ascii=False) + "\n")
    write(page, render(rubric, trials))
    print_summary(console, trials)
    console.print(f"\nTable:  {page}\nResult: {result}", soft_wrap=True)
    return GRADED if _is_sound(trials) else NOT_GRADED


def _is_sound(trials: Sequence[Trial]) -> bool:
    return all(trial.sound for trial in trials)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade audit",
        description="Try a rubric on its own solutions with a known grade: right ones in many styles, and "
        "right ones with one slip each. Run it after every change of a rubric.",
        epilog="Exits with 0 when all is as it should be, 1 when a slip was missed or charged elsewhere too, "
        "or a right solution lost points.",
    )
    parser.add_argument(
        "--rubric", default=DEFAULT_RUBRIC, metavar="NAME|DIR", help=f"the rubric to try ({DEFAULT_RUBRIC})"
    )
    parser.add_argument("--quick", action="store_true", help="leave training out: seconds each, not minutes")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="some solutions; repeatable"
    )
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="also N solutions with two slips")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="every N-th solution, from the I-th on")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="at a time (cores)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random (0)")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR")
    return parser


def _chosen(corpus: Corpus, rubric: Rubric, arguments: argparse.Namespace) -> list[Solution]:
    not_asked = {one.id for one in rubric.criteria if one.needs_training and arguments.quick}
    solutions = [one for one in corpus.solutions() if not one.loses & not_asked]
    solutions += corpus.pairs(arguments.pairs, arguments.seed, without=not_asked)
    for name in arguments.only:
        if not any(_is_meant(name, solution) for solution in solutions):
            raise UsageError(
                f"there is no solution {name!r}; take a name from the table, a misconception's id, "
                "a criterion, or right, mutant or pair"
            )
    if arguments.only:
        solutions = [one for one in solutions if any(_is_meant(name, one) for name in arguments.only)]
    first, _, every = arguments.part.partition("/")
    if not (first.isdigit() and every.isdigit() and 1 <= int(first) <= int(every)):
        raise UsageError(f"--part takes I/N with I from 1 to N, such as 3/15, not {arguments.part!r}")
    return solutions[int(first) - 1 :: int(every)]


def _is_meant(name: str, solution: Solution) -> bool:
    return name in (solution.name, solution.kind, *solution.misconceptions, *solution.loses)

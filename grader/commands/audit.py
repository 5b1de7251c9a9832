"""``grade audit``: test a rubric on correct solutions and on mutants, which each have one mistake."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.audit.corpus import Corpus, Solution
    from grader.audit.run import Trial
    from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Audit a rubric, and write the table as JSON and HTML.

    Returns:
        0 if every mistake costs its own criterion and no other, and no correct solution loses points; else 1.
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
    if (arguments.slips or arguments.rewrites) and not (rubric.folder / "audit" / "numbers.py").is_file():
        raise UsageError(
            f"{rubric.id} has no audit/numbers.py, which computes what --rewrites and --slips compare"
        )
    if arguments.slips:
        return int(_editing("--slips", "audit_slips").try_slips(rubric, arguments))
    solutions = _select(Corpus(rubric.folder), rubric, arguments)
    if arguments.rewrites:
        return int(_editing("--rewrites", "audit_rewrites").try_rewrites(solutions, arguments))
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    options = Options(quick=arguments.quick, seed=arguments.seed, device=arguments.device)
    progress.print(f"{len(solutions)} solutions, {arguments.jobs} at once")
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


def _editing(option: str, name: str) -> Any:
    """Import a part of the audit that edits solutions, with a package that grading does not need.

    Raises:
        UsageError: that package is not installed.
    """
    try:
        return importlib.import_module(f"grader.commands.{name}")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        raise UsageError(
            f"{option} needs the package libcst; install it with `pip install libcst`"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade audit",
        description="Test a rubric on its own solutions, whose grade is known: correct ones in many styles, "
        "and mutants with one mistake each. Run it after every change to the rubric.",
        epilog="exit status: 0 if all grades are as expected; 1 if a mistake was missed or cost points "
        "elsewhere too, or if a correct solution lost points",
    )
    parser.add_argument(
        "--rubric", default=DEFAULT_RUBRIC, metavar="NAME|DIR", help=f"the rubric to test ({DEFAULT_RUBRIC})"
    )
    parser.add_argument(
        "--quick", action="store_true", help="skip the short training: seconds per solution, not minutes"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only these solutions: a name, kind, misconception or criterion; repeatable",
    )
    parser.add_argument(
        "--pairs", type=_count(0), default=0, metavar="N", help="also test N solutions with two mistakes (0)"
    )
    parser.add_argument(
        "--rewrites",
        type=_count(0),
        default=0,
        metavar="N",
        help="instead, test N solutions rewritten by random transformations that keep their meaning; "
        "the results in DIR/rewrites.jsonl are used again (0)",
    )
    parser.add_argument(
        "--slips",
        type=_count(0),
        default=0,
        metavar="N",
        help="instead, edit correct solutions at random until N edits change what a part computes, and list "
        "those that cost it nothing; an interrupted run goes on from DIR/slips.jsonl (0)",
    )
    parser.add_argument(
        "--part", default="1/1", metavar="I/N", help="only every N-th solution, starting with the I-th"
    )
    parser.add_argument(
        "--jobs",
        type=_count(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="solutions graded at once (number of CPUs)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device for student code (auto)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of all random numbers, or the first of the rewrites (0)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder for the results (reports)"
    )
    return parser


def _count(least: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``least`` on."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"this takes a whole number from {least} on, not {text!r}")
        return int(text)

    return parse


def _select(corpus: Corpus, rubric: Rubric, arguments: argparse.Namespace) -> list[Solution]:
    left_out = {one.id for one in rubric.criteria if one.needs_training and arguments.quick}
    solutions = [one for one in corpus.solutions() if not one.loses & left_out]
    solutions += corpus.pairs(arguments.pairs, arguments.seed, without=left_out)
    for name in arguments.only:
        if not any(_matches(name, solution) for solution in solutions):
            raise UsageError(
                f"there is no solution {name!r}; give a name from the table, the id of a misconception or "
                "criterion, or one of right, mutant, pair, degenerate"
            )
    if arguments.only:
        solutions = [one for one in solutions if any(_matches(name, one) for name in arguments.only)]
    first, _, every = arguments.part.partition("/")
    if not (first.isdigit() and every.isdigit() and 1 <= int(first) <= int(every)):
        raise UsageError(f"--part must be I/N with I from 1 to N, such as 3/15, not {arguments.part!r}")
    return solutions[int(first) - 1 :: int(every)]


def _matches(name: str, solution: Solution) -> bool:
    return name in (solution.name, solution.kind, *solution.misconceptions, *solution.loses)

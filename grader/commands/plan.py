"""``grade plan SUBMISSIONS --shards N --out PLAN``: fix everything that several machines then judge by."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED, NOT_GRADED, grade_class, judging_options
from grader.errors import UsageError

_EPILOG = """\
then, on each node:    grade --shard K/N --plan PLAN --out DIR
and at last:           grade merge DIR... --plan PLAN --out reports
"""


def main(argv: Sequence[str]) -> int:
    """Write a plan.

    Returns:
        0, or 1 if a file was not accepted.

    Raises:
        UsageError: a path or an option is wrong.
    """
    from grader.classroom.cluster.planning import make_plan
    from grader.extraction.handout import read_handout
    from grader.rubric import Rubric

    arguments = _parser().parse_args(argv)
    if arguments.shards < 1:
        raise UsageError("--shards must be 1 or more")
    rubric = Rubric.load(arguments.rubric)
    rubric.only(tuple(arguments.only))
    options = judging_options.read_options(arguments, rubric)
    read_handout(options.handout)
    class_options = grade_class.read_class_options(arguments, options)
    plan = make_plan(
        arguments.paths,
        rubric,
        options,
        class_options,
        shards=arguments.shards,
        gradebook=arguments.gradebook,
    )
    sizes = [len(shard) for shard in plan.shards]
    fewest, most = min(sizes), max(sizes)
    each = f"{most}" if fewest == most else f"{fewest} to {most}"
    attempts = len(plan.intake.collected.attempts)
    print(f"{attempts} attempts, {sum(sizes)} notebooks to judge in {len(sizes)} shards of {each}")
    print(f"Plan: {plan.folder / 'plan.json'}")
    return NOT_GRADED if plan.intake.collected.refused else GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade plan",
        description="Plan the grading of a class on several machines: who handed in what, seeds, options and "
        "rubric are decided once, here. Nothing is graded yet.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="folders or archives of notebooks, or several notebooks"
    )
    parser.add_argument(
        "--shards", type=int, required=True, metavar="N", help="number of parts, such as the nodes or jobs"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PLAN", help="folder for the plan")
    parser.add_argument(
        "--gradebook",
        type=Path,
        metavar="DIR",
        help="folder with the gradebook that the results will be merged into; what it holds is not planned",
    )
    judging_options.add_options(parser)
    grade_class.add_class_options(parser.add_argument_group("options for the class"))
    parser.add_argument("-q", "--quiet", action="store_true", help="print no counts and due dates")
    parser.set_defaults(jobs=None, fresh=False, json=False)
    return parser

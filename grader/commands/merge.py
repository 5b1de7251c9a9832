"""``grade merge DIR... --plan PLAN``: enter what shards have judged into a gradebook."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED, NOT_GRADED


def main(argv: Sequence[str]) -> int:
    """Merge the results of shards, and say what is missing.

    Returns:
        0 if everything planned is graded, 1 if something is missing, was refused or is provisional.

    Raises:
        UsageError: plan, results or gradebook do not belong together, or cannot be read.
    """
    from grader.classroom.class_options import ClassOptions
    from grader.classroom.cluster.merging import merge_shards
    from grader.classroom.cluster.plan import Plan

    arguments = _parser().parse_args(argv)
    plan = Plan.read(arguments.plan)
    class_options = ClassOptions(out=arguments.out, json=arguments.json, quiet=arguments.quiet)
    return GRADED if merge_shards(plan, arguments.folders, class_options) else NOT_GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade merge",
        description="Enter the results of shards into a gradebook, in any order and as often as you like; a "
        "result that is there already is not entered again.",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="folders that `grade --shard` wrote with --out"
    )
    parser.add_argument("--plan", type=Path, required=True, metavar="PLAN", help="the plan of these shards")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder for the results (reports)"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON results instead of a summary")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only results, no progress")
    return parser

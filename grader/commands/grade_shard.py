"""``grade --shard K/N --plan PLAN --out DIR``: judge one part of a plan."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Judge a shard, and leave its results in a folder.

    Returns:
        0 if everything was graded, 1 if a grade is provisional.

    Raises:
        UsageError: an option is wrong, or this machine cannot grade as planned.
    """
    from grader.classroom.cluster.plan import Plan
    from grader.classroom.cluster.shard import grade_shard

    arguments, rest = _parser().parse_known_args(argv)
    if rest:
        raise UsageError(
            f"{' '.join(rest)}: with --shard the plan decides what is graded and how; leave it out, or make "
            "another plan with it"
        )
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    plan = Plan.read(arguments.plan)
    number = _number(arguments.shard, len(plan.shards))
    graded = grade_shard(plan, number, arguments.out, arguments.jobs, quiet=arguments.quiet)
    return GRADED if graded else NOT_GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade --shard", description="Judge one part of a plan; `grade merge` enters the results."
    )
    parser.add_argument("--shard", required=True, metavar="K/N", help="which part, such as 3/40")
    parser.add_argument("--plan", type=Path, required=True, metavar="PLAN", help="the plan (`grade plan`)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--jobs", type=int, metavar="N", help="notebooks graded at once (as many as fit)")
    parser.add_argument("-q", "--quiet", action="store_true", help="print no progress")
    return parser


def _number(given: str, planned: int) -> int:
    """Return the number of the shard in ``K/N``.

    Raises:
        UsageError: the plan has no such shard.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", given)
    if not match:
        raise UsageError(
            f"--shard takes a part and the number of all parts, such as 3/{planned}; not {given!r}"
        )
    number, of = int(match[1]), int(match[2])
    if of != planned or not 1 <= number <= planned:
        raise UsageError(f"the plan has the shards 1/{planned} to {planned}/{planned}, not {given}")
    return number

"""``grade kit``: build what students install to check themselves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED
from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Write the kit, and print what it asks and how to install it.

    Raises:
        UsageError: the rubric does not say what a kit may ask, or a file cannot be read or written.
    """
    arguments = _parser().parse_args(argv)
    from grader.kit.build import build_kit

    rubric = Rubric.load(arguments.rubric)
    kit = build_kit(rubric, arguments.out)
    points = sum(each.points for each in kit.asked)
    whole = points + sum(each.points for each in kit.others)
    print(f"{kit.wheel} ({kit.wheel.stat().st_size / 1024:.0f} kB)")
    print(f"It asks {len(kit.asked)} criteria, {points:g} of {whole:g} points.")
    if kit.others:
        print(f"Only asked at hand-in: {', '.join(each.id for each in kit.others)}")
    print(f"Students install it with `pip install {kit.wheel.name}` and run `grade NOTEBOOK`.")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade kit",
        description="Build what students install to check themselves: one file for pip with the rubric's "
        "public criteria, and without solutions, audit, hidden criteria and the commands for staff.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("kit"), metavar="DIR", help="folder for the file (kit)"
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"name or folder of the rubric ({DEFAULT_RUBRIC})",
    )
    return parser

"""Options of the command line that decide how a notebook is judged."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.options import Options
    from grader.rubric import Rubric
    from grader.sandbox.isolation import Isolation


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every verdict depends on."""
    parser.add_argument(
        "--quick", action="store_true", help="skip the short training; its points do not count"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device for student code (auto)"
    )
    parser.add_argument(
        "--data", metavar="NAME|DIR", help="training data, of those that the rubric offers (its default)"
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"name or folder of the rubric ({DEFAULT_RUBRIC})",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID",
        help="grade only a criterion (id), a group (what precedes its dot) or an exercise (1); repeatable",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=YOURS",
        help="the notebook's own name for a definition; repeatable",
    )
    parser.add_argument(
        "--seed",
        type=_seeds,
        metavar="N[:N]",
        help="reproduce an earlier run (its seeds are in the JSON result)",
    )


def read_options(
    arguments: argparse.Namespace, rubric: Rubric, isolation: Isolation | None = None
) -> Options:
    """Return the options of the command line.

    Raises:
        UsageError: an option does not fit the rubric.
    """
    from grader.options import Options

    seed, training_seed = arguments.seed or (None, None)
    own = rubric.source / "handout.ipynb"  # a rubric that extends another may have a handout of its own
    handout = own if own.is_file() else rubric.folder / "handout.ipynb"
    return Options(
        handout=arguments.handout or (handout if handout.is_file() else None),
        device=arguments.device,
        data=rubric.data.resolve(arguments.data),
        seed=seed,
        training_seed=training_seed,
        quick=arguments.quick,
        only=tuple(arguments.only),
        mapped=parse_mapping(arguments.map, rubric),
        isolation=isolation,
    )


def parse_mapping(pairs: Sequence[str], rubric: Rubric) -> tuple[tuple[str, str], ...]:
    """Parse the values of ``--map NAME=YOURS`` into pairs of the rubric's name and the notebook's name.

    Raises:
        UsageError: a value has another form, or the rubric has no definition of that name.
    """
    mapping = []
    for pair in pairs:
        name, _, own = pair.partition("=")
        if name not in rubric.wanted or not own:
            known = ", ".join(rubric.wanted)
            raise UsageError(f"--map must be NAME=YOURS, where NAME is one of {known}, not {pair!r}")
        mapping.append((name, own))
    return tuple(mapping)


def _seeds(text: str) -> tuple[int, int | None]:
    """Parse the grade's seed and, after a colon, the seed of its short training."""
    seeds = text.split(":")
    if len(seeds) > 2 or not all(seed.isdecimal() and len(seed) <= 18 for seed in seeds):
        raise argparse.ArgumentTypeError(
            "a seed must be a whole number of at most 18 digits, or two with a colon between them, such as "
            f"1234:5678; not {text!r}"
        )
    return int(seeds[0]), int(seeds[1]) if len(seeds) == 2 else None

"""``grade handout SOLUTION.ipynb``: make the students' notebook from a solved one, and prove it."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from rich.console import Console

    from grader.handout.proof import BlankProof, Proof
    from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Write the handout, print its difference to the solution, and prove it.

    Returns:
        0 if it is proved, else 1.

    Raises:
        UsageError: the notebook cannot be read, a marker is wrong, or the handout cannot be written.
    """
    arguments = _parser().parse_args(argv)
    out = arguments.out or arguments.solution.with_name("handout.ipynb")
    if out.resolve() == arguments.solution.resolve():
        raise UsageError(f"the handout would overwrite the solution {out}; give another file with --out")
    if out.exists() and not arguments.force:
        raise UsageError(f"{out} exists; give --force to replace it, or another file with --out")
    import nbformat
    from rich.console import Console

    from grader.files import write
    from grader.handout.making import read_solved_notebook
    from grader.handout.proof import prove
    from grader.options import Options
    from grader.rubric import Rubric

    rubric = Rubric.load(arguments.rubric)
    solved = read_solved_notebook(arguments.solution)
    known = {one.id for one in rubric.criteria}
    for placed in solved.blanks:
        for name in placed.blank.criteria or ():
            if name not in known:
                raise UsageError(
                    f"{arguments.solution}, {'code ' if placed.cell.number else ''}{placed.place} names "
                    f"the criterion {name!r}, which the rubric {rubric.id} does not have"
                )
    handout = solved.handout()
    write(out, nbformat.writes(handout) + "\n")
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    for line in _difference(solved.solution(), handout):
        console.print(line, markup=False, soft_wrap=True)
    count = len(solved.blanks)
    progress.print(
        f"{out} is written, with {count} blanks. It is graded solved, empty, and with each blank empty."
    )
    options = Options(quick=arguments.quick, seed=arguments.seed, device=arguments.device)
    proof = prove(
        solved,
        rubric,
        options,
        arguments.jobs,
        lambda trial: progress.print(f"  graded: {trial.solution.name}"),
    )
    _print_proof(console, proof, rubric)
    console.print(f"\nHandout: {out}", soft_wrap=True)
    return GRADED if proof.holds else NOT_GRADED


def _difference(solution: NotebookNode, handout: NotebookNode) -> Iterator[str]:
    """Yield the lines of a unified diff over the text of all cells."""
    before, after = (
        "\n\n".join(str(cell.source) for cell in notebook.cells).split("\n")
        for notebook in (solution, handout)
    )
    return difflib.unified_diff(before, after, "solution", "handout", n=1, lineterm="")


def _print_proof(console: Console, proof: Proof, rubric: Rubric) -> None:
    from rich.markup import escape
    from rich.table import Table

    points = {one.id: one.points for one in rubric.criteria}
    table = Table("Empty blank", "Points", "Costs", "Not asked any more", box=None, pad_edge=False)
    for one in proof.blanks:
        failed, blocked = (
            [loss.criterion for loss in one.losses if (loss.verdict == "fail") is wanted]
            for wanted in (True, False)
        )
        lost = sum(points[loss.criterion] * (1 - loss.credit) for loss in one.losses)
        table.add_row(
            one.placed.place,
            f"{-lost:+g}" if lost else "0",
            *(", ".join(ids) or "-" for ids in (failed, blocked)),
        )
    console.print()
    console.print(table)
    console.print()
    problems = list(_problems(proof))
    for problem in problems:
        console.print(escape(problem), soft_wrap=True)
    if not problems:
        console.print(
            "Proved: the solution earns all, the handout nothing, and each blank costs what it should."
        )


def _problems(proof: Proof) -> Iterator[str]:
    """Yield a sentence on everything that is not as it should be."""
    for failure in proof.failures:
        yield f"The grader itself failed on {failure}"
    for loss in proof.solution:
        yield f"The solution loses {loss.criterion}: {loss.message}"
    for name in proof.handout:
        yield f"The handout earns {name} as it is."
    for blank in proof.blanks:
        yield from _blank_problems(blank)
    for left in proof.left:
        yield f"The solution of {left.blank.place} is also in {left.where} of the handout: {left.text}"


def _blank_problems(blank: BlankProof) -> Iterator[str]:
    if blank.costs_nothing:
        yield f"The blank in {blank.placed.place} costs nothing; students may leave it empty."
    for name in blank.missing:
        yield f"The blank in {blank.placed.place} does not cost {name}, which it names."
    for name in blank.unexpected:
        yield f"The blank in {blank.placed.place} costs {name}, which it does not name."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade handout",
        description="Make the notebook that students are given from a solved one whose solutions are marked, "
        "as nbgrader or otter-grader mark them, and prove it: the solution earns all, the handout nothing, "
        "each blank costs points, and no statement of the solution is left.",
        epilog="exit status: 0 if the handout is proved; 1 if it is written and not proved",
    )
    parser.add_argument("solution", type=Path, metavar="SOLUTION.ipynb", help="the solved notebook")
    parser.add_argument(
        "--rubric", default=DEFAULT_RUBRIC, metavar="NAME|DIR", help=f"the rubric ({DEFAULT_RUBRIC})"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the handout (handout.ipynb beside the solution)"
    )
    parser.add_argument("--force", action="store_true", help="replace the handout if it exists")
    parser.add_argument("--quick", action="store_true", help="leave out what needs a training")
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="notebooks graded at once (number of CPUs)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device for student code (auto)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all random numbers (0)")
    return parser

"""Prove a handout: solved it earns all, empty it earns nothing, and each blank costs what it should."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from grader.audit.corpus import Solution
from grader.audit.run import Loss, Trial, run
from grader.handout.leftovers import Leftover, leftovers
from grader.handout.making import PlacedBlank, SolvedNotebook
from grader.model import Criterion
from grader.options import Options
from grader.rubric import Rubric


@dataclass(frozen=True, slots=True, kw_only=True)
class BlankProof:
    """The losses of the solved notebook with one blank empty.

    Attributes:
        losses: criteria that did not earn full points, or were not asked because of the blank.
    """

    placed: PlacedBlank
    losses: tuple[Loss, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Criteria that the author says it costs and that it does not."""
        lost = {loss.criterion for loss in self.losses}
        return tuple(name for name in self.placed.blank.criteria or () if name not in lost)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Criteria that it fails, though the author names others; what is only blocked does not count."""
        if self.placed.blank.criteria is None:
            return ()
        failed = (loss.criterion for loss in self.losses if loss.verdict == "fail")
        return tuple(name for name in failed if name not in self.placed.blank.criteria)

    @property
    def costs_nothing(self) -> bool:
        """Whether students lose nothing by leaving it empty, and its author names no criteria."""
        return not self.losses and self.placed.cell.in_handout and self.placed.blank.criteria is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The result of grading a handout in every way.

    Attributes:
        solution: what the solved notebook loses.
        handout: ids of the criteria that the empty notebook earns.
        blanks: each blank of a code cell, alone.
        left: statements of the solution that students can read.
        failures: sentences on where the grader itself failed.
    """

    solution: tuple[Loss, ...]
    handout: tuple[str, ...]
    blanks: tuple[BlankProof, ...]
    left: tuple[Leftover, ...]
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with the handout."""
        wrong = (one for one in self.blanks if one.missing or one.unexpected or one.costs_nothing)
        return not (self.solution or self.handout or self.left or self.failures or any(wrong))


def prove(
    solved: SolvedNotebook,
    rubric: Rubric,
    options: Options,
    jobs: int,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Proof:
    """Grade a solved notebook with all blanks filled, with none, and with each one empty.

    Args:
        options: ``quick`` leaves out what needs training.
        jobs: notebooks graded at once.
        on_trial: called with each grade as it is there.
    """
    judged = [one for one in rubric.criteria if one.judged_by == "check"]
    if options.quick:
        judged = [one for one in judged if not one.needs_training]
    placed = [one for one in solved.blanks if one.cell.number and one.blank.solution.strip()]
    made = solved.handout()
    both = [_to_grade("the solution", solved.solution()), _to_grade("the handout", made)]
    with tempfile.TemporaryDirectory(prefix="grade-handout-") as folder:
        handout = Path(folder) / "handout.ipynb"
        nbformat.write(made, handout)
        whole, empty = run(str(rubric.folder), both, replace(options, handout=handout), jobs, on_trial)
    # Without the handout: with it, what is as it was handed out has no points, and any word in a blank earns
    # them.
    one_empty = [_to_grade(one.place, solved.solution(one)) for one in placed]
    alone = run(str(rubric.folder), one_empty, options, jobs, on_trial)
    return Proof(
        solution=whole.losses,
        handout=tuple(one.id for one in judged if one.points and not one.given and _earned(one, empty)),
        blanks=tuple(
            BlankProof(placed=one, losses=trial.losses) for one, trial in zip(placed, alone, strict=True)
        ),
        left=tuple(leftovers(solved)),
        failures=tuple(
            f"{trial.solution.name}: {trial.failure}" for trial in (whole, empty, *alone) if trial.failure
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _NotebookToGrade(Solution):
    """A whole notebook, given text included, for the audit's grader."""

    content: nbformat.NotebookNode

    def notebook(self) -> nbformat.NotebookNode:
        return self.content


def _to_grade(name: str, content: nbformat.NotebookNode) -> Solution:
    return _NotebookToGrade(name=name, kind="degenerate", title="", cells=(), content=content)


def _earned(criterion: Criterion, trial: Trial) -> bool:
    return all(loss.criterion != criterion.id or loss.credit > 0 for loss in trial.losses)

"""Rewrite solutions at random, check by plain numbers that they kept their meaning, and grade them."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from grader.audit.corpus import Solution
from grader.audit.numbers.client import Numbers, NumericOracle, same_meaning
from grader.audit.rewriting.composition import Homework, Move, apply_moves, draw_moves, shrink
from grader.audit.run import Trial, try_solution
from grader.audit.trial_log import read_rows
from grader.audit.warm import WarmGrader
from grader.options import Options
from grader.rubric import Rubric

MOST_MOVES = 8  # transformations in one composition
TRAINED_ONE_IN = 20
_GRADINGS_TO_SHRINK = 14
_RIGHT_SHARE = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One rewritten solution and its verdict.

    Attributes:
        moves: the transformations that changed something.
        status: "kept", "wronged", or "other numbers" if the meaning changed, which does not count.
        remarks: what is wrong with the grade.
        fewest: for a wronged one, the fewest transformations with which the same criteria are wronged.
        cells: the notebook with only these.
    """

    seed: int
    solution: str
    moves: tuple[Move, ...]
    status: str
    remarks: tuple[str, ...] = ()
    fewest: tuple[Move, ...] = ()
    cells: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the file of results."""
        return {
            "seed": self.seed,
            "solution": self.solution,
            "status": self.status,
            "moves": [str(move) for move in self.moves],
            "remarks": list(self.remarks),
            "fewest": [str(move) for move in self.fewest],
            "cells": list(self.cells),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Rewrite:
        """Return the result that was written as plain data."""
        moves, fewest = (tuple(map(Move.parse, data[name])) for name in ("moves", "fewest"))
        return cls(
            seed=data["seed"],
            solution=data["solution"],
            moves=moves,
            status=data["status"],
            remarks=tuple(data["remarks"]),
            fewest=fewest,
            cells=tuple(data["cells"]),
        )


def homework(rubric: Rubric) -> Homework:
    """Return what ``audit/rewrites.toml`` of a rubric says about its notebooks."""
    told = _told(rubric)
    return Homework(
        parts=frozenset(rubric.wanted),
        keep=frozenset(told.get("keep", ())) | frozenset(rubric.wanted),
        extra_cells=tuple(each["source"] for each in told.get("cell", ())),
        looks=told.get("looks", {}),
        by_position=frozenset(told.get("by_position", ())),
        calls=told.get("calls", {}),
    )


def sample_notebooks(rubric: Rubric) -> list[Solution]:
    """Return the correct notebooks that ``audit/rewrites.toml`` names, those that are there."""
    folder = rubric.folder / "audit"
    found = []
    for name in _told(rubric).get("notebooks", ()):
        if (path := folder / name).is_file():
            book = nbformat.read(path, as_version=4)
            cells = tuple(each.source for each in book.cells if each.cell_type == "code")
            found.append(Solution(name=path.stem, kind="right", title=path.stem, cells=cells))
    return found


def _told(rubric: Rubric) -> dict[str, Any]:
    path = rubric.folder / "audit" / "rewrites.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@dataclass(slots=True)
class Rewriter:
    """Makes and judges rewrites of solutions; any thread may use it."""

    grader: WarmGrader
    oracle: NumericOracle
    solutions: Sequence[Solution]
    homework: Homework
    options: Options

    def rewrite(self, seed: int) -> Rewrite:
        """Return the rewrite of a seed, with its verdict."""
        rng = random.Random(seed)
        kind = "right" if rng.random() < _RIGHT_SHARE else "mutant"
        among = [each for each in self.solutions if (each.kind == "right") == (kind == "right")]
        solution = rng.choice(among or list(self.solutions))
        moves = draw_moves(rng, MOST_MOVES)
        cells, applied = self._of_same_meaning(solution, moves)
        if not applied:
            return Rewrite(seed=seed, solution=solution.name, moves=tuple(moves), status="other numbers")
        options = self.options
        if not options.quick and seed % TRAINED_ONE_IN:
            options = replace(options, quick=True)
        remarks = self._remarks(solution, cells, options)
        made = Rewrite(seed=seed, solution=solution.name, moves=tuple(applied), status="kept")
        return self._shrunk(made, solution, remarks, options) if remarks else made

    def _of_same_meaning(
        self, solution: Solution, moves: Sequence[Move]
    ) -> tuple[tuple[str, ...], list[Move]]:
        """Return the rewritten cells; where all moves change the numbers, those of a part of them."""
        half = (len(moves) + 1) // 2
        for some in (moves, moves[:half], moves[half:]):
            cells, applied = apply_moves(solution.cells, some, self.homework)
            if applied and self._keeps_numbers(solution, cells):
                return cells, applied
        return solution.cells, []

    def _keeps_numbers(self, solution: Solution, cells: Sequence[str]) -> bool:
        before, after = self.oracle.ask_once(solution.cells), self.oracle.ask(cells)
        return same_meaning(_without_cells(before), _without_cells(after))

    def _remarks(self, solution: Solution, cells: Sequence[str], options: Options) -> list[str]:
        trial = try_solution(self.grader, replace(solution, cells=tuple(cells)), options)
        return remarks(trial)

    def _shrunk(self, made: Rewrite, solution: Solution, said: list[str], options: Options) -> Rewrite:
        """Return a wronged rewrite with the fewest transformations that wrong one of the same criteria."""
        wronged = {each.split()[1] for each in said}
        left = _GRADINGS_TO_SHRINK
        found = said

        def fails(moves: list[Move]) -> bool:
            nonlocal left, found
            cells, applied = apply_moves(solution.cells, moves, self.homework)
            if len(applied) < len(moves) or left <= 0 or not self._keeps_numbers(solution, cells):
                return False
            left -= 1
            now = self._remarks(solution, cells, options)
            if same := bool(wronged & {each.split()[1] for each in now}):
                found = now
            return same

        fewest = shrink(list(made.moves), fails)
        cells, _ = apply_moves(solution.cells, fewest, self.homework)
        return replace(made, status="wronged", remarks=tuple(found), fewest=tuple(fewest), cells=cells)


def _without_cells(numbers: Numbers) -> Numbers:
    """Return numbers without the errors of single cells, which may be numbered otherwise after a rewrite."""
    errors = {name: text for name, text in numbers.errors.items() if not name.startswith("cell ")}
    return Numbers(numbers.values, errors, numbers.seconds)


def remarks(trial: Trial) -> list[str]:
    """Return what is wrong with a grade, one line each: a kind, a criterion or misconception, the message."""
    lost = {loss.criterion: f"{loss.verdict}: {loss.message}" for loss in trial.losses}
    found = [f"lost {name} {lost[name]}" for name in sorted(trial.collateral)]
    found += [f"missed {name} {lost.get(name, 'full points')}" for name in sorted(trial.missed)]
    if not found:
        given = ", ".join(f"{loss.misconception}: {loss.message}" for loss in trial.losses)
        found += [f"unnamed {name} named {given}" for name in sorted(trial.unnamed)]
    return [f"failure grader {trial.failure}"] if trial.failure else found


def read_results(path: Path) -> list[Rewrite]:
    """Return the results that an earlier run has appended to a file."""
    return [Rewrite.from_json(row) for row in read_rows(path)]

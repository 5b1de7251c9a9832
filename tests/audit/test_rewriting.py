"""Transformations keep the meaning of a notebook; rewrites that are wronged are found and shrunk."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from corpus import CORPUS

from grader.audit.corpus import Solution
from grader.audit.numbers.client import Numbers, NumericOracle, same_meaning
from grader.audit.rewriting import trials
from grader.audit.rewriting.composition import Homework, Move, apply_moves, draw_moves, shrink
from grader.audit.rewriting.draft import REGISTER
from grader.audit.rewriting.trials import Rewrite, Rewriter, homework, read_results
from grader.options import Options
from grader.rubric import Rubric

RIGHT = [each for each in CORPUS.solutions() if each.kind == "right"]
HOMEWORK = homework(Rubric.load("ddpm"))


def test_the_families_that_are_promised_exist() -> None:
    families = {each.family for each in REGISTER.values()}
    assert families >= {
        "names",
        "imports",
        "cells",
        "arguments",
        "functions",
        "classes",
        "attributes",
        "loops",
    }
    assert families >= {"branches", "containers", "tensors", "randomness", "devices", "decoration", "helpers"}
    assert families >= {"layers", "training", "loop_bodies"}
    assert len(REGISTER) >= 150


@pytest.mark.slow  # each searches a few of the solutions for a place
def test_every_transformation_finds_something_to_change() -> None:
    rng = random.Random(5)
    idle = set(REGISTER)
    for _ in range(8):
        for name in sorted(idle):
            solution = rng.choice(RIGHT)
            cells, applied = apply_moves(solution.cells, [Move(name, rng.randrange(99))], HOMEWORK)
            if applied:
                assert cells != solution.cells
                idle.discard(name)
    for name in sorted(idle):
        found = any(apply_moves(each.cells, [Move(name, 1)], HOMEWORK)[1] for each in RIGHT)
        assert found or name in {"call_by_position"}, name


def test_sample_notebooks_are_rewritten_too() -> None:
    (alice,) = trials.sample_notebooks(Rubric.load("ddpm"))
    assert alice.kind == "right"
    assert any("class NoiseDiffuser" in cell for cell in alice.cells)
    _, applied = apply_moves(alice.cells, draw_moves(random.Random(2), 8), HOMEWORK)
    assert applied


def test_the_same_moves_make_the_same_notebook() -> None:
    moves = draw_moves(random.Random(3), 8)
    first, second = (apply_moves(RIGHT[0].cells, moves, HOMEWORK) for _ in range(2))
    assert first == second
    assert first[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "walrus",
        "closure",
        "method_added_later",
        "numpy_generator",
        "result_as_dict",
        "layers_in_list",
        "own_convolution",
        "loop_body_as_function",
        "end_as_function",
        "noise_in_advance",
        "generator_in_attribute",
        "values_kept_in_list",
        "reset_after_step",
        "rename_parameters_of_parts",
        "attributes_as_buffers",
    ],
)
def test_a_rewrite_computes_the_same_numbers(name: str) -> None:
    with NumericOracle(CORPUS.folder.parent) as oracle:
        before = oracle.ask(RIGHT[0].cells)
        for seed in range(2):
            cells, applied = apply_moves(RIGHT[0].cells, [Move(name, seed)], HOMEWORK)
            assert applied
            assert same_meaning(before, oracle.ask(cells))


def test_shrinking_keeps_what_fails_together() -> None:
    moves = [Move(f"m{n}", n) for n in range(9)]
    guilty = {moves[2], moves[7]}
    assert shrink(moves, lambda some: guilty <= set(some)) == [moves[2], moves[7]]
    assert shrink(moves[:1], lambda some: moves[0] in some) == moves[:1]


def test_results_can_be_read_again(tmp_path: Path) -> None:
    made = Rewrite(
        seed=4,
        solution="base",
        moves=(Move("walrus", 2),),
        status="wronged",
        remarks=("lost a fail: b",),
        cells=("x",),
    )
    path = tmp_path / "rewrites.jsonl"
    path.write_text(json.dumps(made.as_json()) + '\n{"cut": "sho')
    assert read_results(path) == [made]


class _Oracle:
    """The same numbers for every notebook without the word ``changed``."""

    def ask(self, cells: Sequence[str]) -> Numbers:
        return Numbers({"a.b": (2.0 if "changed" in "".join(cells) else 1.0,)})

    ask_once = ask


def _rewriter(monkeypatch: pytest.MonkeyPatch, wronged_by: str) -> Rewriter:
    def grade(grader: Any, solution: Solution, options: Options) -> Any:
        lost = wronged_by in "".join(solution.cells)
        loss = SimpleNamespace(criterion="a.b", verdict="fail", misconception=None, message="said")
        return SimpleNamespace(
            failure=None,
            losses=[loss] if lost else [],
            collateral={"a.b"} if lost else set(),
            missed=set(),
            unnamed=set(),
        )

    monkeypatch.setattr(trials, "try_solution", grade)
    solution = Solution(
        name="s", kind="right", title="t", cells=("def f(a):\n    b = a + 1\n    return b\n",)
    )
    nobody: Any = None
    oracle: Any = _Oracle()
    return Rewriter(
        nobody, oracle, [solution], Homework(frozenset({"f"}), frozenset(), ()), Options(quick=True)
    )


def test_a_wronged_rewrite_is_shrunk_to_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    rewriter = _rewriter(monkeypatch, ":=")
    moves = [Move("docstrings", 1), Move("walrus", 2), Move("type_hints", 3), Move("comments_removed", 4)]
    monkeypatch.setattr(trials, "draw_moves", lambda rng, most: moves)
    made = rewriter.rewrite(1)
    assert made.status == "wronged"
    assert made.remarks == ("lost a.b fail: said",)
    assert [move.name for move in made.fewest] == ["walrus"]
    assert ":=" in made.cells[0]
    assert Rewrite.from_json(made.as_json()) == made


def test_a_rewrite_with_other_numbers_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rewriter = _rewriter(monkeypatch, "nothing")
    monkeypatch.setitem(
        REGISTER,
        "harmful",
        _adding("harmful", "changed = 1"),
    )
    monkeypatch.setattr(trials, "draw_moves", lambda rng, most: [Move("harmful", 1)])
    assert rewriter.rewrite(1).status == "other numbers"
    monkeypatch.setattr(trials, "draw_moves", lambda rng, most: [Move("docstrings", 1), Move("harmful", 1)])
    assert rewriter.rewrite(1).status == "kept"
    assert [move.name for move in rewriter.rewrite(1).moves] == ["docstrings"]


def _adding(name: str, cell: str) -> Any:
    """Return a transformation that adds a cell."""
    from grader.audit.rewriting.draft import Draft, Transformation

    def apply(draft: Draft) -> bool:
        draft.cells.append(cell)
        return True

    return Transformation(name, "test", apply)

"""The attention homework: right solutions of any style lose nothing, each slip costs its criterion."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from classes import grade_here  # noqa: F401  the fixture `grade`, without a process for each test
from conftest import Command

from grader.audit.corpus import Corpus, Mutant, notebook
from grader.audit.warm import WarmGrader
from grader.model import Grade, Verdict
from grader.options import Options
from grader.probes import training_loop
from grader.rubric import Rubric

RUBRIC = Rubric.load("attention")
CORPUS = Corpus(RUBRIC.folder)
QUICK = Options(quick=True)
BY_PERSON = {"written.scaling", "written.loss"}
# Recognised, but by no mutant: each needs a solution of another shape.
WITHOUT_MUTANT = {
    "attention-shape",
    "attention-not-used",
    "dimensions-mixed",
    "encoding-constant",
    "encoding-of-feature",
    "encoding-shape",
    "epochs-too-many",
    "feed-forward-missing",
    "feed-forward-mixes",
    "generates-in-training",
    "greedy-not-largest",
    "layer-shape",
    "learning-rate-zero",
    "learns-nothing",
    "logits-not-finite",
    "losses-missing",
    "mask-added",
    "network-not-called",
    "prediction-detached",
    "sampled-uniformly",
    "scale-rooted-twice",
    "scores-constant",
    "scores-not-products",
    "seed-without-effect",
    "softmax-negated",
    "softmax-over-everything",
    "target-previous-character",
    "text-not-returned",
    "train-does-not-return",
}


# Slips besides those in the audit: their part, what is replaced and by what, the criterion and what is named.
OTHER_SLIPS = [
    (
        "model",
        "[TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)]",
        "[TransformerBlock(d_model, num_heads, 4 * d_model)] * num_layers",
        "model.parameters",
        "block-repeated",
    ),
    (
        "model",
        "return self.head(self.norm(x))",
        "return self.head(self.norm(x)).softmax(-1)",
        "model.shape",
        "logits-are-probabilities",
    ),
    (
        "generate",
        "probabilities = torch.softmax(logits / temperature, dim=-1)",
        "best = logits.topk(8).values[:, -1:]\n"
        "                probabilities = (logits.masked_fill(logits < best, -1e9) / temperature).softmax(-1)",
        "generate.sampling",
        "sampled-from-few",
    ),
]


@pytest.fixture(scope="module")
def attention() -> Iterator[WarmGrader]:
    """Grader of the attention homework."""
    with WarmGrader("attention") as grader:
        yield grader


def _lost(grade: Grade) -> dict[str, str]:
    """Return the criteria that did not pass, with their messages, but for what a person grades."""
    return {
        each.id: each.message for each in grade.criteria if each.verdict not in (Verdict.PASS, Verdict.OPEN)
    }


def _mutant(name: str) -> Mutant:
    return next(mutant for mutant in CORPUS.mutants if mutant.name == name)


def _grade_mutant(attention: WarmGrader, mutant: Mutant) -> tuple[set[str], set[str | None]]:
    """Return the criteria that a mutant loses, and the misconceptions that are named."""
    cells = [cell.source for cell in mutant.apply(CORPUS.base)]
    grade = attention.grade(notebook(cells), QUICK)
    return set(_lost(grade)), {result.misconception for result in grade.criteria}


def test_the_base_solution_learns_and_earns_all_points(attention: WarmGrader) -> None:
    grade = attention.grade(notebook([cell.source for cell in CORPUS.base]), Options())
    assert _lost(grade) == {}
    assert (grade.earned, grade.possible) == (94, 100)
    assert {result.id for result in grade.criteria if result.verdict is Verdict.OPEN} == BY_PERSON
    measured = {result.id: result.measured for result in grade.criteria}
    assert measured["heads.count"]["heads_found"] == {"2": 2, "4": 4}
    assert len(measured["attention.softmax"]["weights"]) == 5
    assert measured["train.learns"]["own_model"] is True


@pytest.mark.parametrize(
    "name",
    ["scale_missing", "heads_split_by_view", "residual_attention", "target_shifted_twice", "seed_inside"],
)
def test_a_slip_costs_its_criterion_and_is_named(attention: WarmGrader, name: str) -> None:
    mutant = _mutant(name)
    found, named = _grade_mutant(attention, mutant)
    assert found == mutant.loses
    assert mutant.misconception in named


@pytest.mark.parametrize(("part", "old", "new", "criterion", "misconception"), OTHER_SLIPS)
def test_a_slip_besides_those_in_the_audit_is_named(
    attention: WarmGrader, part: str, old: str, new: str, criterion: str, misconception: str
) -> None:
    slip = Mutant(name=misconception, part=part, old=old, new=new, loses=frozenset({criterion}))
    assert _grade_mutant(attention, slip) == ({criterion}, {None, misconception})


@pytest.mark.parametrize(
    "name", ["masks_by_itself", "encoding_class", "loss_beside_logits", "methods_of_the_model"]
)
def test_parts_that_are_divided_in_another_way_are_right(attention: WarmGrader, name: str) -> None:
    cells = [cell.source for cell in CORPUS.right_cells(name)]
    assert _lost(attention.grade(notebook(cells), QUICK)) == {}


@pytest.mark.parametrize(
    ("old", "new", "criterion"),
    [
        (
            "view(B, T, self.n_head, C // self.n_head).transpose(1, 2)",
            "reshape(B, self.n_head, T, -1)",
            "split",
        ),
        ("self.n_head, self.n_embd = num_heads", "self.n_head, self.n_embd = 1", "count"),
        ("return self.c_proj(", "return (", "output"),
        ("        att = (q @", "        q = k\n        att = (q @", "projections"),
    ],
)
def test_mistakes_in_a_layer_that_masks_by_itself_are_found(
    attention: WarmGrader, old: str, new: str, criterion: str
) -> None:
    cells = [cell.source for cell in CORPUS.right_cells("masks_by_itself")]
    assert any(old in cell for cell in cells)
    grade = attention.grade(notebook([cell.replace(old, new) for cell in cells]), QUICK)
    assert set(_lost(grade)) == {f"heads.{criterion}"}


def test_the_handout_earns_nothing_but_is_graded(grade: Command) -> None:
    ran = grade(RUBRIC.folder / "handout.ipynb", "--quick", "-q", "--rubric", "attention")
    result = ran.grade("handout")
    assert result["earned"] == 0
    assert not [
        row["id"] for row in result["criteria"] if row["verdict"] in ("pass", "error") and row["possible"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPUS.right_names)
def test_a_right_solution_loses_nothing(attention: WarmGrader, name: str) -> None:
    cells = [cell.source for cell in CORPUS.right_cells(name)]
    grade = attention.grade(notebook(cells), QUICK)
    assert _lost(grade) == {}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", CORPUS.mutants, ids=lambda mutant: mutant.name)
def test_every_slip_costs_its_criterion_and_is_named(attention: WarmGrader, mutant: Mutant) -> None:
    found, named = _grade_mutant(attention, mutant)
    assert found == mutant.loses
    assert mutant.misconception in named


def test_every_misconception_is_recognised_by_some_check() -> None:
    assert set(RUBRIC.misconceptions) <= _constants(RUBRIC.folder)


def test_every_misconception_is_tried_on_a_mutant_or_listed() -> None:
    tried = {mutant.misconception for mutant in CORPUS.mutants} | {slip[-1] for slip in OTHER_SLIPS}
    assert set(RUBRIC.misconceptions) - tried == WITHOUT_MUTANT


def test_a_mutant_loses_criteria_of_its_misconception() -> None:
    for mutant in CORPUS.mutants:
        assert set(RUBRIC.misconceptions[mutant.misconception].criteria) & mutant.loses, mutant.name


def _constants(folder: Path) -> set[str]:
    """Return the string constants of the rubric's code, and of the expectations on a training loop."""
    paths = [*folder.glob("*.py"), Path(training_loop.__file__)]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found | {f"residual-missing-{which}" for which in ("attention", "feed-forward")}

"""The sample notebooks: valid, small, and right or wrong as their names promise."""

from __future__ import annotations

import ast
import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from notebook_code import load_definitions, strip_magics
from solution_checks import check_diffuser, check_network, check_sampler, check_trainer
from solution_environment import reproducible_environment  # noqa: F401  it is used by every test
from torch import nn

from grader.audit.corpus import SolutionCell

SUBMISSIONS = Path(__file__).parents[3] / "submissions"
NOTEBOOKS = sorted(SUBMISSIONS.glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_four_sample_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["alice", "bob", "carol", "handout"]


@each_notebook
def test_a_notebook_is_valid(path):
    book = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    assert "colab" in book.metadata
    assert len({cell.id for cell in book.cells}) == len(book.cells)


@each_notebook
def test_every_code_cell_compiles_without_its_magics(path):
    for cell in _code(path):
        compile(strip_magics(cell.source), path.name, "exec", dont_inherit=True)


@each_notebook
def test_outputs_are_small_pngs(path):
    for cell in _code(path):
        for output in cell.outputs:
            if "image/png" in (data := output.get("data", {})):
                picture = base64.b64decode(data["image/png"])
                assert picture.startswith(b"\x89PNG")
                assert len(picture) < 15_000


@pytest.mark.parametrize(("name", "follows"), [("alice", "paper"), ("carol", "handout_code")])
def test_a_right_notebook_is_right(name, follows):
    _check_all(load_definitions(_cells(name)), follows)


def test_bob_is_right_except_for_three_lines():
    _check_all(load_definitions(_bob()), "paper")


@pytest.mark.parametrize("slip", range(3))
def test_each_of_bobs_mistakes_fails_the_checks(slip):
    student = load_definitions(_bob(left_in=slip))
    with pytest.raises(AssertionError):
        _check_all(student, "paper")


def test_the_handout_is_blank():
    student = load_definitions(_cells("handout"))
    diffuser = student.NoiseDiffuser(1e-4, 0.1, 100)
    assert diffuser.linear_scheduler() is None
    assert diffuser.noise_diffusion(torch.zeros(1, 1, 28, 28), [0]) is None
    assert not hasattr(diffuser, "betas")
    assert student.UNet(1, 1)(torch.zeros(1, 1, 28, 28), torch.zeros(1, 1)).shape == (1, 1, 28, 28)
    with pytest.raises(AssertionError, match="no skip"):
        check_network(student)
    batches, optimizer = [(torch.zeros(1, 1, 28, 28), torch.zeros(1))], torch.optim.Adam([torch.zeros(1)])
    with pytest.raises(NameError):
        student.train(student.UNet(1, 1), batches, [], optimizer, nn.MSELoss(), "cpu", 1, diffuser, 100)
    pure = torch.randn(2, 1, 28, 28)
    assert torch.equal(student.generate_samples(pure, None, 2, 100, diffuser, "cpu"), pure)


def _code(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def _cells(name: str) -> list[SolutionCell]:
    """Return the imports and definitions of a sample notebook, without downloads, training and plots."""
    kept = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef
    trees = [ast.parse(strip_magics(cell.source)) for cell in _code(SUBMISSIONS / f"{name}.ipynb")]
    return [
        SolutionCell("any", ast.unparse(node))
        for tree in trees
        for node in tree.body
        if isinstance(node, kept)
    ]


def _bob(left_in: int | None = None) -> list[SolutionCell]:
    """Return Bob's notebook with his three mistakes fixed, except for the one to leave in."""
    slips = [
        ("(1 - ab) * noise", "(1 - ab).sqrt() * noise"),
        ("torch.zeros_like(y1)", "self.xLikeY(x1, y1)"),
        ("loss.backward()", "optimizer.zero_grad(); loss.backward()"),
    ]
    cells = _cells("bob")
    for number, (wrong, right) in enumerate(slips):
        assert sum(source.count(wrong) for _, source in cells) == 1
        if number != left_in:
            cells = [SolutionCell(part, source.replace(wrong, right)) for part, source in cells]
    return cells


def _check_all(student: Any, follows: str) -> None:
    check_diffuser(student, follows)
    check_network(student)
    check_trainer(student)
    check_sampler(student)

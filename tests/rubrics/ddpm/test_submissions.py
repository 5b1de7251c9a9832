"""The audit's corpus: sample notebooks are valid, right solutions are right, and every mutant is wrong."""

from __future__ import annotations

import ast
import base64
import functools
import re
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import solution_checks
import torch
from corpus import CORPUS, PARTS, reading
from notebook_code import load_definitions, strip_magics
from solution_checks import check_diffuser, check_network, check_sampler, check_trainer, diffuser_of
from torch import Tensor, nn

from grader.audit.corpus import Mutant, SolutionCell, notebook
from grader.sandbox.worker.files import PATCHED, redirect_to

SUBMISSIONS = Path(__file__).parents[3] / "submissions"
NOTEBOOKS = sorted(SUBMISSIONS.glob("*.ipynb"))
CRITERIA = frozenset(
    f"{group}.{name}"
    for group, names in {
        "schedule": ["betas", "alphas", "alpha_bar"],
        "forward": [
            "image_coefficient",
            "noise_coefficient",
            "noise_returned",
            "noise_distribution",
            "batched_t",
        ],
        "unet": ["shape_1ch", "shape_3ch", "skip_level1", "skip_level2", "time_conditioning"],
        "train": [
            "loss_target",
            "optimizer_step",
            "zero_grad",
            "random_t",
            "eval_mode_no_grad",
            "returns_losses",
        ],
        "sample": ["formula", "order", "noise", "no_grad_or_detach", "shape"],
    }.items()
    for name in names
)  # without train.learns and sample.quality, which judge an outcome and not a line

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_mutant = pytest.mark.parametrize("mutant", CORPUS.mutants, ids=lambda mutant: mutant.name)
each_right = pytest.mark.parametrize("name", CORPUS.right_names)


@pytest.fixture(autouse=True)
def reproducible_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fix seed and threads, make ``.cuda()`` a no-op without a GPU, and write files to a scratch folder."""
    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=_no_bar))  # needs a browser
    monkeypatch.chdir(tmp_path)
    for module, name in PATCHED:
        monkeypatch.setattr(module, name, getattr(module, name))  # undone by monkeypatch afterwards
    redirect_to(str(tmp_path))
    if not torch.cuda.is_available():
        monkeypatch.setattr(Tensor, "cuda", lambda self, *_args, **_kwargs: self)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


# ------------------------------------------------------------------ the notebooks


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


# ------------------------------------------------------------------ the right solutions


@each_right
def test_a_right_solution_describes_its_style_and_has_all_parts(name):
    assert re.match(r'"""[A-Z].+\."""\n', CORPUS.preamble(name))
    nbformat.validate(notebook([source for _, source in CORPUS.right_cells(name)]))
    student = _right(name)
    for definition in ("NoiseDiffuser", "UNet", "train", "generate_samples"):
        assert hasattr(student, definition)


@each_right
def test_its_diffuser_follows_its_formulation(name):
    check_diffuser(_right(name), reading(name))


@each_right
def test_its_network_has_both_skips_and_depends_on_t(name):
    check_network(_right(name))


@each_right
def test_its_training_steps_along_the_gradient_of_the_noise_loss(name):
    check_trainer(_right(name))


@each_right
def test_its_sampler_follows_the_reverse_process(name):
    check_sampler(_right(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in CORPUS.right_names if {"unet", "train"} & CORPUS.own_parts(name)]
)
def test_it_learns(name):
    """After sixty steps of its own training the relative error is below one half; for most, a quarter."""
    student = _right(name)
    digits = solution_checks.digits_28()
    loader = [(digits[start : start + 32], torch.zeros(32)) for start in range(0, 60 * 16, 16)]
    diffuser, network = diffuser_of(student, 1e-4, 0.1, 100), student.UNet(1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    student.train(
        network,
        solution_checks.Loader(loader),
        solution_checks.Loader(loader[:2]),
        optimizer,
        nn.MSELoss(),
        "cpu",
        1,
        diffuser,
        100,
    )

    network.eval()
    steps = torch.randint(0, 100, (256,)).tolist()
    alpha_bar = solution_checks.curve(diffuser, "alpha_bar")
    encoded = [float(solution_checks.encode_step(student, alpha_bar, step)) for step in steps]
    with torch.no_grad():
        noisy, noise = diffuser.noise_diffusion(digits[-256:], steps)
        error = (network(noisy, torch.tensor(encoded).view(-1, 1)) - noise).square().mean() / noise.var()
    assert error < 0.5


# ------------------------------------------------------------------ the mutants


@each_mutant
def test_a_mutant_is_wrong(mutant):
    """It is no equivalent rewrite: the checks of its part fail."""
    check = {
        "diffuser": lambda student: check_diffuser(student, "paper"),
        "unet": check_network,
        "train": check_trainer,
        "sampler": check_sampler,
    }[mutant.part]
    with pytest.raises((AssertionError, AttributeError, IndexError, NameError, RuntimeError, ValueError)):
        check(load_definitions(mutant.slip(CORPUS.base), mutant.name))


def test_mutants_have_unique_names():
    assert len({mutant.name for mutant in CORPUS.mutants}) == len(CORPUS.mutants)


def test_the_base_has_one_cell_for_each_part():
    assert tuple(part for part, _ in CORPUS.base) == PARTS


@each_mutant
def test_a_mutant_changes_one_part_and_compiles(mutant):
    nbformat.validate(notebook([source for _, source in mutant.slip(CORPUS.base)]))
    changed = [
        part
        for (part, old), (_, new) in zip(CORPUS.base, mutant.slip(CORPUS.base), strict=True)
        if old != new
    ]
    assert changed == [mutant.part]
    for _, source in mutant.slip(CORPUS.base):
        compile(source, mutant.name, "exec", dont_inherit=True)


@each_mutant
def test_a_mutant_loses_one_criterion_of_the_rubric(mutant):
    assert mutant.loses <= CRITERIA | {"train.learns"}
    assert len(mutant.loses) == 1


def test_every_criterion_has_a_mutant():
    lost = frozenset().union(*(mutant.loses for mutant in CORPUS.mutants))
    assert lost == CRITERIA | {"train.learns"}


def test_a_mutant_that_applies_nowhere_is_rejected():
    ghost = Mutant(
        name="ghost",
        misconception="none",
        part="unet",
        old="no such line",
        new="",
        loses=frozenset({"unet.shape_1ch"}),
    )
    with pytest.raises(ValueError, match="occurs 0 times"):
        ghost.slip(CORPUS.base)


# ------------------------------------------------------------------ helpers


def _no_bar(batches: Iterable[Any], **_options: Any) -> Iterable[Any]:
    return batches


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


@functools.cache
def _right(name: str) -> types.ModuleType:
    return load_definitions(CORPUS.right_cells(name), name)

"""The audit's solutions: right ones pass checks worked out by hand, and every mutant fails them."""

from __future__ import annotations

import functools
import re
import types

import nbformat
import pytest
import solution_checks
import torch
from base_checks import check_base_network, check_base_noise, check_base_training
from corpus import CORPUS, PARTS, reading
from notebook_code import load_definitions
from solution_checks import check_diffuser, check_network, check_sampler, check_trainer, diffuser_of
from solution_environment import reproducible_environment  # noqa: F401  it is used by every test
from torch import nn

from grader.audit.corpus import Mutant, notebook

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
)
_OUTCOMES = {"train.learns", "sample.quality"}

_ERRORS = (AssertionError, AttributeError, IndexError, NameError, RuntimeError, SystemExit, ValueError)
_CHECKS = {
    "diffuser": (lambda student: check_diffuser(student, "paper"), check_base_noise),
    "unet": (check_network, check_base_network),
    "train": (check_trainer, check_base_training),
    "sampler": (check_sampler,),
}
_LOSE_TWO = {"train_leaves_by_exit"}  # it takes no steps, either

each_mutant = pytest.mark.parametrize("mutant", CORPUS.mutants, ids=lambda mutant: mutant.name)
each_right = pytest.mark.parametrize("name", CORPUS.right_names)


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
    diffuser, network = diffuser_of(student, 1e-4, 0.1, 100), student.UNet(in_channels=1, out_channels=1)
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
        noisy, noise = solution_checks.noisy_and_noise(diffuser.noise_diffusion(digits[-256:], steps))
        error = (network(noisy, torch.tensor(encoded).view(-1, 1)) - noise).square().mean() / noise.var()
    assert error < 0.5


# ------------------------------------------------------------------ the mutants


@each_mutant
def test_a_mutant_is_wrong(mutant):
    """It is no equivalent rewrite: the checks of its part fail."""
    with pytest.raises(_ERRORS):
        _check(mutant.apply(CORPUS.base), mutant.part, mutant.name)


@pytest.mark.parametrize("part", _CHECKS)
def test_the_base_passes_what_the_mutants_fail(part):
    _check(CORPUS.base, part, "base")


def _check(cells, part, name):
    for check in _CHECKS[part]:
        check(load_definitions(cells, name))


def test_mutants_have_unique_names():
    assert len({mutant.name for mutant in CORPUS.mutants}) == len(CORPUS.mutants)


def test_the_base_has_one_cell_for_each_part():
    assert tuple(part for part, _ in CORPUS.base) == PARTS


@each_mutant
def test_a_mutant_changes_one_part_and_compiles(mutant):
    nbformat.validate(notebook([source for _, source in mutant.apply(CORPUS.base)]))
    changed = [
        part
        for (part, old), (_, new) in zip(CORPUS.base, mutant.apply(CORPUS.base), strict=True)
        if old != new
    ]
    assert changed == [mutant.part]
    for _, source in mutant.apply(CORPUS.base):
        compile(source, mutant.name, "exec", dont_inherit=True)


@each_mutant
def test_a_mutant_loses_one_criterion_of_the_rubric(mutant):
    assert mutant.loses <= CRITERIA | _OUTCOMES
    assert len(mutant.loses) == (2 if mutant.name in _LOSE_TWO else 1)


def test_every_criterion_has_a_mutant():
    lost = frozenset().union(*(mutant.loses for mutant in CORPUS.mutants))
    assert lost == CRITERIA | _OUTCOMES


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
        ghost.apply(CORPUS.base)


@functools.cache
def _right(name: str) -> types.ModuleType:
    return load_definitions(CORPUS.right_cells(name), name)

"""A sampler is judged by the schedule that it reads, and nothing is said of it that is not so."""

from __future__ import annotations

import pytest
from variants import changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader
from grader.model import Verdict

pytestmark = pytest.mark.slow

CURVES = "alpha, beta, alpha_bar = diffuser.alphas[step], diffuser.betas[step], diffuser.alpha_bar[step]"
OWN_CURVES = "alpha, beta, alpha_bar = alphas[step], betas[step], products[step]"
SCHEDULE = (
    "betas = torch.linspace(1e-4, 0.02, 1000)\nalphas = 1 - betas\nproducts = alphas.cumprod(0)\nT = 1000"
)


def test_a_schedule_and_t_of_the_notebook_cost_one_criterion(warm: WarmGrader) -> None:
    """It starts from noise of its own, too: then its two runs differ little."""
    cells = changed_cells(
        setup=[("torch.manual_seed(0)", SCHEDULE)],
        sampler=[
            (CURVES, OWN_CURVES),
            ("range(total_timesteps", "range(T"),
            ("x_t = x_t.to(device)", "x_t = torch.randn_like(x_t)"),
        ],
    )
    grade = grade_cells(warm, cells, "sample")
    assert set(lost(grade)) - {"sample.quality"} == {"sample.order"}
    order = next(each for each in grade.criteria if each.id == "sample.order")
    assert order.misconception == "stale-global"
    assert "a schedule of its own, β from 0.0001" in (order.actual or "")


def test_a_wrong_formula_over_a_schedule_of_its_own_is_caught(warm: WarmGrader) -> None:
    cells = changed_cells(
        setup=[("torch.manual_seed(0)", SCHEDULE)],
        sampler=[(CURVES, OWN_CURVES), ("torch.sqrt(1 - alpha_bar)", "(1 - alpha_bar)")],
    )
    assert "sample.formula" in lost(grade_cells(warm, cells, "sample"))


def test_a_sampler_that_updates_x_t_does_not_start_from_noise_of_its_own(warm: WarmGrader) -> None:
    """The network gets z, but x_t is the image that was given."""
    slip = [("eps = model(x_t, t)", "eps = model(torch.randn_like(x_t), t)")]
    grade = grade_cells(warm, changed_cells(sampler=slip), "sample")
    assert not any("noise of its own" in note for note in grade.notes)
    formula = next(each for each in grade.criteria if each.id == "sample.formula")
    assert formula.actual == "new noise at every step"


def test_noise_of_its_own_is_noted(warm: WarmGrader) -> None:
    own = [("x_t = x_t.to(device)", "x_t = torch.randn_like(x_t)")]
    grade = grade_cells(warm, changed_cells(sampler=own), "sample")
    assert any("noise of its own" in note for note in grade.notes)


def test_nothing_is_said_of_noise_that_cannot_be_separated(warm: WarmGrader) -> None:
    update = "x_t = mean + sigma * z"
    standardised = [(update, f"{update}; x_t = (x_t - x_t.mean()) / x_t.std()")]
    found = lost(grade_cells(warm, changed_cells(sampler=standardised), "sample"))
    assert "sample.formula" in found
    assert "cannot be separated" in found["sample.noise"]


def test_noise_behind_a_clamped_prediction_is_judged_and_the_clamp_charged_once(warm: WarmGrader) -> None:
    clamped = [("eps = model(x_t, t)", "eps = model(x_t, t).clamp(-1, 1)")]
    found = lost(grade_cells(warm, changed_cells(sampler=clamped), "sample"))
    assert set(found) - {"sample.quality"} == {"sample.formula"}


def test_a_constant_of_a_wrong_formula_is_no_fault_of_z(warm: WarmGrader) -> None:
    slip = [("shrink * (x_t - share * eps)", "shrink * x_t - 0.3 - share * eps")]
    found = lost(grade_cells(warm, changed_cells(sampler=slip), "sample"))
    assert set(found) - {"sample.quality"} == {"sample.formula"}
    assert "Beside them, -0.30 is added to every pixel." in found["sample.formula"]


def test_images_without_numbers_are_charged_to_the_formula(warm: WarmGrader) -> None:
    slip = [("torch.sqrt(1 - alpha_bar)", "torch.sqrt(alpha_bar - 1)")]
    grade = grade_cells(warm, changed_cells(sampler=slip), "sample")
    assert not any(each.verdict is Verdict.ERROR for each in grade.criteria)
    assert {each.id for each in grade.criteria if each.verdict is Verdict.FAIL} == {"sample.formula"}


def test_products_with_z_are_not_called_noise_of_a_wrong_strength(warm: WarmGrader) -> None:
    slip = [("mean + sigma * z", "mean * sigma * z")]
    found = lost(grade_cells(warm, changed_cells(sampler=slip), "sample"))
    assert "does not become a weighted sum" in found["sample.formula"]
    assert "cannot be separated" in found["sample.noise"]


def test_ddim_is_named_and_earns_half_of_the_noise(warm: WarmGrader) -> None:
    step = "before = diffuser.alpha_bar[step - 1] if step else torch.ones_like(alpha_bar)"
    image = "(x_t - torch.sqrt(1 - alpha_bar) * eps) / torch.sqrt(alpha_bar)"
    slip = [
        ("mean = shrink * (x_t - share * eps)", step),
        ("x_t = mean + sigma * z", f"x_t = torch.sqrt(before) * {image} + torch.sqrt(1 - before) * eps"),
    ]
    grade = grade_cells(warm, changed_cells(sampler=slip), "sample")
    found = {each.id: each for each in grade.criteria}
    assert found["sample.formula"].misconception == "ddim"
    assert found["sample.noise"].actual == "none, as in DDIM with η = 0"
    assert found["sample.noise"].earned == 2.5


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("F.softmax(x_t, dim=-1)", "does not get x_t: at its first call it gets an image with mean"),
        ("torch.tanh(x_t) + 1", "does not become a weighted sum"),
    ],
)
def test_a_function_of_x_t_for_the_network_is_charged_once(
    warm: WarmGrader, given: str, sentence: str
) -> None:
    slip = [("eps = model(x_t, t)", f"eps = model({given}, t)")]
    found = lost(grade_cells(warm, changed_cells(sampler=slip), "sample.formula", "sample.order"))
    assert list(found) == ["sample.formula"]
    assert sentence in found["sample.formula"]


def test_a_name_that_nothing_defines_is_no_variable_of_the_notebook(warm: WarmGrader) -> None:
    """The image is never handed on for that reason alone, so it costs one criterion."""
    slip = [("eps = model(x_t, t)", "eps = model(xt, t)")]
    found = lost(grade_cells(warm, changed_cells(sampler=slip), "sample"))
    assert set(found) - {"sample.quality"} == {"sample.order"}
    assert (
        "reads xt, which nothing in the notebook defines, instead of its argument x_t"
        in found["sample.order"]
    )

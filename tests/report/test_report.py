"""What students and TAs see of the page."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import report_samples as samples
from report_figures import figures
from report_page import Reader, page, words

from grader.model import Curves, ImageRow, Images, Levels, Series, Verdict, for_students
from grader.report.plots import plot


@pytest.fixture(scope="module")
def mixed() -> Reader:
    return page(samples.mixed(), figures())


def test_the_first_screen_says_who_how_much_and_what_next(mixed):
    seen = words(mixed)
    for expected in ("Noor Haddad", "74.5 of 100 points, 8 points undecided", "What to do next"):
        assert expected in seen
    for exercise, score in (
        ("Exercise 1: Forward diffusion", "25.5 / 28"),
        ("Exercise 3: Sampling", "15 / 28"),
    ):
        assert f"{exercise} {score}" in seen
    next_step = seen[seen.index("What to do next") : seen.index("Notes")]
    assert "Nothing joins the 14 × 14 levels" in next_step
    assert "7 points to gain" in next_step


def test_every_criterion_has_title_verdict_and_points(mixed):
    seen = words(mixed)
    for result in samples.mixed().criteria:
        assert result.title.replace("`", "") in seen
    for verdict in ("Earned", "Partial credit 2.5 / 5", "Lost 0 / 7", "Not checked 0 / 5", "Error 0 / 8"):
        assert verdict in seen


def test_a_lost_criterion_is_defended_in_words(mixed):
    seen = words(mixed)
    for label, said in (
        ("Expected", "√(1 − ᾱ), 0.4599 at step 10"),
        ("Found", "1 − ᾱ, 0.2115 at step 10"),
        ("Recognised mistake", "mixture of the paper's formula"),
        ("Hint", "Variances add, standard deviations do not"),
        ("Accepted formulation", "handout code: the root is taken twice"),
    ):
        assert f"{label} {said}" in seen


def test_what_was_lost_is_open_and_what_was_earned_is_folded(mixed):
    folded = [attributes["id"] for attributes in mixed.all("details") if attributes.get("id")]
    opened = [attributes["id"] for attributes in mixed.all("article")]
    assert any("schedule-betas" in anchor for anchor in folded)
    assert any("unet-skip-level2" in anchor for anchor in opened)
    assert not any("open" in attributes for attributes in mixed.all("details"))
    assert len(folded) + len(opened) == len(samples.RUBRIC)


def test_a_provisional_grade_says_so_and_names_what_a_ta_must_look_at(mixed):
    seen = words(mixed)
    banner = seen[seen.index("Provisional") :][:200]
    assert "a TA will review it before the grade counts" in banner
    assert "The samples look like digits" in banner
    assert "Provisional" not in words(page(samples.grade()))


def test_a_perfect_grade_leaves_nothing_to_do():
    assert "All points earned; nothing to fix." in words(page(samples.grade()))


def test_criteria_that_fall_for_one_reason_say_it_once():
    reader = page(samples.near_zero())
    assert words(reader).count("There is no UNet to ask") == 3  # as the next step, and in two exercises
    assert "with one channel and 17 more: 72 points to gain" in words(reader)
    anchors = {attributes["id"] for _, attributes in reader.elements if "id" in attributes}
    assert sum(anchor.startswith("criterion-") for anchor in anchors) == len(samples.RUBRIC)


def test_a_closed_gate_comes_before_any_points():
    gate = {"verdict": Verdict.FAIL, "message": "No code cell could be parsed.", "earned": 0.0, "credit": 0.0}
    lost = {"verdict": Verdict.FAIL, "message": "Wrong."}
    seen = words(page(samples.grade(changes={"notebook.extracts": gate, "sample.formula": lost})))
    assert "What to do next No code cell could be parsed." in seen
    assert "everything else depends on this" in seen


def test_how_it_was_graded_is_all_there(mixed):
    seen = words(mixed)
    section = seen[seen.index("How it was graded") :]
    for fact in ("9f2c" * 16, "41d8" * 16, "2.15.0", "cpu", "Seed 96", "seccomp filter", "Total 212.4 s"):
        assert fact in section
    for fact in ("NoiseDiffuser", "!pip install torch", "a shell command"):
        assert fact in section


def test_hidden_criteria_keep_their_secret_in_the_students_edition(mixed):
    assert "optimizer.zero_grad() is never called" in words(mixed)
    closed = words(page(for_students(samples.mixed())))
    assert "Gradients are cleared before every batch" in closed
    assert "hidden criterion" in closed
    assert "optimizer.zero_grad()" not in closed
    assert "backward, step" not in closed


def test_ids_are_unique_and_links_lead_somewhere(mixed):
    ids = [attributes["id"] for _, attributes in mixed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for _, attributes in mixed.elements if "href" in attributes}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)


def test_headings_descend_one_level_at_a_time(mixed):
    levels = [int(tag[1]) for tag, _ in mixed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_every_figure_says_its_finding_to_those_who_cannot_see_it(mixed):
    spoken = [tag.get("alt") for tag in mixed.all("img")]
    spoken += [tag.get("aria-label") for tag in mixed.all("svg") if tag.get("role") == "img"]
    assert all(spoken)
    for figure in figures():
        assert any(figure.caption in said for said in spoken)
        assert words(mixed).count(figure.caption) == 1


def test_a_missing_skip_is_told_without_colour(mixed):
    assert "found" in mixed.text
    assert "missing" in mixed.text
    assert "144,945 trainable parameters" in words(mixed)


@pytest.mark.parametrize(
    "figure",
    [
        Curves(exercise=1, title="Loss", caption="No loss.", x_label="", y_label="", series=()),
        Curves(
            exercise=1,
            title="Loss",
            caption="No loss.",
            x_label="",
            y_label="",
            series=(Series(label="yours", y=[float("nan"), float("inf")], role="student"),),
        ),
        Images(exercise=1, title="Samples", caption="No loss.", rows=()),
        Images(
            exercise=1,
            title="Samples",
            caption="No loss.",
            rows=(ImageRow(label="yours", count=2, height=28, width=28, pixels="AAAA"),),
        ),
        Levels(exercise=1, title="Network", caption="No loss.", levels=(), parameters=0),
    ],
)
def test_a_figure_that_cannot_be_drawn_does_not_cost_the_page(figure):
    seen = words(page(samples.grade(), [figure]))
    assert "There was nothing to draw. No loss." in seen


@pytest.mark.parametrize("y", [[3.0], [1.0, float("nan"), 2.0], [0.0, -1.0], [1e308, 1.0], [5.0] * 3])
def test_odd_curves_are_drawn(y):
    series = (
        Series(label="yours", y=y, role="student"),
        Series(label="_ref", y=[1.0, 2.0], role="reference"),
    )
    for log_y in (False, True):
        figure = Curves(
            exercise=1, title="Loss", caption="Odd.", x_label="x", y_label="y", series=series, log_y=log_y
        )
        assert "There was nothing to draw" not in words(page(samples.grade(), [figure]))


_SEEN = [
    *({"y": (1.0, 2.0, 4.0)}, {"x": (0.0, 1.0, 3.0)}, {"role": "reference"}),
    {"band": ((0.0, 1.0), (1.0, 3.0), (2.0, 4.0))},
]


@pytest.mark.parametrize("far", [2.0, float("nan"), 1e308])
def test_a_range_is_drawn_around_its_curve(far):
    def drawn(band):
        curve = Series(label="reference", y=[1.0, 1.5, 1.2], role="reference", band=band)
        figure = Curves(exercise=1, title="Loss", caption="-", x_label="x", y_label="y", series=(curve,))
        return str(plot(figure, prefix="figure-1").svg)

    assert "fill-opacity" in drawn([(0.5, 1.6), (0.6, far), (1.0, 1.4)])
    assert "fill-opacity" not in drawn(None)


def test_curves_that_look_alike_are_drawn_once_and_others_on_their_own():
    """As most of a class has the same schedule. Whatever can be seen in the drawing keeps it apart."""
    one = Series(label="yours", y=(1.0, 2.0, 3.0), role="student")
    drawn = {
        "exercise": 1,
        "title": "a",
        "caption": "b",
        "x_label": "x",
        "y_label": "y",
        "series": (one,),
        "log_y": False,
    }
    first = plot(Curves(**drawn), prefix="p").svg
    assert plot(Curves(**{**drawn, "series": [replace(one, label="theirs")]}), prefix="p").svg is first
    others = [
        *({"caption": "c"}, {"x_label": "z"}, {"y_label": "z"}, {"log_y": True}),
        *({"series": (replace(one, **change),)} for change in _SEEN),
    ]
    svgs = [first, plot(Curves(**drawn), prefix="q").svg]
    svgs += [plot(Curves(**{**drawn, **other}), prefix="p").svg for other in others]
    assert len(set(svgs)) == len(others) + 2


def test_the_report_starts_without_torch_and_matplotlib():
    asked = (
        "import sys, grader.report.page;"
        "print([m for m in ('torch', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", asked],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert run.stdout.strip() == "[]"

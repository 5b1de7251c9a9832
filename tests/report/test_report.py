"""The content of the report page, as students and TAs see it."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import report_samples as samples
from report_figures import figures
from report_page import ParsedPage, page, visible_text

from grader.model import Curves, ImageRow, Images, Levels, Series, Verdict, for_students
from grader.report.plots import plot


@pytest.fixture(scope="module")
def mixed() -> ParsedPage:
    return page(samples.mixed(), figures())


def test_the_first_screen_shows_name_points_and_next_step(mixed):
    text = visible_text(mixed)
    for expected in ("Noor Haddad", "74.5 of 100 points, 8 points undecided", "What to do next"):
        assert expected in text
    for exercise, score in (
        ("Exercise 1: Forward diffusion", "25.5 / 28"),
        ("Exercise 3: Sampling", "15 / 28"),
    ):
        assert f"{exercise} {score}" in text
    next_step = text[text.index("What to do next") : text.index("Notes")]
    assert "the square root is missing on the noise" in next_step
    assert "2.5 points to gain" in next_step


def test_every_criterion_shows_title_status_and_points(mixed):
    text = visible_text(mixed)
    for result in samples.mixed().criteria:
        assert result.title.replace("`", "") in text
    for verdict in ("Earned", "Partial credit 2.5 / 5", "Lost 0 / 7", "Not checked 0 / 5", "Error 0 / 8"):
        assert verdict in text


def test_a_lost_criterion_is_explained(mixed):
    text = visible_text(mixed)
    for label, fact in (
        ("Expected", "√(1 − ᾱ), 0.4599 at step 10"),
        ("Found", "1 − ᾱ, 0.2115 at step 10"),
        ("Recognised mistake", "mixture of the paper's formula"),
        ("Hint", "Variances add, standard deviations do not"),
        ("Accepted formulation", "handout code: the root is taken twice"),
    ):
        assert f"{label} {fact}" in text


def test_lost_criteria_are_open_and_earned_ones_folded(mixed):
    folded = [tag["id"] for tag in mixed.all("details") if tag.get("id", "").startswith("criterion-")]
    opened = [attributes["id"] for attributes in mixed.all("article")]
    assert any("schedule-betas" in anchor for anchor in folded)
    assert any("unet-skip-level2" in anchor for anchor in opened)
    assert not any("open" in attributes for attributes in mixed.all("details"))
    assert len(folded) + len(opened) == len(samples.RUBRIC)


def test_a_provisional_grade_lists_the_criteria_to_review(mixed):
    text = visible_text(mixed)
    banner = text[text.index("Provisional") :][:200]
    assert "a TA will review it before the grade counts" in banner
    assert "The samples look like digits" in banner
    assert "Provisional" not in visible_text(page(samples.grade()))


def test_a_perfect_grade_leaves_nothing_to_fix():
    assert "All points earned; nothing to fix." in visible_text(page(samples.grade()))


def test_criteria_lost_for_one_reason_are_grouped():
    parsed = page(samples.near_zero())
    assert visible_text(parsed).count("There is no UNet to ask") == 1
    assert visible_text(parsed).count("linspace() got a string") == 2  # as the next step, and in one card
    assert "For the same reason as The network returns an image" in visible_text(parsed)
    assert "and 6 more: 24 points to gain" in visible_text(parsed)
    anchors = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    assert sum(anchor.startswith("criterion-") for anchor in anchors) == len(samples.RUBRIC)


def test_criteria_that_were_not_checked_for_one_reason_are_one_card_also_apart():
    blocked = {"verdict": Verdict.BLOCKED, "message": "Your train stopped."}
    changes = {
        "train.loss_target": {**blocked, "hint": "Look at the loss."},
        "train.random_t": {**blocked, "hint": "Look at t."},
    }
    parsed = page(samples.grade(changes=changes))
    assert len(parsed.all("article")) == 1
    assert "2 criteria, for one reason" in visible_text(parsed)
    assert "Look at" not in visible_text(parsed)


def test_a_figure_stands_in_the_card_of_the_criterion_that_it_explains():
    """Of two criteria that it explains, the one that lost points has it; without a lost one it is folded."""
    figure = replace(figures()[1], criteria=("schedule.betas", "schedule.alphas"))
    lost = {"schedule.alphas": {"verdict": Verdict.FAIL, "message": "Wrong."}}
    text = visible_text(page(samples.grade(changes=lost), [figure]))
    assert text.index("Wrong.") < text.index(figure.caption) < text.index("Earned: 7 criteria, 26 points")
    text = visible_text(page(samples.grade(), [figure]))
    betas, alphas = (samples.RUBRIC[id][2].replace("`", "") for id in figure.criteria)
    assert text.index("All points earned: 8 criteria") < text.index(betas) < text.index(figure.caption)
    assert text.index(figure.caption) < text.index(alphas)


def test_a_segment_of_a_bar_leads_to_its_criterion(mixed):
    links = [tag for tag in mixed.all("a") if tag.get("class", "").startswith("segment")]
    assert len(links) == len(samples.RUBRIC) - 1
    (link,) = (tag for tag in links if tag["href"].endswith("unet-skip-level2"))
    assert "lost" in link["class"]
    assert link["title"] == "A skip connection joins both sides at half resolution: 0 / 7"


def test_a_failed_gate_is_the_next_step_before_any_points():
    gate = {"verdict": Verdict.FAIL, "message": "No code cell could be parsed.", "earned": 0.0, "credit": 0.0}
    lost = {"verdict": Verdict.FAIL, "message": "Wrong."}
    text = visible_text(page(samples.grade(changes={"notebook.extracts": gate, "sample.formula": lost})))
    assert "What to do next No code cell could be parsed." in text
    assert "everything else depends on this" in text


def test_the_provenance_of_the_grade_is_complete(mixed):
    text = visible_text(mixed)
    section = text[text.index("How it was graded") :]
    for fact in ("9f2c" * 16, "41d8" * 16, "2.15.0", "cpu", "Seed 96", "seccomp filter", "Total 212.4 s"):
        assert fact in section
    for fact in ("NoiseDiffuser", "!pip install torch", "a shell command"):
        assert fact in section


def test_facts_of_a_run_are_laid_out_as_tables_and_lists():
    """Each row and item is shown, also where the rows have different keys."""
    facts = {
        "batches": [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "sigma": 0.25}],
        "skipped": ["a plot", ["a loop", "a download"]],
        "nothing": [],
    }
    text = visible_text(page(replace(samples.mixed(), extraction=facts)))
    assert "Batches Epoch Loss Sigma 1 0.5 none 2 none 0.25" in text
    assert re.search("Skipped .?a plot .?a loop .?a download", text)
    assert "Nothing none" in text


def test_the_students_report_hides_the_details_of_hidden_criteria(mixed):
    assert "optimizer.zero_grad() is never called" in visible_text(mixed)
    closed = visible_text(page(for_students(samples.mixed())))
    assert "Gradients are cleared before every batch" in closed
    assert "hidden criterion" in closed
    assert "optimizer.zero_grad()" not in closed
    assert "backward, step" not in closed


def test_ids_are_unique_and_links_have_targets(mixed):
    ids = [attributes["id"] for _, attributes in mixed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for _, attributes in mixed.elements if "href" in attributes}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)


def test_headings_skip_no_level(mixed):
    levels = [int(tag[1]) for tag, _ in mixed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_every_figure_has_its_finding_as_text_alternative(mixed):
    alternatives = [tag.get("alt") for tag in mixed.all("img")]
    alternatives += [tag.get("aria-label") for tag in mixed.all("svg") if tag.get("role") == "img"]
    assert all(alternatives)
    for figure in figures():
        assert any(figure.caption in alternative for alternative in alternatives)
        assert visible_text(mixed).count(figure.caption) == 1


def test_a_missing_skip_connection_is_labelled_in_words(mixed):
    assert "found" in mixed.text
    assert "missing" in mixed.text
    assert "144,945 trainable parameters" in visible_text(mixed)


def test_every_figure_with_data_is_drawn(mixed):
    assert "There was nothing to draw" not in visible_text(mixed)


def test_many_samples_are_shown_once_each_ten_to_a_line():
    pixels = base64.b64encode(bytes(25 * 4)).decode()
    row = ImageRow(label="yours", count=25, height=2, width=2, pixels=pixels)
    parsed = page(samples.grade(), [Images(exercise=1, title="Samples", caption="Digits.", rows=(row,))])
    assert len(parsed.all("img")) == 3


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
def test_a_figure_without_data_does_not_break_the_page(figure):
    text = visible_text(page(samples.grade(), [figure]))
    assert "There was nothing to draw. No loss." in text


@pytest.mark.parametrize("y", [[3.0], [1.0, float("nan"), 2.0], [0.0, -1.0], [1e308, 1.0], [5.0] * 3])
def test_degenerate_curves_are_plotted(y):
    series = (
        Series(label="yours", y=y, role="student"),
        Series(label="_ref", y=[1.0, 2.0], role="reference"),
    )
    for log_y in (False, True):
        figure = Curves(
            exercise=1, title="Loss", caption="Odd.", x_label="x", y_label="y", series=series, log_y=log_y
        )
        assert "There was nothing to draw" not in visible_text(page(samples.grade(), [figure]))


_VISIBLE_CHANGES = [
    *({"y": (1.0, 2.0, 4.0)}, {"x": (0.0, 1.0, 3.0)}, {"role": "reference"}),
    {"band": ((0.0, 1.0), (1.0, 3.0), (2.0, 4.0))},
]


@pytest.mark.parametrize("far", [2.0, float("nan"), 1e308])
def test_a_band_is_plotted_around_its_curve(far):
    def svg(band):
        curve = Series(label="reference", y=[1.0, 1.5, 1.2], role="reference", band=band)
        figure = Curves(exercise=1, title="Loss", caption="-", x_label="x", y_label="y", series=(curve,))
        return str(plot(figure, prefix="figure-1").svg)

    assert "fill-opacity" in svg([(0.5, 1.6), (0.6, far), (1.0, 1.4)])
    assert "fill-opacity" not in svg(None)


def test_plots_are_cached_by_everything_that_is_visible_in_them():
    """In a class most schedules are the same. A change that shows in the plot must not hit the cache."""
    one = Series(label="yours", y=(1.0, 2.0, 3.0), role="student")
    fields = {
        "exercise": 1,
        "title": "a",
        "caption": "b",
        "x_label": "x",
        "y_label": "y",
        "series": (one,),
        "log_y": False,
    }
    first = plot(Curves(**fields), prefix="p").svg
    assert plot(Curves(**{**fields, "series": [replace(one, label="theirs")]}), prefix="p").svg is first
    others = [
        *({"caption": "c"}, {"x_label": "z"}, {"y_label": "z"}, {"log_y": True}),
        *({"series": (replace(one, **change),)} for change in _VISIBLE_CHANGES),
    ]
    svgs = [first, plot(Curves(**fields), prefix="q").svg]
    svgs += [plot(Curves(**{**fields, **other}), prefix="p").svg for other in others]
    assert len(set(svgs)) == len(others) + 2


def test_the_report_starts_without_torch_and_matplotlib():
    code = (
        "import sys, grader.report.page;"
        "print([m for m in ('torch', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert run.stdout.strip() == "[]"

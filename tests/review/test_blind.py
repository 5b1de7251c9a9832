"""Blind samples: drawn with passes, shown without verdict and name, and weighted back to the class."""

from __future__ import annotations

import random

import pytest
import report_samples as samples
from chromium import violations
from classes import gradebook, gradebook_rows, save_student
from review_browser import HOSTILE, opened
from review_pages import LOST, form, served
from sklearn.metrics import cohen_kappa_score

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.errors import UsageError
from grader.model import CodePassage, Listing, Verdict
from grader.review.agreement import Part, agreement
from grader.review.book import ReviewBook

NOISE = "sample.noise"
MESSAGE = "No noise is added anywhere."


@pytest.fixture
def out(tmp_path):
    """A class of twelve that passed and four that did not, with the lines of each."""
    folder = gradebook(tmp_path / "out", {})
    with Gradebook(folder) as book:
        for number in range(16):
            key = f"pupil{number}"
            lost = {NOISE: {**LOST, "message": MESSAGE}} if number < 4 else {}
            passage = CodePassage(criterion=NOISE, name="sample", cell=1, first=1, last=3, marked=(2,))
            listing = Listing(
                cells=((1, f"def sample():\n    x = {number}  # {HOSTILE}\n"),), passages=(passage,)
            )
            inputs = ResultInputs(notebook=key, rubric="r", grader="g", settings="{}")
            result = book.add_result(inputs, samples.grade(changes=lost), [listing], readable=True)
            person = Person(key=key, name=key.title(), ids={"login": key})
            save_student(book, person, label=f"{key}.ipynb", result=result)
    return folder


def draw(client, number=8, criterion=NOISE):
    fields = form(client.get("/blind").text, "/blind") | {"criterion": criterion, "number": str(number)}
    return client.post("/blind", data=fields)


def rated(client, said):
    return client.post(
        "/blind/1/rate", data=form(client.get("/blind/1").text, "/blind/1/rate") | {"said": said}
    )


def closed(client):
    return client.post("/blind/1/close", data=form(client.get("/blind/1").text, "/blind/1/close"))


def take_back(client):
    return client.post("/blind/1/back", data=form(client.get("/blind/1").text, "/blind/1/back"))


def test_a_sample_is_blind_holds_passes_and_tells_the_agreement(out):
    with served(out) as pages, pages.client() as client:
        page = draw(client).text
        assert "1 of 8" in page
        for _ in range(8):
            page = client.get("/blind/1").text
            main = page.partition("<main")[2].partition("</main>")[0]
            assert "def" in main
            assert not any(word in main for word in ("Pupil", MESSAGE, "Lost", "status-line"))
            rated(client, "earned")
        assert "κ" not in client.get("/blind/1").text + client.get("/blind").text
        page = closed(client).text
        assert "κ is 0.00" in page  # whoever passes everybody agrees by chance alone
        assert "a person agrees on 75 %" in page
        assert page.count("earned, says") == 4
        assert client.get("/blind").text.count("κ 0.00") == 1
    assert gradebook_rows(out, "SELECT passed, count(*) FROM review_sampled GROUP BY passed") == [
        (0, 4),
        (1, 4),
    ]
    assert gradebook_rows(out, "SELECT * FROM adjustment") == []


def test_two_tas_and_a_killed_server_lose_no_word(out, tmp_path):
    team = tmp_path / "team.csv"
    team.write_text("name,role\nAnn,head TA\nBen,TA\n")
    with served(out, "--team", team) as pages:
        with pages.client("Ann") as ann, pages.client("Ben") as ben:
            draw(ann)
            same = form(ben.get("/blind/1").text, "/blind/1/rate")
            rated(ann, "earned")
            late = ben.post("/blind/1/rate", data=same | {"said": "not earned"})
            assert "Somebody else has decided on that one" in late.text
            assert ben.post("/blind/1/rate", data=same | {"said": "perhaps"}).status_code == 409
        pages.process.kill()
        pages.process.wait()
    assert gradebook_rows(out, "SELECT said, who FROM review_sampled WHERE said != ''") == [("earned", "Ann")]
    with served(out, "--team", team) as pages, pages.client("Ben") as ben:
        assert "2 of 8" in ben.get("/blind/1").text


def test_a_word_is_taken_back_by_its_owner_until_the_result_is_shown(out, tmp_path):
    team = tmp_path / "team.csv"
    team.write_text("name,role\nAnn,head TA\nBen,TA\n")
    with served(out, "--team", team) as pages, pages.client("Ann") as ann, pages.client("Ben") as ben:
        draw(ann, 4)
        rated(ann, "earned")
        rated(ben, "earned")
        assert "Your last word is taken back" in take_back(ann).text
        assert "no word here" in take_back(ann).text
        rated(ann, "not earned")
        rated(ann, "earned")
        early = form(ann.get("/blind/1").text, "/blind/1/rate")
        assert "κ" not in ann.post("/blind/1/close", data=early).text
        rated(ann, "cannot tell")
        take_back(ann)
        rated(ann, "earned")
        back = form(ben.get("/blind/1").text, "/blind/1/back")
        assert "Decided on" in closed(ann).text
        assert "no word here" in ben.post("/blind/1/back", data=back).text
    said = gradebook_rows(out, "SELECT said, who FROM review_sampled ORDER BY place")
    assert said == [("not earned", "Ann"), ("earned", "Ben"), ("earned", "Ann"), ("earned", "Ann")]


@pytest.mark.parametrize("number", ["1", "201", "x", "9" * 30])
def test_a_number_out_of_range_is_refused(out, number):
    with served(out) as pages, pages.client() as client:
        assert draw(client, number).status_code == 409
        assert client.get(f"/blind/{'9' * 30}").status_code == 404


def test_what_is_undecided_is_not_drawn_and_a_small_part_is_drawn_whole(tmp_path):
    error = {NOISE: {**LOST, "verdict": Verdict.ERROR}}
    grades = {f"p{number}": samples.grade() for number in range(30)}
    grades |= {f"l{number}": samples.grade(changes={NOISE: LOST}) for number in range(2)}
    grades |= {f"e{number}": samples.grade(changes=error) for number in range(5)}
    book = ReviewBook(gradebook(tmp_path / "out", grades))
    try:
        book.draw_sample(NOISE, 10, "ann")
        (sample,) = book.samples()
        assert (sample.passed, sample.lost) == (30, 2)
        assert sorted(each.is_passed for each in sample.drawn) == [False] * 2 + [True] * 8
        with pytest.raises(UsageError, match="nobody was judged"):
            book.draw_sample("no.such", 10, "ann")
    finally:
        book.close()


def test_kappa_is_that_of_the_weighted_class():
    passed, lost = Part(in_class=90, rated=10, agreed=9), Part(in_class=30, rated=10, agreed=7)
    judge = [1] * 10 + [0] * 10
    person = [1] * 9 + [0] + [0] * 7 + [1] * 3
    expected = cohen_kappa_score(judge, person, sample_weight=[9] * 10 + [3] * 10)
    found = agreement(passed, lost)
    assert found.kappa == pytest.approx(expected)
    assert found.share == pytest.approx((90 * 0.9 + 30 * 0.7) / 120)


def test_without_any_disagreement_the_interval_still_has_a_width():
    found = agreement(Part(in_class=50, rated=5, agreed=5), Part(in_class=50, rated=5, agreed=5))
    assert found.kappa == 1
    assert found.interval[0] < 0.75


def test_nothing_is_said_of_a_part_that_nobody_looked_at():
    nobody = Part(in_class=5, rated=0, agreed=0)
    assert agreement(Part(in_class=50, rated=5, agreed=5), nobody) is None
    assert agreement(Part(in_class=50, rated=5, agreed=4), Part(in_class=0, rated=0, agreed=0)).kappa is None


def test_the_interval_holds_the_true_kappa_about_as_often_as_it_says():
    source, held = random.Random(7), 0
    on_passed, on_lost, size = 0.9, 0.8, 10
    truth = agreement(Part(in_class=700, rated=10, agreed=9), Part(in_class=300, rated=10, agreed=8)).kappa
    for _ in range(100):
        counts = [sum(source.random() < p for _ in range(size)) for p in (on_passed, on_lost)]
        found = agreement(
            Part(in_class=700, rated=size, agreed=counts[0]), Part(in_class=300, rated=size, agreed=counts[1])
        )
        held += found.interval[0] <= truth <= found.interval[1]
    assert held >= 90


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_pages_are_accessible_and_keys_work(browser, out, width, scheme):
    with served(out) as pages:
        link = next(iter(pages.links.values()))
        page, trouble = opened(browser, link, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(f"{pages.address}/blind")
        assert violations(page) == []
        page.get_by_label("Criterion").select_option(NOISE)
        page.get_by_label("Hand-ins").fill("4")
        page.get_by_role("button", name="Draw a sample").click()
        for number in range(1, 5):
            page.get_by_text(f"{number} of 4").wait_for()
            page.wait_for_load_state("networkidle")
            assert page.locator("main script, main img, a[href^=javascript]").count() == 0
            assert violations(page) == []
            page.keyboard.press("1" if number % 2 else "2")
        page.get_by_text("All 4 are decided").wait_for()
        page.wait_for_load_state("networkidle")
        page.keyboard.press("u")
        page.get_by_text("4 of 4").wait_for()
        page.wait_for_load_state("networkidle")
        page.keyboard.press("2")
        page.get_by_role("button", name="Show how far").click()
        page.get_by_text("Weighted to the class").wait_for()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
        assert trouble == []

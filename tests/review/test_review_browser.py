"""The review pages in a browser: an evening by keyboard alone, two people at once, hostile words, axe."""

from __future__ import annotations

import pytest
import report_samples as samples
from chromium import violations
from classes import run, save_student
from review_browser import HOSTILE, opened, press
from review_pages import LOST, mistaken, review_class, served

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.model import CodePassage, Listing, Verdict

pytestmark = pytest.mark.browser

NO_NOISE = "No noise is added."
ERROR = {"verdict": Verdict.ERROR, "earned": 0.0, "credit": 0.0, "message": "The judge ran out of memory."}


def finals(out):
    with Gradebook(out) as book:
        return {entry.person.key: entry.mark.final for entry in book.entries()}


@pytest.fixture
def out(tmp_path):
    grades = {f"student{number}": mistaken(sample__noise=NO_NOISE) for number in range(4)}
    grades["errant"] = samples.grade(changes={"sample.quality": ERROR}, provisional=True)
    return review_class(tmp_path / "reports", grades)


def test_an_evening_by_keyboard_alone(browser, out):
    """From the queue through an undecided grade and a group with a comment of the bank, to undo."""
    with served(out) as pages:
        page, trouble = opened(browser, next(iter(pages.links.values())))
        press(page, "n")
        assert "The grader could not decide" in page.inner_text("main")
        press(page, "=")
        page.keyboard.type("6")
        page.keyboard.press("Tab")
        page.keyboard.type("looked at by hand")
        press(page, "Control+Enter")
        assert "sample.quality =6 for one student" in page.inner_text("[role=status]")
        page.get_by_role("button", name="The grade counts as it is now").focus()
        press(page, "Enter")
        assert "The grade counts now" in page.inner_text("[role=status]")

        page.get_by_role("link", name="Comments", exact=True).focus()
        press(page, "Enter")
        page.get_by_label("Criterion").select_option("sample.noise")
        page.get_by_label("Criterion").evaluate("element => element.blur()")
        press(page, "+")
        page.keyboard.type("1")
        page.keyboard.press("Tab")
        page.keyboard.type("half of it is right")
        press(page, "Control+Enter")

        page.goto(f"{pages.address}/criterion/sample.noise")
        press(page, "n", "1")
        assert "sample.noise +1 for 4 students" in page.inner_text("[role=status]")
        assert finals(out) == {"errant": 98, **{f"student{number}": 96 for number in range(4)}}
        press(page, "u")
        assert "Undone" in page.inner_text("[role=status]")
        assert finals(out)["student0"] == 95
        press(page, "v")
        assert "verdict stands for 4 students" in page.inner_text("[role=status]")
        press(page, "?")
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("Escape")
        press(page, "/")
        page.keyboard.type("errant")
        press(page, "Enter")
        assert page.inner_text("h1") == "Errant"
        assert trouble == []
    assert run(out, "list", "--provisional").out == ""


def test_two_browsers_in_conflict(browser, out, tmp_path):
    team = tmp_path / "team.csv"
    team.write_text("name,role\nAnn Alder,head TA\nBen,TA\n")
    with served(out, "--team", team) as pages:
        ann, _ = opened(browser, pages.links["Ann Alder"])
        ben, _ = opened(browser, pages.links["Ben"])
        for page in (ann, ben):
            page.goto(f"{pages.address}/criterion/sample.noise")
        press(ann, "n")
        address = ann.url
        press(ben, "n")
        assert "No other group" in ben.inner_text("[role=status]")
        ben.goto(address)
        assert "Ann Alder is working on this" in ben.inner_text("main")
        for page, points in ((ann, "=3"), (ben, "=1")):
            page.get_by_label("Points").fill(points)
            page.get_by_label("Reason or comment").fill(f"so says {points}")
        press(ann, "Control+Enter")
        press(ben, "Control+Enter")
        assert "nothing was written" in ben.inner_text("h1")
        assert "so says =3" in ben.inner_text("main")
        assert "so says =1" in ben.inner_text("main")
        assert set(finals(out).values()) == {98.0, 92.0}
        ben.get_by_role("button", name="Apply mine as well").click()
        ben.wait_for_load_state("networkidle")
        ben.get_by_text("sample.noise =1 for 4 students").wait_for()
    assert finals(out)["student1"] == 96


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_is_accessible_and_fits_the_screen(browser, out, width, scheme):
    with served(out) as pages:
        link = next(iter(pages.links.values()))
        page, trouble = opened(browser, link, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(f"{pages.address}/criterion/sample.noise")
        press(page, "n")
        paths = ["/", "/criteria", "/criterion/sample.noise", page.url.removeprefix(pages.address)]
        paths += [
            "/students",
            "/student/1?criterion=sample.noise",
            "/comments",
            "/decisions",
            "/item/undecided/5",
            "/release",
        ]
        for path in paths:
            page.goto(pages.address + path)
            page.wait_for_load_state("networkidle")
            assert page.title().endswith("Review"), path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert violations(page) == [], path
        assert trouble == []


def test_hostile_names_code_and_comments_are_only_shown(browser, tmp_path):
    out = review_class(tmp_path / "reports", {"evil": mistaken(sample__noise=HOSTILE)})
    with Gradebook(out) as book:
        passage = CodePassage(criterion="sample.noise", name=HOSTILE, cell=1, first=1, last=2)
        listing = Listing(cells=((1, f"# {HOSTILE}\nx = 1\n"),), passages=(passage,))
        inputs = ResultInputs(notebook="evil", rubric="r2", grader="g", settings="{}")
        changes = {"sample.noise": {**LOST, "message": HOSTILE, "actual": HOSTILE, "misconception": HOSTILE}}
        result = book.add_result(inputs, samples.grade(changes=changes), [listing], readable=True)
        with book.transaction(), book.editing() as directory:
            directory.records[1].name = HOSTILE
        save_student(book, Person(key="evil", name=HOSTILE), label=f"{HOSTILE}.ipynb", result=result)
    run(out, "adjust", "evil", "sample.noise", "--comment", HOSTILE, "--as", HOSTILE)
    with served(out) as pages:
        page, trouble = opened(browser, next(iter(pages.links.values())))
        for path in (
            "/",
            "/criterion/sample.noise",
            "/student/1?criterion=sample.noise",
            "/students",
            "/decisions",
        ):
            page.goto(pages.address + path)
            page.wait_for_load_state("networkidle")
            assert page.locator("main script, main img, a[href^=javascript]").count() == 0, path
        page.goto(f"{pages.address}/criterion/sample.noise")
        press(page, "n")
        assert "<script>alert(1)</script>" in page.inner_text("main")
        assert "49" not in page.inner_text("h1")
        assert trouble == []


def test_a_comment_at_a_clicked_line_reaches_the_students_report(browser, tmp_path):
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise=NO_NOISE)})
    with Gradebook(out) as book:
        passage = CodePassage(criterion="sample.noise", name="sample", cell=3, first=2, last=4)
        listing = Listing(
            cells=((3, "import x\ndef sample():\n    y = 1\n    return y\n"),), passages=(passage,)
        )
        inputs = ResultInputs(notebook="ann", rubric="r2", grader="g", settings="{}")
        grade = mistaken(sample__noise=NO_NOISE)
        result = book.add_result(inputs, grade, [listing], readable=True)
        save_student(book, Person(key="ann", name="Ann"), label="ann.ipynb", result=result)
    with served(out) as pages:
        page, _ = opened(browser, next(iter(pages.links.values())))
        page.goto(f"{pages.address}/student/1?criterion=sample.noise")
        page.get_by_text("return y").click()
        assert page.get_by_label("At line").input_value() == "4"
        page.keyboard.type("why this one?")
        press(page, "Control+Enter")
        assert "why this one?" in page.inner_text("pre.code")
    run(out, "adjust", "ann", "--comment", "thanks")  # which writes the reports
    report = (out / "student" / "ann.html").read_text()
    assert '<span class="remark">why this one?' in report


def test_pages_work_without_the_script(browser, out):
    with served(out) as pages:
        page, _ = opened(browser, next(iter(pages.links.values())), java_script_enabled=False)
        page.get_by_role("button", name="Next").click()
        assert "The grader could not decide" in page.inner_text("main")
        page.get_by_label("Points").fill("=6")
        page.get_by_label("Reason or comment").fill("looked at")
        page.get_by_role("button", name="Apply", exact=True).click()
        assert "sample.quality =6" in page.inner_text("[role=status]")
    assert finals(out)["errant"] == 98

"""Written answers on the review pages: never graded unread, and for everybody who handed one in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from classes import gradebook_rows, run
from conftest import Ran
from person_rubric import essay, person_rubric
from review_pages import Pages, form, served


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Ann and Ben handed in together, and Cleo alone."""
    folder = tmp_path_factory.mktemp("class")
    essay(folder / "class" / "submission_101" / "hw.ipynb", "Nobody knows the question.")
    essay(folder / "class" / "submission_102" / "hw.ipynb", "It is in the book.")
    (folder / "class" / "submission_metadata.yml").write_text(
        "submission_101:\n  :submitters:\n  - :name: Ann Alder\n    :sid: '0011'\n"
        "  - :name: Ben Birch\n    :sid: '0012'\n"
        "submission_102:\n  :submitters:\n  - :name: Cleo Cole\n    :sid: '0013'\n"
    )
    rubric = person_rubric(folder / "rubric")
    return run(folder / "reports", folder / "class", "--rubric", rubric, "--jobs", "1")


@pytest.fixture
def pages(graded: Ran) -> Iterator[Pages]:
    with served(graded.reports) as running:
        yield running


def _points(ran: Ran) -> list[str]:
    lines = run(ran.reports, "list").out.splitlines()
    return [re.search(r"[\d.]+ / 16", line)[0] for line in lines]  # type: ignore[index]


def test_unlike_answers_are_never_graded_as_one(graded: Ran, pages: Pages) -> None:
    with pages.client() as client:
        found = re.findall(r'href="(/criterion/essay\.why/\w{16})"', client.get("/criterion/essay.why").text)
        rows = sorted(len(form(client.get(each).text, "/decide")["row"]) for each in found)
    assert rows == [1, 2]


def test_one_members_verdict_is_the_groups_and_is_undone_as_one(graded: Ran, pages: Pages) -> None:
    with pages.client() as client:
        listed = client.get("/?kind=to-grade").text
        item = re.search(r'href="(/item/to-grade/\d+)"[^>]*><strong>Ben Birch', listed)
        assert item
        fields = form(client.get(item[1]).text, "/decide")
        assert fields["criterion"] == ["essay.why"]
        client.post("/decide", data=fields | {"points": "=3", "because": "Good start."})
        assert _points(graded) == ["13 / 16", "13 / 16", "10 / 16"]
        client.post("/undo", data=form(client.get("/").text, "/undo"))
    assert _points(graded) == ["10 / 16", "10 / 16", "10 / 16"]
    assert "withdraw graded essay.why" in run(graded.reports, "show", "Ann-Alder").out


def test_rubric_items_are_ticked_and_a_refused_verdict_keeps_them(graded: Ran, tmp_path: Path) -> None:
    out = Path(shutil.copytree(graded.reports, tmp_path / "reports"))
    with served(out) as pages, pages.client() as client:
        student = client.get("/students?q=Cleo").url.path + "?criterion=essay.why"
        shown = client.get(student).text
        assert "Mentions the mice" in shown
        fields = form(shown, "/decide") | {"item": ["mice"], "because": "Squeak."}
        run(out, "adjust", "Cleo-Cole", "essay.why", "--comment", "from the terminal")
        refused = client.post("/decide", data=fields)
        assert refused.status_code == 409
        assert f'It may be another answer now: <a href="{student}"' in refused.text
        client.post("/decide", data=form(refused.text, "/decide"))
        assert 'value="mice" checked' in client.get(student).text
        unknown = form(client.get(student).text, "/decide") | {"items": "1", "item": "men"}
        assert "has no item men" in client.post("/decide", data=unknown).text
    assert gradebook_rows(
        out, "SELECT items, points FROM adjustment WHERE kind = 'graded' AND withdrawn IS NULL"
    ) == [('["mice"]', 1)]
    assert "Squeak." in run(out, "show", "Cleo-Cole").out


@pytest.mark.parametrize(
    "button",
    [
        {"apply": "1"},
        {"items": "1", "points": "=1"},
        {"stands": "1", "points": "=9"},
        {"items": "1", "staff": "1"},
        {"stands": "1", "item": "mice"},
    ],
)
def test_what_was_typed_is_not_lost_when_it_does_not_fit(graded: Ran, tmp_path: Path, button) -> None:
    out = Path(shutil.copytree(graded.reports, tmp_path / "reports"))
    with served(out) as pages, pages.client() as client:
        new = form(client.get("/comments").text, "/comments/add")
        client.post("/comments/add", data=new | {"criterion": "essay.why", "text": "of the bank"})
        shown = client.get(client.get("/students?q=Cleo").url.path + "?criterion=essay.why").text
        refused = client.post("/decide", data=form(shown, "/decide") | {"because": "long thoughts"} | button)
    assert refused.status_code == 409
    assert "You wrote: “long thoughts”" in refused.text
    assert gradebook_rows(out, "SELECT * FROM adjustment WHERE withdrawn IS NULL") == []


def test_a_verdict_on_two_who_turn_out_to_be_one_is_undone(graded: Ran, tmp_path: Path) -> None:
    out = Path(shutil.copytree(graded.reports, tmp_path / "reports"))
    with served(out) as pages, pages.client() as client:
        student = client.get("/students?q=Ben").url.path
        fields = form(client.get(f"{student}?criterion=essay.why").text, "/decide")
        client.post("/decide", data=fields | {"points": "=3", "because": "Good start."})
        run(out, "people", "merge", "Ann-Alder", "Ben-Birch", "--because", "two accounts of one student")
        said = client.post("/undo", data=form(client.get("/").text, "/undo"))
        assert "Undone: essay.why =3" in said.text
    assert gradebook_rows(out, "SELECT * FROM adjustment WHERE withdrawn IS NULL") == []


def test_a_decision_on_somebody_who_has_left_the_class_is_undone(graded: Ran, tmp_path: Path) -> None:
    out = Path(shutil.copytree(graded.reports, tmp_path / "reports"))
    with served(out) as pages, pages.client() as client:
        student = client.get("/students?q=Cleo").url.path
        fields = form(client.get(f"{student}?criterion=plot.axes").text, "/decide")
        client.post("/decide", data=fields | {"points": "=1", "because": "One axis."})
        run(out, "people", "remove", "Cleo-Cole", "--because", "left the course")
        said = client.post("/undo", data=form(client.get("/").text, "/undo"))
        assert "Undone: plot.axes =1" in said.text
        assert client.get(student).status_code == 404
    assert gradebook_rows(out, "SELECT * FROM adjustment WHERE withdrawn IS NULL") == []

"""The class page begins with what needs a look: a list for each kind of trouble, the most urgent first."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from classes import gradebook
from report_page import ParsedPage, visible_text
from report_samples import grade, mixed

from grader.classroom.marks import FinalMark
from grader.classroom.pages import classpage
from grader.classroom.pages.attention import FOLDED_AFTER, Attention, ranks
from grader.classroom.people.identity import Identifier
from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.extraction.introspection import notes
from grader.extraction.statements import statements
from grader.notebook.formats import Cell
from grader.notebook.syntax import parse_cell

ERROR = "The grader ran out of memory while it drew the samples of seed 786."  # of ``mixed``


def _entry(key: str, **fields: Any) -> Any:
    """Return a student of whom nothing is to be said but what ``fields`` say."""
    given = {"grade": None, "mark": FinalMark(final=20, possible=100), "inputs": None, "is_late": False}
    nothing = {
        "conflicts": (),
        "matched_by": "identifier",
        "unread_time": "",
        "by_name": (),
        "staff_notes": (),
    }
    given |= {"label": f"{key}.ipynb", "handed_in": None, "adjustments": ()}
    person = Person(key=key, name=key.title())
    return SimpleNamespace(**{"person": person, **given, **nothing, **fields})


def _inputs(rubric: str) -> ResultInputs:
    return ResultInputs(notebook="n", rubric=rubric, grader="g", settings="{}")


def _collected(*entries: Any, refused: tuple[str, ...] = ()) -> dict[str, list[tuple[str, str]]]:
    attention = Attention([50], refused)
    for entry in entries:
        attention.add(entry)
    return {
        each.anchor: [(" ".join(key for key, _ in item.people), item.sentence) for item in each.items]
        for each in attention.lists()
    }


def test_nothing_is_listed_where_nothing_is_wrong():
    assert _collected(_entry("ada", inputs=_inputs("r"))) == {}


def test_every_kind_of_trouble_has_its_list_the_most_urgent_first():
    found = _collected(
        _entry("ada", is_late=True),
        _entry("ben", unread_time="32.13.2026", is_late=True),
        _entry("cyd", matched_by="name", by_name={Identifier("login", "c7")}),
        _entry("dan", conflicts=("They have one login.",)),
        _entry("eve", conflicts=("They have one login.",)),
        _entry("fay", grade=grade(provisional=True, review="It is cut off.")),
        _entry("gus", grade=mixed()),
        refused=("x.pdf was refused",),
    )
    assert list(found.items()) == [
        ("hardly-read", [("fay", "It is cut off.")]),
        ("undecided", [("gus", f"sample.quality: {ERROR}")]),
        ("people-to-check", [("dan eve", "They have one login.")]),
        ("files-not-graded", [("", "x.pdf was refused")]),
        ("unknown-times", [("ben", "“32.13.2026”")]),
        ("unknown-lateness", [("ada", "marked as late")]),
        ("name-matches", [("cyd", "only the name links the submission with login c7")]),
    ]


def test_code_to_ask_about_is_listed_first_with_its_lines():
    asked = notes(statements([parse_cell(Cell(3, "x = 1\nif torch.jit.is_tracing(): x = 2"))])[0])
    found = _collected(
        _entry("ada", grade=grade(notes=("Something else.", *asked))),
        _entry("fay", grade=grade(provisional=True, review="It is cut off.")),
    )
    assert list(found.items()) == [
        ("code-to-ask-about", [("ada", "It uses `is_tracing` (cell 3, line 2).")]),
        ("hardly-read", [("fay", "It is cut off.")]),
    ]


def test_who_alone_has_no_time_of_submission_is_listed_where_there_is_a_due_date():
    entries = [_entry("ada", handed_in=datetime(2026, 3, 1)), _entry("ben"), _entry("cyd", label=None)]

    def anchors(entries: list[Any], *, has_due_date: bool) -> list[str]:
        attention = Attention([], (), has_due_date=has_due_date)
        for entry in entries:
            attention.add(entry)
        return [f"{each.anchor}: {each.items[0].people[0][0]}" for each in attention.lists()]

    assert anchors(entries, has_due_date=True) == ["missing-times: ben"]
    assert anchors(entries, has_due_date=False) == []
    assert anchors(entries[1:], has_due_date=True) == []  # nobody has one, which the terminal says


def test_students_who_were_graded_by_another_rubric_than_most_are_named():
    rubrics = {"ada": "new", "ben": "old", "cyd": "new"}
    found = _collected(*(_entry(key, inputs=_inputs(rubric)) for key, rubric in rubrics.items()))
    assert found == {"mixed-rubrics": [("ben", "by rubric old, most by new")]}


def test_a_student_is_ranked_by_the_most_urgent_list():
    attention = Attention([50], ())
    half = FinalMark(final=50, possible=100)
    attention.add(_entry("ada", matched_by="name", unread_time="soon", mark=half))
    attention.add(_entry("ben", matched_by="name"))
    attention.add(_entry("cyd"))
    lists = attention.lists()
    assert [each.anchor for each in lists] == ["unknown-times", "name-matches", "near-boundaries"]
    assert ranks(lists) == {"ada": 0, "ben": 1}


def _page(out: Path) -> ParsedPage:
    return ParsedPage((out / "index.html").read_text())


def test_the_page_counts_each_list_links_to_it_and_folds_long_ones(tmp_path):
    near = {f"s{n:02}": grade() for n in range(FOLDED_AFTER + 2)}
    out = gradebook(tmp_path / "out", {"bob": mixed(), **near})
    with Gradebook(out) as book:
        book.set_setting("boundaries", [100])
        book.set_setting("refused", ["<b>x</b> was refused"])
        classpage.write_page(book, out)
    page = _page(out)
    text = visible_text(page)
    numbers = "The grader could not decide 1 Files that were not graded 1 Near a grade boundary 12"
    assert f"Needs a look first {numbers}" in text
    assert "2 more S10: 100.0 %, near the grade boundary at 100 %" in text
    anchors = {attributes.get("id") for _, attributes in page.elements}
    links = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")}
    assert {"undecided", "files-not-graded", "near-boundaries"} <= links <= anchors
    assert "<b>x" not in (out / "index.html").read_text()


def test_the_page_lists_who_handed_in_nothing_with_their_number(tmp_path):
    out = gradebook(tmp_path / "out", {"ada": grade(), "eve": None, "fay": None})
    text = visible_text(_page(out))
    assert "Nothing handed in 2 Eve: nothing handed in Fay: nothing handed in" in text
    assert "Needs a look first" not in text

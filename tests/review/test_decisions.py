"""Decisions on the review pages: one action for a group, undone as one, refused when others were faster."""

from __future__ import annotations

import re

import pytest
import report_samples as samples
from classes import gradebook_rows, notebook, run, tiny_rubric
from review_pages import form, mistaken, review_class, served

from grader.classroom.storage.gradebook import Gradebook
from grader.model import Verdict
from grader.review.claims import LASTS

NO_NOISE = "No noise is added."
ALIKE = ("ann", "ben", "cleo")


@pytest.fixture
def out(tmp_path):
    grades = {name: mistaken(sample__noise=NO_NOISE) for name in ALIKE}
    grades["dora"] = mistaken(sample__noise="The noise has half its strength.")
    return review_class(tmp_path / "reports", grades)


@pytest.fixture
def team(tmp_path):
    path = tmp_path / "team.csv"
    path.write_text("name,role\nAnn Alder,head TA\nBen,TA\n")
    return path


def finals(out):
    with Gradebook(out) as book:
        return {entry.person.key: entry.mark.final for entry in book.entries()}


def group_page(client, text=NO_NOISE):
    """Return the address of the page of the group with this message."""
    listed = client.get("/criterion/sample.noise").text
    found = re.search(
        rf'href="(/criterion/sample\.noise/\w+)"[^>]*>(?:(?!</a>).)*{re.escape(text)}', listed, re.DOTALL
    )
    assert found
    return found[1]


def decide(client, page, **fields):
    return client.post("/decide", data=form(client.get(page).text, "/decide") | fields)


def test_one_action_for_a_group_is_in_the_history_of_each(out):
    with served(out) as pages, pages.client() as client:
        said = decide(client, group_page(client), points="=3", because="right but for the last step")
        assert "sample.noise =3 for 3 students" in said.text
    assert finals(out) == {"ann": 98, "ben": 98, "cleo": 98, "dora": 95}
    shown = run(out, "show", "ben").out
    assert f"set sample.noise (group of 3: {NO_NOISE}): 95 → 98" in shown
    assert "right but for the last step" in shown


def test_undo_takes_back_the_whole_group_and_nothing_else(out):
    with served(out) as pages, pages.client() as client:
        page = group_page(client)
        decide(client, group_page(client, "half its strength"), points="+1", because="half of it")
        decide(client, page, points="=3", because="by mistake")
        said = client.post("/undo", data=form(client.get("/").text, "/undo"))
        assert "Undone: sample.noise =3 for 3 students" in said.text
        assert finals(out) == {"ann": 95, "ben": 95, "cleo": 95, "dora": 96}
        assert "Decide for all 3 undecided" in client.get(page).text
    assert "withdraw set sample.noise: 98 → 95" in run(out, "show", "ann").out


def test_a_member_that_was_taken_out_is_not_decided_with_the_group(out):
    with served(out) as pages, pages.client() as client:
        page = group_page(client)
        taken = form(client.get(page).text, "/criterion/sample.noise/split")
        alone = client.post("/criterion/sample.noise/split", data=taken)
        assert "1 student" in alone.text
        assert "Put back" in alone.text
        with Gradebook(out) as book:
            records = {str(entry.person.record): entry.person.key for entry in book.entries()}
        page = next(
            each
            for each in re.findall(
                r"/criterion/sample\.noise/\w{16}", client.get("/criterion/sample.noise").text
            )
            if "2 students" in client.get(each).text
        )
        decide(client, page, points="=3", because="right")
    apart = records[taken["record"][0]]
    assert {key for key, final in finals(out).items() if final == 98} == set(ALIKE) - {apart}


def test_a_stale_decision_changes_nobody_and_shows_both_versions(out, team):
    """Two people open one group; the slower one is refused, whoever of its members has changed."""
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as ann, pages.client("Ben") as ben:
        page = group_page(ann)
        fields = form(ben.get(page).text, "/decide")
        decide(ann, page, points="=3", because="mine was first")
        refused = ben.post("/decide", data=fields | {"points": "=1", "because": "mine was later"})
        assert refused.status_code == 409
        assert "mine was first" in refused.text
        assert "mine was later" in refused.text
        assert finals(out)["ann"] == 98
        again = form(refused.text, "/decide")
        assert again["points"] == ["=1"]
        ben.post("/decide", data=again)
    assert finals(out) == {"ann": 96, "ben": 96, "cleo": 96, "dora": 95}


def test_a_change_by_the_command_line_is_seen_at_once_and_refuses_older_pages(out):
    with served(out) as pages, pages.client() as client:
        page = group_page(client)
        fields = form(client.get(page).text, "/decide")
        run(out, "adjust", "ben", "sample.noise", "+2", "--because", "from the terminal")
        refused = client.post("/decide", data=fields | {"points": "=1", "because": "from the page"})
        assert refused.status_code == 409
        assert "from the terminal" in refused.text
        others = re.findall(r"<form action=\"/decide\".*?</form>", refused.text, re.DOTALL)
        client.post("/decide", data=form(others[-1], "/decide"))
    assert finals(out) == {"ann": 96, "ben": 97, "cleo": 96, "dora": 95}


def test_what_the_pages_decide_the_command_line_undoes_for_one_student(out):
    with served(out) as pages, pages.client() as client:
        decide(client, group_page(client), points="=3", because="right")
        assert run(out, "adjust", "ben", "sample.noise", "--undo", "--because", "no").code == 0
        assert finals(out) == {"ann": 98, "ben": 95, "cleo": 98, "dora": 95}
        client.post("/undo", data=form(client.get("/").text, "/undo"))  # which leaves what was withdrawn
    assert finals(out) == {"ann": 95, "ben": 95, "cleo": 95, "dora": 95}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"points": "=9", "because": "x"}, "worth 0 to 5 points"),
        ({"points": "+2", "because": " "}, "needs a reason"),
        ({"points": "two", "because": "x"}, "must look like"),
        ({"points": "", "because": ""}, "give points, a comment, or both"),
        ({"row": ["1:x"], "points": "+1", "because": "x"}, "nothing was written"),
        ({"row": ["x"], "points": "+1", "because": "x"}, "incomplete"),
        ({"criterion": "no.such", "points": "+1", "because": "x"}, "nothing was written"),
    ],
)
def test_what_does_not_fit_is_refused_for_the_whole_group(out, fields, says):
    with served(out) as pages, pages.client() as client:
        refused = decide(client, group_page(client), **fields)
        assert refused.status_code == 409
        assert says.lower() in refused.text.lower()
    assert set(finals(out).values()) == {95}
    assert gradebook_rows(out, "SELECT * FROM adjustment") == []


def test_a_killed_server_loses_nothing(out):
    with served(out) as pages:
        with pages.client() as client:
            decide(client, group_page(client), points="=3", because="right")
        pages.process.kill()
        pages.process.wait()
    with served(out) as pages, pages.client() as client:
        assert finals(out)["ann"] == 98
        said = client.post("/undo", data=form(client.get("/").text, "/undo"))
        assert "Undone" in said.text
    assert finals(out)["ann"] == 95


def test_next_gives_no_item_to_two_people(tmp_path, team):
    errors = {
        "sample.quality": {"verdict": Verdict.ERROR, "earned": 0.0, "credit": 0.0, "message": "No memory."}
    }
    grades = {f"student{number}": samples.grade(changes=errors, provisional=True) for number in range(6)}
    out = review_class(tmp_path / "reports", grades)
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as ann, pages.client("Ben") as ben:
        given = []
        for client in (ann, ben) * 3:
            fields = form(client.get("/").text, "/next")
            given.append(client.post("/next", data=fields).url.path)
        assert len(set(given)) == 6
        assert f"{'Ann Alder'} is working on this" in ben.get(given[0]).text


def test_a_claim_ends_when_its_owner_is_gone(out, team):
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as ann, pages.client("Ben") as ben:
        page = group_page(ann)
        ann.get(page)
        assert "Ann Alder is working on this" in ben.get(page).text
        rows = "UPDATE review_claim SET at = at - ?"
        with Gradebook(out) as book:
            book._rows(rows, LASTS + 1)
        assert "You are working on this" in ben.get(page).text


def test_a_verdict_that_stands_settles_the_group_until_it_changes(out):
    with served(out) as pages, pages.client() as client:
        page = group_page(client)
        fields = form(client.get(page).text, "/decide")
        client.post("/decide", data=fields | {"stands": "1"})
        assert set(finals(out).values()) == {95}
        assert "decided" in client.get("/criterion/sample.noise").text
        run(out, "adjust", "ben", "sample.noise", "+2", "--because", "from the terminal")
        assert "Decide for Ben" in client.get(page).text


def test_a_comment_of_the_bank_is_applied_by_its_button_and_reworded_everywhere(out):
    with served(out) as pages, pages.client() as client:
        new = form(client.get("/comments").text, "/comments/add")
        client.post(
            "/comments/add", data=new | {"criterion": "sample.noise", "points": "+1", "text": "half rihgt"}
        )
        page = group_page(client)
        shown = client.get(page).text
        assert 'data-key="1"' in shown
        client.post("/decide", data=form(shown, "/decide") | {"apply": "1", "points": "", "because": ""})
        assert finals(out)["cleo"] == 96
        old = form(client.get("/comments").text, "/comments/1")
        client.post("/comments/1", data=old | {"text": "half right", "points": "+1", "everywhere": "1"})
        stale = client.post("/comments/1", data=old | {"text": "half wrong", "points": "+1"})
        assert stale.status_code == 409
        assert "it is now “half right”" in stale.text
        run(out, "adjust", "dora", "--comment", "from the terminal")
        shown = client.get(page).text
        assert "half right" in shown
        assert "half rihgt" not in shown
        assert shown.count("decided</span>") == 3
    shown = run(out, "show", "cleo").out
    assert "+1  Fresh noise is added at every step but the last: half right" in shown
    assert "reword sample.noise: half rihgt → half right" in shown


def test_enter_in_the_points_applies_them_and_no_comment_of_the_bank(out):
    """Browsers press the first button of a form."""
    with served(out) as pages, pages.client() as client:
        new = form(client.get("/comments").text, "/comments/add")
        client.post("/comments/add", data=new | {"criterion": "sample.noise", "points": "+1", "text": "half"})
        shown = client.get("/student/1?criterion=sample.noise").text
        decision = shown[shown.index('<form action="/decide"') :]
        assert 'name="apply"' in decision
        first = re.search(r"<button[^>]*>", decision)
        assert first
        assert "name=" not in first[0]


def test_a_refused_comment_keeps_its_line_when_it_is_sent_again(out):
    with served(out) as pages, pages.client() as client:
        fields = form(client.get("/student/1?criterion=sample.noise").text, "/decide")
        fields |= {"because": "look here", "cell": "2", "line": "9"}
        run(out, "adjust", "ann", "sample.noise", "+2", "--because", "from the terminal")
        refused = client.post("/decide", data=fields)
        assert refused.status_code == 409
        client.post("/decide", data=form(refused.text, "/decide"))
    places = gradebook_rows(out, "SELECT place FROM adjustment WHERE because = 'look here'")
    assert places == [("2:9",)]


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/undo", {"action": "last"}),
        ("/undo", {"action": "9" * 30}),
        ("/criterion/sample.noise/split", {"record": "ann"}),
        (
            "/decide",
            {"criterion": "sample.noise", "because": "x", "cell": "1", "line": "9" * 5000, "row": "1:x"},
        ),
    ],
)
def test_a_form_with_other_fields_than_ours_is_answered_in_a_sentence(out, address, fields):
    with served(out) as pages, pages.client() as client:
        own = form(client.get("/").text, "/undo")
        assert client.post(address, data=own | fields).status_code == 409


def test_hidden_names_are_on_no_page(out):
    with served(out) as pages, pages.client() as client:
        hide = form(client.get("/").text, "/preference")
        client.post("/preference", data=hide)
        for path in ("/", "/students", "/student/1", "/criterion/sample.noise", group_page(client)):
            text = client.get(path).text
            assert not any(name.title() in text.replace("Alder", "") for name in ("cleo", "dora")), path
        client.post("/preference", data=hide)
        assert "Cleo" in client.get("/students").text


def test_decisions_on_items_name_nobody_while_names_are_hidden(tmp_path):
    grades = {"cleo": samples.grade(provisional=True), "dora": samples.grade(provisional=True)}
    out = review_class(tmp_path / "reports", grades)
    run(out, "adjust", "dora", "--note", "ask her")
    with served(out) as pages, pages.client() as client:
        client.post("/preference", data=form(client.get("/").text, "/preference"))
        for item in ("/item/undecided/1", "/item/staff-notes/2"):
            client.post(f"{item}/settle", data=form(client.get(item).text, f"{item}/settle"))
        decided = client.get("/decisions").text
        undone = client.post("/undo", data=form(decided, "/undo")).text
        for text in (decided, undone):
            assert "Cleo" not in text
            assert "Dora" not in text
        assert re.search(r"provisional grade of Student \d+ counts", decided)
        client.post("/preference", data=form(client.get("/").text, "/preference"))
        assert "provisional grade of Cleo counts: looked at by hand" in client.get("/decisions").text


def test_new_words_everywhere_bring_back_nothing_that_was_settled(tmp_path):
    """The item near a boundary is about the criterion that the comment is on."""
    out = review_class(tmp_path / "reports", {"ann": mistaken(sample__noise=NO_NOISE)})
    with Gradebook(out) as book:
        book.set_setting("boundaries", [95])
    with served(out) as pages, pages.client() as client:
        new = form(client.get("/comments").text, "/comments/add")
        client.post("/comments/add", data=new | {"criterion": "sample.noise", "points": "", "text": "rihgt"})
        page = client.get("/student/1?criterion=sample.noise").text
        client.post("/decide", data=form(page, "/decide") | {"apply": "1"})
        near = client.get("/item/near-boundaries/1").text
        client.post("/item/near-boundaries/1/settle", data=form(near, "/item/near-boundaries/1/settle"))
        assert "0 items wait" in client.get("/").text
        old = form(client.get("/comments").text, "/comments/1")
        client.post("/comments/1", data=old | {"text": "right", "points": "", "everywhere": "1"})
        assert "right" in client.get("/student/1?criterion=sample.noise").text
        assert "0 items wait" in client.get("/").text


def test_only_a_head_ta_undoes_what_others_decided(out, team):
    with served(out, "--team", team) as pages, pages.client("Ann Alder") as ann, pages.client("Ben") as ben:
        decide(ann, group_page(ann), points="=3", because="right")
        own = form(ben.get("/").text, "/undo")
        assert ben.post("/undo", data=own | {"action": "1"}).status_code == 403
        assert finals(out)["ann"] == 98
        decide(ben, group_page(ben, "half its strength"), points="=3", because="right")
        own = form(ann.get("/").text, "/undo")
        assert ann.post("/undo", data=own | {"action": "2"}).status_code == 200
        assert finals(out)["dora"] == 95


def test_undo_reaches_the_members_of_a_team_whose_name_the_decision_was_on(tmp_path):
    """The worksheet that names the members came after the decision."""
    out, rubric = tmp_path / "reports", tiny_rubric(tmp_path / "rubric")
    notebook(tmp_path / "class" / "Team Red_0_assignsubmission_file_" / "hw.ipynb", "answer = 5")
    run(out, tmp_path / "class", "--rubric", rubric)
    with served(out) as pages, pages.client() as client:
        decide(client, "/student/1?criterion=answer.right", points="=4", because="nearly")
    assert finals(out) == {"Team-Red": 6}
    roster = tmp_path / "worksheet.csv"
    roster.write_text(
        "Identifier,Full name,Email address,Status,Group,Grade,Last modified (grade)\n"
        "Participant 10,Ann Alder,aa@uni.example,Submitted,Team Red,,-\n"
        "Participant 11,Ben Birch,bb@uni.example,Submitted,Team Red,,-\n"
    )
    run(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    assert finals(out) == {"Ann-Alder": 6, "Ben-Birch": 6}
    with served(out) as pages, pages.client() as client:
        client.post("/undo", data=form(client.get("/").text, "/undo"))
    assert finals(out) == {"Ann-Alder": 2, "Ben-Birch": 2}

"""Requests for regrade: entered by page, command or table, answered once, undone, and read in the edition."""

from __future__ import annotations

import re
import time

import pytest
import report_samples as samples
from chromium import violations
from classes import gradebook, gradebook_rows, notebook, run, tiny_rubric, write_class
from review_browser import HOSTILE, opened, press
from review_pages import form, mistaken, review_class, served

from grader.classroom.people.directory import ROSTER, Conflict
from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.timing.deadlines import ZONE
from grader.review.book import ReviewBook
from grader.review.queue import waiting
from grader.review.team import TA

ASKED = "I do add noise, in line 12."


@pytest.fixture
def out(tmp_path):
    grades = {name: mistaken(sample__noise="No noise is added.") for name in ("ann", "ben")}
    return review_class(tmp_path / "reports", grades)


@pytest.fixture
def team(tmp_path):
    path = tmp_path / "team.csv"
    path.write_text("name,role\nAnn Alder,head TA\nBen,TA\n")
    return path


@pytest.fixture
def asked(out):
    """A class in which Ann has asked about the noise."""
    added = run(out, "requests", "add", "ann", "sample.noise", "--text", ASKED, "--due", "2026-03-09")
    assert (added.code, added.out) == (0, "Request 1 is entered.\n")
    return out


def states(out):
    """Return the state of each request by its number, as the command lists them."""
    listed = run(out, "requests", "--all").out.splitlines()
    return {int(row.split()[0]): re.split(r"[\s,]+", row.strip())[1] for row in listed}


def points(out, key="ann"):
    with Gradebook(out) as book:
        return book.entry(key).mark.final


def answer(client, **fields):
    return client.post("/decide", data=form(client.get("/request/1").text, "/decide") | fields)


def test_an_answer_on_the_page_is_in_the_history_and_in_the_edition(asked):
    with served(asked) as pages, pages.client() as client:
        queue = client.get("/").text
        assert "Requests for regrade" in queue
        assert ASKED in queue
        page = client.get("/request/1").text
        assert ASKED in page
        assert "No noise is added." in page
        said = answer(client, points="=4", because="Line 12 adds it.")
        assert "sample.noise =4 for one student on request 1: Line 12 adds it." in said.text
        assert "Line 12 adds it." in client.get("/request/1").text
        assert ASKED not in client.get("/").text
    assert states(asked) == {1: "answered"}
    assert points(asked) == 99
    history = run(asked, "show", "ann").out
    assert f"request 1 on sample.noise: nothing → open  ({ASKED})" in history
    assert "request 1 on sample.noise: open → answered  (Line 12 adds it.)" in history
    run(asked, "adjust", "ann", "--comment", "thanks")  # which writes the reports
    edition = (asked / "student" / "ann.html").read_text()
    assert re.search(r"On your request of \d{4}-\d\d-\d\d: Line 12 adds it\.", edition)


def test_an_answer_that_changes_no_points_reaches_the_student_too(asked):
    ran = run(asked, "requests", "answer", "1", "--because", "Line 12 is never reached.", "--as", "Ben")
    assert ran.out == "Request 1 is answered. ann: 95 → 95\n"
    assert "Line 12 is never reached." in (asked / "student" / "ann.html").read_text()


def test_undo_takes_the_answer_back_and_the_request_waits_again(asked):
    with served(asked) as pages, pages.client() as client:
        answer(client, points="=4", because="Line 12 adds it.")
        client.post("/undo", data=form(client.get("/").text, "/undo"))
        assert ASKED in client.get("/").text
    assert states(asked) == {1: "overdue"}
    assert points(asked) == 95
    assert "request 1 on sample.noise: answered → open  (undone)" in run(asked, "show", "ann").out


@pytest.mark.parametrize(
    "fields", [{"because": " "}, {"because": "no", "staff": "1"}, {"stands": "1", "because": ""}]
)
def test_a_request_is_not_answered_without_words_for_the_student(asked, fields):
    with served(asked) as pages, pages.client() as client:
        assert answer(client, **fields).status_code == 409
    assert states(asked) == {1: "overdue"}
    assert gradebook_rows(asked, "SELECT * FROM adjustment") == []


def test_of_two_tas_the_second_sees_what_the_first_has_written(asked, team):
    with (
        served(asked, "--team", team) as pages,
        pages.client("Ann Alder") as ann,
        pages.client("Ben") as ben,
    ):
        assert "Ann Alder is working on this" not in ann.get("/request/1").text
        late = form(ben.get("/request/1").text, "/decide")
        assert "Ann Alder is working on this" in ben.get("/request/1").text
        closing = form(ben.get("/request/1").text, "/request/1/lead")
        answer(ann, points="=3", because="mine was first")
        refused = ben.post("/decide", data=late | {"points": "=1", "because": "mine was later"})
        assert refused.status_code == 409
        assert "is answered now (Ann Alder: mine was first)" in refused.text
        assert "You wrote: “mine was later”" in refused.text
        closed = ben.post("/request/1/lead", data=closing | {"state": "closed", "why": "no"})
        assert closed.status_code == 409
    assert points(asked) == 98
    assert states(asked) == {1: "answered"}


def test_an_escalated_request_is_answered_by_a_head_ta_alone(asked, team):
    with (
        served(asked, "--team", team) as pages,
        pages.client("Ann Alder") as head,
        pages.client("Ben") as ta,
    ):
        page = ta.get("/request/1").text
        old = form(page, "/decide")
        ta.post("/request/1/lead", data=form(page, "/request/1/lead") | {"state": "escalated", "why": "hard"})
        assert "0 items wait" in ta.get("/").text
        assert "A head TA answers this." in ta.get("/request/1").text
        assert ta.post("/decide", data=old | {"points": "=4", "because": "I do it"}).status_code == 403
        lead = form(head.get("/request/1").text, "/request/1/lead")
        assert (
            ta.post("/request/1/lead", data=lead | {"state": "closed", "why": "I do it"}).status_code == 403
        )
        assert "Waits for a head TA." in head.get("/").text
        answer(head, points="=4", because="Right.")
    assert points(asked) == 99


@pytest.mark.parametrize("crossed", ["row", "rows", "criterion"])
def test_an_answer_goes_to_nobody_but_who_asked(asked, crossed):
    run(asked, "requests", "add", "ben", "sample.quality", "--text", "And mine?")
    with served(asked) as pages, pages.client() as client:
        own = form(client.get("/request/1").text, "/decide")
        bens = form(client.get("/student/2?criterion=sample.noise").text, "/decide")
        other = form(client.get("/student/1?criterion=sample.quality").text, "/decide")
        fields = {
            "row": {"row": bens["row"]},
            "rows": {"row": own["row"] + bens["row"]},
            "criterion": {"row": other["row"], "criterion": "sample.quality"},
        }[crossed]
        refused = client.post("/decide", data=own | fields | {"because": "not yours"})
        assert refused.status_code == 409
        assert "its own student and criterion" in refused.text
    assert states(asked) == {1: "overdue", 2: "open"}
    assert gradebook_rows(asked, "SELECT * FROM adjustment") == []


def test_states_lead_to_each_other_and_nowhere_else(asked):
    assert run(asked, "requests", "reopen", "1", "--because", "x").code == 2
    assert run(asked, "requests", "close", "1").code == 2
    assert run(asked, "requests", "close", "1", "--because", "withdrawn").out == "Request 1 is closed.\n"
    assert run(asked, "requests", "escalate", "1", "--because", "x").code == 2
    assert run(asked, "requests", "answer", "1", "--because", "x").code == 2
    assert gradebook_rows(asked, "SELECT * FROM adjustment") == []
    assert run(asked, "requests", "reopen", "1", "--because", "after all").code == 0
    assert run(asked, "requests").out.startswith("   1  overdue, due 2026-03-09")


def test_a_killed_server_loses_no_request(asked):
    with served(asked) as pages:
        with pages.client() as client:
            new = form(client.get("/requests").text, "/requests/add")
            new |= {"student": "ben1", "criterion": "total", "text": "please look again"}
            assert client.post("/requests/add", data=new).url.path == "/request/2"
            answer(client, points="=4", because="Right.")
        pages.process.kill()
        pages.process.wait()
    assert states(asked) == {1: "answered", 2: "open"}
    assert points(asked) == 99


def test_a_request_about_the_whole_grade_is_answered_with_points_of_the_total(out):
    run(out, "requests", "add", "ann", "total", "--text", "The talk was not counted.")
    with served(out) as pages, pages.client() as client:
        answer(client, points="+2", because="The talk.")
    assert points(out) == 97
    assert states(out) == {1: "answered"}


FORM = (
    "Timestamp,Email Address,Which criterion do you ask about?,Please explain why\n"
    "2026-03-02 10:00,ann@x.edu,sample.noise,I do add noise\n"
    "2026-03-02 11:00,ben@x.edu,Fresh noise is added at every step but the last,Me too\n"
    "2026-03-02 12:00,zoe@x.edu,sample.noise,Who am I?\n"
    "2026-03-02 13:00,ann@x.edu,no.such,Hm\n"
    "2026-03-02 14:00,ann@x.edu,sample.quality — samples,=HYPERLINK(1)\n"
)


@pytest.fixture
def by_email(tmp_path):
    grades = {name: mistaken(sample__noise="No noise is added.") for name in ("ann", "ben")}
    people = {
        key: Person(key=key, name=key.title(), ids={"email": f"{key}@x.edu", "login": f"{key}1"})
        for key in grades
    }
    return gradebook(tmp_path / "reports", dict(grades), people)


def test_a_table_of_a_form_is_read_once_and_what_is_in_doubt_is_left_out(by_email, tmp_path):
    path = tmp_path / "form.csv"
    path.write_text(FORM)
    ran = run(by_email, "requests", "read", path, "--due", "2099-03-09")
    assert ran.code == 1
    assert ran.out.startswith("3 requests entered.\n")
    assert "Left out, line 4: zoe@x.edu is nobody in the class." in ran.out
    assert "Left out, line 5: 'no.such' is no criterion that ann was graded on" in ran.out
    assert run(by_email, "requests", "read", path).out.startswith("0 requests entered, 3 were entered before")
    listed = run(by_email, "requests").out
    assert "ben  sample.noise: Me too" in listed
    assert "open, due 2099-03-09    ann  sample.quality: =HYPERLINK(1)" in listed


def test_a_table_is_read_on_the_page(by_email):
    with served(by_email) as pages, pages.client() as client:
        own = form(client.get("/requests").text, "/requests/read")
        said = client.post("/requests/read", data=own, files={"file": ("form.csv", FORM.encode())}).text
        assert "3 requests entered." in said
        assert "line 4: zoe@x.edu is nobody in the class" in said
        none = client.post("/requests/read", data=own, files={"file": ("no.csv", b"a,b\n1,2\n")})
        assert none.status_code == 409
        assert "no.csv does not say whose the requests are" in none.text.lower()
        assert "/tmp" not in none.text


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("name,criterion,text", "Ann,sample.noise,x", "only the name connects Ann with ann"),
        ("email,login,criterion,text", "ann@x.edu,ben1,sample.noise,x", "two students"),
        ("email,criterion,text", "ann@x.edu,sample.noise,", "has no words"),
        ("email,criterion,text,deadline", "ann@x.edu,sample.noise,x,01/02/2026", "due date looks like"),
    ],
)
def test_a_row_in_doubt_is_left_out_with_its_line(by_email, tmp_path, header, row, says):
    path = tmp_path / "form.csv"
    path.write_text(f"{header}\n{row}\n")
    ran = run(by_email, "requests", "read", path)
    assert ran.code == 1
    assert "0 requests entered" in ran.out
    assert says in ran.out
    assert "nothing was written" not in ran.out


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("criterion,text", "whose the requests are"),
        ("email,text", "no column for the criterion"),
        ("email,criterion,x", "no column for the words"),
        ("email,first part,second part,text", "two columns for one thing"),
    ],
)
def test_a_table_without_a_column_is_refused(by_email, tmp_path, header, says):
    path = tmp_path / "form.csv"
    path.write_text(f"{header}\n{','.join('x' * len(header.split(',')))}\n")
    refused = run(by_email, "requests", "read", path)
    assert refused.code == 2
    assert says in refused.err


def test_names_and_headers_can_be_confirmed(by_email, tmp_path):
    path = tmp_path / "form.csv"
    path.write_text("name,q1,q2\nAnn,sample.noise,please\n")
    options = ("--criterion-column", "q1", "--text-column", "q2", "--confirm-names")
    assert run(by_email, "requests", "read", path, *options).out == "1 requests entered.\n"


def test_what_is_due_first_comes_first(out):
    run(out, "requests", "add", "ann", "total", "--text", "no hurry")
    run(out, "requests", "add", "ben", "total", "--text", "later", "--due", "2099-03-10")
    run(out, "requests", "add", "ben", "total", "--text", "sooner", "--due", "2099-03-09T12:00")
    book = ReviewBook(out)
    try:
        names = [item.name for item in waiting(book, TA(name="ta", is_head=False))]
    finally:
        book.close()
    assert names == ["request:3", "request:2", "request:1"]


def test_the_hand_in_is_judged_again_on_a_click_and_the_grade_stays(tmp_path):
    out = tmp_path / "reports"
    folder = write_class(tmp_path / "in", ann=41)
    assert run(out, folder, "--rubric", tiny_rubric(tmp_path / "rubric")).code == 0
    run(out, "requests", "add", "ann", "answer.right", "--text", "41 is near enough")
    with served(out) as pages, pages.client() as client:
        fields = form(client.get("/request/1").text, "/request/1/again")
        begun = client.post("/request/1/again", data=fields).text
        assert "The hand-in is being judged." in begun
        deadline = time.monotonic() + 120
        while "Every verdict came out again." not in (page := client.get("/request/1").text):
            assert time.monotonic() < deadline, page
            time.sleep(0.3)
        assert "Judged then: 2 / 10, now: 2 / 10" in page
        assert "Off by one" in client.get("/request/1/report").text or "not 42" in page
    assert points(out) == 2
    assert "judged again: Judged then: 2 / 10" in run(out, "requests", "show", "1").out


def test_the_requests_of_a_team_go_to_its_members_when_a_worksheet_names_them(tmp_path):
    out, rubric = tmp_path / "reports", tiny_rubric(tmp_path / "rubric")
    notebook(tmp_path / "class" / "Team Red_0_assignsubmission_file_" / "hw.ipynb", "answer = 5")
    run(out, tmp_path / "class", "--rubric", rubric)
    for text in ("5 is near enough", "and the total?"):
        run(out, "requests", "add", "Team-Red", "answer.right", "--text", text)
    run(out, "requests", "answer", "2", "--points", "=4", "--because", "nearly")
    roster = tmp_path / "worksheet.csv"
    roster.write_text(
        "Identifier,Full name,Email address,Status,Group,Grade,Last modified (grade)\n"
        "Participant 10,Ann Alder,aa@uni.example,Submitted,Team Red,,-\n"
        "Participant 11,Ben Birch,bb@uni.example,Submitted,Team Red,,-\n"
    )
    run(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    listed = run(out, "requests", "--all").out
    for key in ("Ann-Alder", "Ben-Birch"):
        assert f"{key}  answer.right: 5 is near enough" in listed
        assert points(out, key) == 6
        assert "request 3 on answer.right of the group" in run(out, "show", "Ann-Alder").out
    assert states(out) == {3: "open", 4: "open", 5: "answered", 6: "answered"}
    with served(out) as pages, pages.client() as client:
        client.post("/undo", data=form(client.get("/").text, "/undo"))
    assert states(out) == dict.fromkeys((3, 4, 5, 6), "open")


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("Email Address,email", "ann@x.edu,ben@x.edu", "identifiers of two students"),
        ("Username,email", "ann@x.edu,ben@x.edu", "identifiers of two students"),
        ("name,email", "Ben,ann@x.edu", "ann@x.edu is that of ann, but Ben is the name of ben"),
    ],
)
def test_a_row_that_names_two_people_is_nobodys(by_email, tmp_path, header, row, says):
    path = tmp_path / "form.csv"
    path.write_text(f"{header},criterion,text\n{row},total,x\n")
    ran = run(by_email, "requests", "read", path)
    assert ran.out.startswith("0 requests entered.\nLeft out, line 2")
    assert says in ran.out


def test_an_address_that_the_class_does_not_know_and_a_nickname_are_no_doubt(by_email, tmp_path):
    path = tmp_path / "form.csv"
    path.write_text("Email Address,email,name,criterion,text\na@mail.example,Ann@x.edu,Annie,total,x\n")
    assert run(by_email, "requests", "read", path).out == "1 requests entered.\n"


def test_one_answer_of_a_megabyte_costs_nobody_else_the_request(by_email, tmp_path):
    path = tmp_path / "form.csv"
    path.write_text(f"email,criterion,text\nann@x.edu,total,{'x' * 1_000_000}\nben@x.edu,total,short\n")
    for says in ("2 requests entered", "0 requests entered, 2 were entered before"):
        assert run(by_email, "requests", "read", path).out.startswith(says)
    (long,), (short,) = gradebook_rows(by_email, "SELECT text FROM review_request ORDER BY id")
    assert (len(long), long[-6:], short) == (4000, "xx […]", "short")


def test_times_of_a_table_are_in_the_zone_of_the_course(by_email, tmp_path):
    with Gradebook(by_email) as book:
        book.set_setting(ZONE, "Pacific/Honolulu")
    path = tmp_path / "form.csv"
    path.write_text(
        "email,criterion,text,due\nann@x.edu,total,x,2099-03-09T12:00\nben@x.edu,total,x,9999-12-31\n"
    )
    ran = run(by_email, "requests", "read", path)
    assert "line 3: no homework is due at 9999-12-31" in ran.out
    assert gradebook_rows(by_email, "SELECT due FROM review_request") == [("2099-03-09T12:00:00-10:00",)]


def test_no_sentence_names_anybody_while_names_are_hidden(tmp_path):
    """Two namesakes in contradiction, a student who signs, a history, and a note by staff."""
    grades = {key: mistaken(sample__noise="No noise is added.") for key in ("annabel", "benjamin")}
    out = review_class(tmp_path / "reports", grades)
    with Gradebook(out) as book, book.transaction(), book.editing() as directory:
        sentence = "login annabel1 is given both to Annabel (annabel) and Benjamin (benjamin)"
        directory.conflicts.append(Conflict(record=1, others=(2,), origin=ROSTER, sentence=sentence))
    run(out, "adjust", "annabel", "--note", "ask Benjamin")
    run(out, "requests", "add", "annabel", "total", "--text", "Look again, yours Annabel")
    addresses = ("/", "/requests", "/request/1", "/student/1", "/student/2", "/item/people-to-check/1")
    with served(out) as pages, pages.client() as client:
        assert "Benjamin" in client.get("/student/1").text
        client.post("/preference", data=form(client.get("/").text, "/preference"))
        for address in addresses:
            text = client.get(address).text
            assert not re.search("annabel|benjamin", text, re.IGNORECASE), address
        assert "Look again, yours [name hidden]" in client.get("/request/1").text
        new = form(client.get("/requests").text, "/requests/add")
        added = client.post(
            "/requests/add", data=new | {"student": "annabel", "criterion": "total", "text": "x"}
        )
        read = client.post("/requests/read", data=new, files={"file": ("form.csv", FORM.encode())})
        for refused in (added, read):
            assert refused.status_code == 409
            assert "choose “Show names” first" in refused.text
    assert states(out) == {1: "open"}


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_pages_are_accessible_with_hostile_words(browser, tmp_path, width, scheme):
    out = review_class(tmp_path / "reports", {"evil": samples.hostile(HOSTILE)})
    for criterion in ("schedule.betas", "total"):
        run(out, "requests", "add", "evil", criterion, "--text", HOSTILE, "--as", HOSTILE)
    with served(out) as pages:
        link = next(iter(pages.links.values()))
        page, trouble = opened(browser, link, viewport={"width": width, "height": 800}, color_scheme=scheme)
        for path in ("/", "/requests", "/request/1", "/request/2", "/student/1", "/release"):
            page.goto(pages.address + path)
            page.wait_for_load_state("networkidle")
            assert page.locator("main script, main img, a[href^=javascript]").count() == 0, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert violations(page) == [], path
            for field in page.locator("main form input:visible, main form select:visible").all():
                box, around = field.bounding_box(), field.locator("xpath=ancestor::form").bounding_box()
                assert box["x"] + box["width"] <= around["x"] + around["width"], (path, box, around)
        assert trouble == []


@pytest.mark.browser
def test_a_request_is_answered_by_keyboard_alone(browser, asked):
    with served(asked) as pages:
        page, trouble = opened(browser, next(iter(pages.links.values())))
        press(page, "n", "=")
        page.keyboard.type("4")
        page.keyboard.press("Tab")
        page.keyboard.type("Line 12 adds it.")
        press(page, "Control+Enter")
        assert "on request 1" in page.inner_text("[role=status]")
        assert trouble == []
    assert points(asked) == 99

"""Who may open the review pages, and which requests they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from review_pages import form, mistaken, review_class, served

from grader.commands.review import main
from grader.errors import UsageError
from grader.review.access import Access, proxy_origin
from grader.review.pages import routes
from grader.review.team import TA, read_team


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    team = folder / "team.csv"
    team.write_text("name,role\nAnn Alder,head TA\nBen,TA\n")
    out = review_class(folder / "reports", {"noor": mistaken(sample__noise="No noise is added.")})
    with served(out, "--team", team) as running:
        yield running


def test_a_link_sets_a_cookie_and_leaves_the_address(pages):
    with httpx.Client(base_url=pages.address) as client:
        entered = client.get(pages.links["Ben"])
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert 'content="0;url=/"' in entered.text
        assert "token" not in entered.text
        assert "Ben, TA" in client.get("/").text


def test_without_a_link_no_page_answers(pages):
    with httpx.Client(base_url=pages.address, headers={"origin": pages.address}) as client:
        for route in routes():
            path = route.path.replace("{record:int}", "1").replace("{result:int}", "1")
            path = path.replace("{exercise:int}", "1").replace("{id:int}", "1").replace("{kind}", "undecided")
            path = path.replace("{criterion}", "sample.noise").replace("{group}", "x")
            method = next(iter(route.methods - {"HEAD"}))
            assert client.request(method, path).status_code == 403, path


def test_a_link_that_was_not_given_opens_nothing(pages):
    with httpx.Client(base_url=pages.address) as client:
        assert client.get("/enter?token=" + "0" * 40).status_code == 403
        client.cookies.set("grade-review", "0" * 40)
        assert client.get("/").status_code == 403


def test_another_name_for_this_machine_is_refused(pages):
    """A page elsewhere may point its own name at 127.0.0.1."""
    with pages.client() as client:
        assert client.get("/", headers={"host": "evil.example:80"}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_form_from_elsewhere_changes_nothing(pages, origin):
    with pages.client() as client:
        fields = form(client.get("/").text, "/preference")
        refused = client.post("/preference", data=fields, headers={"origin": origin})
        assert refused.status_code == 403
        assert "Hide names" in client.get("/").text


def test_a_form_needs_the_token_of_its_own_ta(pages):
    with pages.client("Ann Alder") as ann, pages.client("Ben") as ben:
        anns = form(ann.get("/").text, "/preference")
        assert ben.post("/preference", data=anns).status_code == 403
        assert ben.post("/preference", data={"name": "hide names"}).status_code == 403


def test_every_answer_forbids_scripts_of_others(pages):
    with pages.client() as client:
        for path in ("/", "/criteria", "/nowhere", "/static/review.js"):
            policy = client.get(path).headers["content-security-policy"]
            assert "script-src 'self'" in policy
            assert "'unsafe-eval'" not in policy
            assert "default-src 'none'" in policy
        report = client.get("/student/1/report")
        assert report.headers["content-security-policy"].startswith("sandbox;")
        assert "script" not in report.headers["content-security-policy"]


def test_an_address_that_is_too_long_is_refused(pages):
    with pages.client() as client:
        assert client.get("/student/" + "9" * 5000).status_code == 414


def test_a_link_that_opened_the_browser_opens_it_once():
    """It stands in the list of processes, which others on this machine can read."""
    team = (TA(name="Ann", is_head=True),)
    access = Access(b"secret", team, 8642)
    _, _, token = access.link_once(team[0]).partition("=")
    assert access.by_link(token) == team[0]
    assert access.by_link(token) is None
    assert token not in access.link(team[0])


def test_a_form_that_is_too_long_is_refused(pages):
    with pages.client() as client:
        assert client.post("/decide", content=b"x" * 2_000_000).status_code == 413


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,role\nAnn,boss\n", "a role, TA or head TA"),
        ("name,role\nAnn,TA\n", "no head TA"),
        ("name,role\nAnn,head TA\nAnn,TA\n", "listed twice"),
        ("who\nAnn\n", "needs a name and a role"),
    ],
)
def test_a_team_in_doubt_is_refused(tmp_path, text, says):
    path = tmp_path / "team.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        read_team(path)


@pytest.mark.parametrize("address", ["http://review.example.edu", "review.example.edu", "https://a.edu/x"])
def test_a_proxy_needs_a_whole_https_address(address):
    with pytest.raises(UsageError, match="public address"):
        proxy_origin(address)


def test_without_a_gradebook_the_command_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="grade a folder first"):
        main([str(tmp_path), "--port", "0", "--no-browser"])


def test_without_the_extra_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; from grader.cli import main; sys.exit(main(['review']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 2
    assert (
        ran.stderr == "grade: grade review needs the package starlette: pip install 'ddpm-grader[review]'\n"
    )

"""Similar code is reported only beyond what the handout and the homework itself explain."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import nbformat
import pytest
from chromium import opens_silently_and_fits
from classes import gradebook, run, save_student, tiny_rubric, zipped
from conftest import SUBMISSIONS
from report_samples import grade

from grader.classroom.pages.fingerprints import symbols, winnow
from grader.classroom.pages.similarity import (
    MIN_FINGERPRINTS,
    THRESHOLD,
    FingerprintedCode,
    compare_class,
    shared_passages,
    similar_pairs,
)
from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs

HANDOUT = Path(__file__).parents[2] / "rubrics" / "ddpm" / "handout.ipynb"


def _cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def _hashes(cells: list[str]) -> set[int]:
    return {each.hash for each in winnow(symbols(cells))}


HANDOUT_HASHES = _hashes(_cells(HANDOUT))


def _own(cells: list[str]) -> set[int]:
    return _hashes(cells) - HANDOUT_HASHES


def _disguised(cells: list[str]) -> list[str]:
    """Rename variables, add comments and reverse the order of the cells after the first."""
    names = {
        "noise": "epsilon",
        "image": "picture",
        "losses": "history",
        "x": "inp",
        "t": "step",
        "batch": "b",
    }
    renamed = [
        re.sub(r"(?<![.\w])(" + "|".join(names) + r")\b", lambda m: names[m[1]], cell) for cell in cells
    ]
    spaced = [re.sub(r"(?m)(?<=\S)$", "  # mine", cell) for cell in renamed]
    return spaced[:1] + spaced[:0:-1]


def test_the_rubrics_handout_is_the_sample_handout():
    assert HANDOUT.read_bytes() == (SUBMISSIONS / "handout.ipynb").read_bytes()


def test_code_of_the_handout_counts_for_nobody():
    assert _own(_cells(HANDOUT)) == set()


def test_a_disguised_copy_is_the_only_pair_found():
    class_ = {
        name: _own(_cells(SUBMISSIONS / f"{name}.ipynb")) for name in ("alice", "bob", "carol", "handout")
    }
    class_["mallory"] = _own(_disguised(_cells(SUBMISSIONS / "alice.ipynb")))
    found = similar_pairs(class_)
    assert [(pair.first, pair.second) for pair in found] == [("alice", "mallory")]


def test_code_that_many_students_share_does_not_count():
    """Thirty students share a usual solution; only the pair that shares more is found."""
    common = set(range(100))
    own = {f"s{n}": common | set(range(1000 * n + 1000, 1000 * n + 1100)) for n in range(30)}
    own["x"] = own["s1"] | {7}
    assert [(pair.first, pair.second, pair.share) for pair in similar_pairs(own)] == [("s1", "x", 1.0)]


def test_submissions_with_little_code_are_not_compared():
    few, enough = set(range(MIN_FINGERPRINTS - 1)), set(range(MIN_FINGERPRINTS))
    assert similar_pairs({"a": few, "b": few}) == []
    assert [pair.share for pair in similar_pairs({"a": enough, "b": enough})] == [1.0]


def test_shared_passages_are_given_with_cells_and_lines():
    calls = ("sqrt", "exp", "log", "sin", "cos", "tanh", "abs", "relu")
    shared = "\n".join(f"    x = torch.{call}(a[0]) * self.b.view(-1, 1) + noise ** 3" for call in calls)
    left = ["import torch", f"# first\ndef f(a, noise):\n{shared}\n    return x"]
    right = [f"def g(c):\n    pass\n\ndef h(a, noise):\n{shared.replace('noise', 'eps')}\n    return 0"]
    found = shared_passages(FingerprintedCode.from_cells(left), FingerprintedCode.from_cells(right), set())
    assert found[0].left[0].startswith("cell 2, lines ")
    assert found[0].right[0].startswith("cell 1, lines ")
    assert "torch.sqrt(a[0])" in found[0].left[1]
    assert "eps ** 3" in found[0].right[1]


def test_the_page_of_a_pair_keeps_its_address_between_runs_and_stale_ones_go(tmp_path):
    """Also when other pairs come and go, and pages of an earlier version are removed."""
    alice, carol = SUBMISSIONS / "alice.ipynb", SUBMISSIONS / "carol.ipynb"
    people = {key: Person(key=key, name=key.title()) for key in ("ada", "ben", "cyd", "dan")}
    out = gradebook(tmp_path / "out", {key: grade() for key in people}, people)
    (out / "similar").mkdir()
    (out / "similar" / "001.html").write_text("of an earlier version")
    (out / "similar" / "notes.html").write_text("ours")

    def pages(**paths: Path) -> dict[tuple[str, str], str]:
        with Gradebook(out) as book:
            for key, path in paths.items():
                inputs = ResultInputs(notebook=path.name + key, rubric="r", grader="g", settings="{}")
                result = book.add_result(inputs, grade(), [], readable=True)
                save_student(book, people[key], label="a.ipynb", result=result)
            compare_class(book, {path.name + key: path for key, path in paths.items()}, HANDOUT, out)
            return {(first, second): page for first, second, _, page in book.similar_pairs()}

    before = pages(ada=alice, ben=alice)
    assert list(before) == [("ada", "ben")]
    both = pages(cyd=carol, dan=carol)
    assert both.items() > before.items()
    after = pages(ada=carol, ben=alice, cyd=alice)
    assert ("ada", "ben") not in after
    assert after["ada", "dan"] == pages(ada=carol)["ada", "dan"]
    on_disk = {f"similar/{path.name}" for path in (out / "similar").iterdir()}
    assert on_disk == {*after.values(), "similar/notes.html"}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_a_pair_opens_without_errors_and_fits(browser, tmp_path, width, scheme):
    alice = SUBMISSIONS / "alice.ipynb"
    people = {"ada": Person(key="ada", name="<b>Ada</b>"), "ben": Person(key="ben", name="Ben" * 40)}
    out = gradebook(tmp_path / "out", {key: grade() for key in people}, people)
    with Gradebook(out) as book:
        compare_class(book, {"ada": alice, "ben": alice}, HANDOUT, out)
        ((*_, address),) = book.similar_pairs()
    assert "<b>Ada" not in (out / address).read_text()
    opens_silently_and_fits(browser, out / address, tmp_path / "page.png", width, scheme)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = " + "(" * 500,
        "x = 1\n" * 3000,
        "a" + ".b" * 5000,
        "x = " + "-" * 3000 + "1",
        "def f(:\n  pass\nx=1",
    ],
)
def test_hostile_code_is_fingerprinted_without_an_error(source):
    assert isinstance(winnow(symbols([source])), list)


def test_independent_solutions_stay_far_below_the_threshold():
    """The samples were written independently and share little beyond the handout."""
    own = {name: _own(_cells(SUBMISSIONS / f"{name}.ipynb")) for name in ("alice", "bob", "carol")}
    shares = [len(own[a] & own[b]) / min(len(own[a]), len(own[b])) for a, b in combinations(own, 2)]
    assert max(shares) < THRESHOLD / 2


def test_members_of_one_group_are_no_similar_pair(tmp_path):
    """Who copied from them is: with each of them."""
    metadata = (
        "submission_1:\n  :submitters:\n  - :name: Ada A\n    :sid: '1'\n  - :name: Ben B\n    :sid: '2'\n"
        "submission_2:\n  :submitters:\n  - :name: Cyd C\n    :sid: '3'\n"
    )
    alice = (SUBMISSIONS / "alice.ipynb").read_bytes()
    copied = alice.replace(b"losses", b"history")
    members = {"submission_metadata.yml": metadata.encode(), "submission_1/a.ipynb": alice}
    exported = zipped(tmp_path / "export.zip", {**members, "submission_2/a.ipynb": copied})
    run(tmp_path / "out", exported, "--rubric", tiny_rubric(tmp_path / "rubric"), "--handout", HANDOUT)
    with Gradebook(tmp_path / "out") as book:
        names = {entry.person.key: entry.person.name for entry in book.entries()}
        pairs = [(names[first], names[second]) for first, second, *_ in book.similar_pairs()]
    assert sorted(names.values()) == ["Ada A", "Ben B", "Cyd C"]
    assert sorted(map(sorted, pairs)) == [["Ada A", "Cyd C"], ["Ben B", "Cyd C"]]

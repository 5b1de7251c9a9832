"""Marks from kept verdicts: they equal those of a notebook judged anew by the edited rubric."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from classes import tiny_rubric
from hypothesis import given
from hypothesis import strategies as st

from grader.extraction.student_source import StudentSource
from grader.judging import score
from grader.judging.marking import Marking, remark
from grader.model import Criterion, Grade, Misconception, grade_from_json
from grader.notebook.submission import Submission
from grader.options import Options, Outcome
from grader.rubric import Rubric

IDS = ("answer.given", "answer.right", "answer.secret")
WORDS = st.text(alphabet="abc .?", max_size=12)
POINTS = st.one_of(st.integers(0, 9), st.floats(0, 9).map(lambda value: round(value, 2)))
SOURCE = StudentSource(statements=(), definitions=(), missing=(), dropped=(), problems=())
SUBMISSION = Submission(name="a", path="a.ipynb", sha256="0" * 64, cells=())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Rubric:
    return Rubric.load(str(tiny_rubric(tmp_path_factory.mktemp("rubric") / "tiny")))


def _criterion(id: str) -> st.SearchStrategy[Criterion]:
    return st.builds(
        Criterion,
        id=st.just(id),
        exercise=st.integers(0, 3),
        title=WORDS,
        points=POINTS,
        hint=WORDS,
        visibility=st.sampled_from(["public", "hidden"]),
        needs_training=st.just(id == "answer.right"),
    )


def _misconception(id: str, credit: float) -> st.SearchStrategy[Misconception]:
    words = {"title": WORDS, "says": WORDS, "hint": WORDS, "reread": WORDS}
    return st.builds(Misconception, id=st.just(id), criteria=st.just(IDS), credit=st.just(credit), **words)


PRESENTATIONS = st.tuples(
    st.tuples(*map(_criterion, IDS)),
    st.fixed_dictionaries({"odd": _misconception("odd", 0.5), "even": _misconception("even", 0.0)}),
)
CHECKS = st.fixed_dictionaries(
    {
        "criterion": st.sampled_from(IDS),
        "verdict": st.sampled_from(["pass", "skipped", "blocked", "fail", "error"]),
        "credit": st.sampled_from([0.0, 0.25, 1 / 3, 0.75, 1.0]),
        "message": WORDS,
        "seconds": st.just(1.0),
        "expected": st.none(),
        "actual": st.none(),
        "reading": st.none(),
        "misconception": st.sampled_from([None, "odd", "even", "unknown"]),
    }
)


def _edition(rubric: Rubric, presentation: Any, digest: str) -> Rubric:
    criteria, misconceptions = presentation
    return replace(rubric, criteria=criteria, misconceptions=misconceptions, digest=digest)


def _stored(grade: Grade) -> Grade:
    return grade_from_json(json.loads(json.dumps(grade.as_json())))


@given(before=PRESENTATIONS, after=PRESENTATIONS, checks=st.lists(CHECKS, max_size=8), quick=st.booleans())
def test_kept_verdicts_give_the_marks_of_a_new_grading(
    tiny: Rubric, before: Any, after: Any, checks: list[dict[str, Any]], quick: bool
) -> None:
    old, new = _edition(tiny, before, "1" * 64), _edition(tiny, after, "2" * 64)
    outcome, options = Outcome(checks=checks), Options(quick=quick)
    kept = _stored(score.grade(SUBMISSION, SOURCE, old, outcome, options, {}))
    anew = score.grade(SUBMISSION, SOURCE, new, outcome, options, {})
    marking = Marking.from_json(json.loads(json.dumps(Marking.of(new).as_json())))
    marked = remark(kept, marking, readable=True, judged_by=old.judging_digest)
    assert marked.as_json() == anew.as_json()


@given(before=PRESENTATIONS, after=PRESENTATIONS)
def test_an_unreadable_notebook_is_marked_as_if_read_anew(tiny: Rubric, before: Any, after: Any) -> None:
    """Which criteria are gates depends on their points, and gates fail where all else is blocked."""
    old, new = _edition(tiny, before, "1" * 64), _edition(tiny, after, "2" * 64)
    kept = _stored(score.unreadable("a.ipynb", "a", "0" * 64, old, "it is cut off", Options()))
    anew = score.unreadable("a.ipynb", "a", "0" * 64, new, "it is cut off", Options())
    marked = remark(kept, Marking.of(new), readable=False, judged_by=old.judging_digest)
    assert marked.as_json() == anew.as_json()


def test_a_result_without_the_checks_own_sentence_keeps_its_message(tiny: Rubric) -> None:
    """As early versions stored it."""
    check = {
        "criterion": "answer.right",
        "verdict": "fail",
        "credit": 0.5,
        "message": "It is 3.",
        "seconds": 1.0,
    }
    check |= dict.fromkeys(("expected", "actual", "reading", "misconception"))
    grade = score.grade(
        SUBMISSION, SOURCE, tiny, Outcome(checks=[check]), Options(only=("answer.right",)), {}
    )
    early = replace(grade, criteria=tuple(replace(each, fact=None) for each in grade.criteria))
    dearer = replace(tiny, criteria=tuple(replace(each, points=10, hint="Look.") for each in tiny.criteria))
    (result,) = remark(early, Marking.of(dearer), readable=True, judged_by=tiny.judging_digest).criteria
    assert (result.message, result.earned, result.possible, result.hint) == ("It is 3.", 5, 10, "Look.")


def test_a_grade_by_other_checks_keeps_the_name_of_its_rubric(tiny: Rubric) -> None:
    grade = score.grade(SUBMISSION, SOURCE, tiny, Outcome(), Options(), {})
    edited = replace(tiny, digest="3" * 64, criteria=tiny.criteria[1:])
    marked = remark(grade, Marking.of(edited), readable=True, judged_by="other")
    assert marked.rubric == grade.rubric
    assert [each.id for each in marked.criteria] == ["answer.right", "answer.secret", "answer.given"]


def test_a_marking_of_another_version_is_read(tiny: Rubric, tmp_path: Path) -> None:
    data = Marking.of(tiny).as_json()
    data["criteria"][0]["invented later"] = 1
    assert Marking.from_json(data) == Marking.of(tiny)

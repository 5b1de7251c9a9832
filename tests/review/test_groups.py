"""Which answers are alike: mistake, words, and recovered curves near a fixed representative."""

from __future__ import annotations

from dataclasses import replace

import report_samples as samples
from classes import run
from review_pages import LOST, mistaken, review_class

from grader.classroom.storage.gradebook import Gradebook
from grader.review.book import ReviewBook
from grader.review.grouped import groups
from grader.review.queue import waiting
from grader.review.team import TA


def measured(*numbers, message="The curve is wrong."):
    changes = {"sample.noise": {**LOST, "message": message, "measured": {"curve": list(numbers)}}}
    return samples.grade(changes=changes)


def sizes(out, by=""):
    with_book = ReviewBook(out)
    try:
        found = groups(with_book, "sample.noise", "ta", by)
        return sorted(sorted(member.entry.person.key for member in group.members) for group in found)
    finally:
        with_book.close()


def test_curves_join_a_representative_and_never_form_a_chain(tmp_path):
    """Each is within the tolerance of the one before, but the third is not within that of the first."""
    chain = {"a": measured(1.0, 0.5), "b": measured(1.015, 0.5), "c": measured(1.03, 0.5)}
    out = review_class(tmp_path / "reports", chain)
    assert sizes(out) == [["a", "b"], ["c"]]
    assert sizes(out, "mistake") == [["a", "b", "c"]]


def test_a_curve_of_another_length_or_without_a_number_is_another(tmp_path):
    grades = {"a": measured(1.0, 0.5), "b": measured(1.0, 0.5, 0.2), "c": measured(1.0, None)}
    assert len(sizes(review_class(tmp_path / "reports", grades))) == 3


def test_without_curves_the_numbers_in_the_words_are_compared(tmp_path):
    grades = {
        "a": mistaken(sample__noise="The share is 0.50 at step 10."),
        "b": mistaken(sample__noise="The share is 0.505 at step 10."),
        "c": mistaken(sample__noise="The share is 0.60 at step 10."),
        "d": mistaken(sample__noise="The share is 0.50 at step 20."),
    }
    out = review_class(tmp_path / "reports", grades)
    assert sizes(out) == [["a", "b"], ["c"], ["d"]]
    assert sizes(out, "mistake") == [["a", "b", "c", "d"]]


def test_points_and_verdicts_keep_answers_apart(tmp_path):
    half = {"sample.noise": {**LOST, "earned": 2.5, "credit": 0.5, "message": "No noise."}}
    grades = {
        "a": mistaken(sample__noise="No noise."),
        "b": samples.grade(changes=half),
        "c": samples.grade(),
    }
    assert sizes(review_class(tmp_path / "reports", grades)) == [["a"], ["b"]]


def test_who_earned_everything_is_in_no_group(tmp_path):
    assert sizes(review_class(tmp_path / "reports", {"a": samples.grade()})) == []


def test_the_order_is_random_and_stable_for_each_ta(tmp_path):
    grades = {f"student{number:02d}": mistaken(sample__noise="No noise.") for number in range(12)}
    book = ReviewBook(review_class(tmp_path / "reports", grades))
    try:

        def order(who):
            return [member.record for member in groups(book, "sample.noise", who)[0].members]

        assert order("ann") == order("ann")
        assert order("ann") != order("ben")
        assert sorted(order("ann")) == sorted(order("ben"))
    finally:
        book.close()


def test_the_index_follows_what_another_process_writes(tmp_path):
    grades = {"ann": mistaken(sample__noise="No noise."), "ben": replace(samples.grade(), provisional=True)}
    out = review_class(tmp_path / "reports", grades)
    book = ReviewBook(out)
    try:
        assert [item.kind for item in waiting(book, TA(name="ta", is_head=False))] == ["undecided"]
        run(out, "adjust", "ben", "--confirm", "--because", "looked at")
        run(out, "adjust", "ann", "total", "-4.5", "--because", "late talk")
        book.index.refresh(book)
        assert [item.kind for item in waiting(book, TA(name="ta", is_head=False))] == ["near-boundaries"]
        with Gradebook(out) as other:
            kept = {entry.person.record: entry.mark for entry in other.entries()}
        assert {record: entry.mark for record, entry in book.index.entries.items()} == kept
    finally:
        book.close()

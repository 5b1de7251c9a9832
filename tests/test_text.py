"""Sentences that name several things: definitions that a notebook lacks, and long lists."""

from __future__ import annotations

import pytest

from grader.text import listed, missing_definitions


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (["UNet"], "The notebook defines no UNet."),
        (["train", "sample"], "The notebook defines neither train nor sample. Begin with train."),
        (
            ["UNet", "train", "sample"],
            "The notebook defines none of UNet, train and sample. Begin with UNet.",
        ),
    ],
)
def test_missing_definitions_are_one_sentence_that_says_where_to_begin(
    missing: list[str], words: str
) -> None:
    assert missing_definitions(missing) == words


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"], most=2) == "a, b"
    assert listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"

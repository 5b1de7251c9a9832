"""The sentence for definitions that a notebook lacks."""

from __future__ import annotations

import pytest

from grader.text import missing_definitions


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

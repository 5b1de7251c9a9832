"""Pairs of students with similar code in the gradebook."""

from __future__ import annotations

from collections.abc import Sequence

from grader.classroom.people.records import RecordStore


class PairStore(RecordStore):
    """The part of a gradebook that holds pairs of students with similar code."""

    def similar_pairs(self) -> list[tuple[str, str, float, str]]:
        """Return pairs of students with similar code: both keys, the shared fraction, the page's path."""
        directory = self.directory()
        key_of = {each.key: directory.root(each.id) for each in directory.records.values()}
        pairs = []
        for first, second, share, page in self._rows(
            "SELECT * FROM alike ORDER BY share DESC, first, second"
        ):
            one, two = key_of[first], key_of[second]  # records may have been merged or removed since
            if one is not two and one.removed is None and two.removed is None:
                pairs.append((one.key, two.key, share, page))
        return pairs

    def set_similar_pairs(self, pairs: Sequence[tuple[str, str, float, str]]) -> None:
        """Replace all pairs of students with similar code."""
        with self.transaction():
            self._rows("DELETE FROM alike")
            for pair in pairs:
                self._rows("INSERT INTO alike VALUES (?, ?, ?, ?)", *pair)

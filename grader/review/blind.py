"""Blind samples: hand-ins drawn at random, which a person decides on without seeing the judge's verdict."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from grader.classroom.storage.gradebook import Gradebook, timestamp
from grader.errors import UsageError
from grader.model import UNDECIDED
from grader.review.agreement import Agreement, Part, agreement
from grader.review.index import ClassIndex, result_of
from grader.written_answers import PERSON

MOST = 200  # hand-ins of one sample
EARNED, NOT_EARNED, CANNOT_TELL = "earned", "not earned", "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One hand-in of a sample; ``said`` is a person's word, "" until there is one."""

    place: int
    record: int
    result: int
    is_passed: bool
    said: str
    who: str

    @property
    def differs(self) -> bool:
        """Whether the person decided otherwise than the judge."""
        return self.said not in ("", CANNOT_TELL) and (self.said == EARNED) != self.is_passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A blind sample; ``passed`` and ``lost`` are how many there were of each in the class.

    Once it is closed, its result is shown and its words stay: nobody is blind any more.
    """

    id: int
    criterion: str
    at: str
    who: str
    passed: int
    lost: int
    is_closed: bool
    drawn: Sequence[Drawn]

    @property
    def left(self) -> int:
        """How many nobody has decided on."""
        return sum(not each.said for each in self.drawn)

    def part(self, *, is_passed: bool) -> Part:
        """Return the ratings of what the judge passed, or did not."""
        rated = [
            each for each in self.drawn if each.is_passed is is_passed and each.said not in ("", CANNOT_TELL)
        ]
        return Part(
            in_class=self.passed if is_passed else self.lost,
            rated=len(rated),
            agreed=sum(not each.differs for each in rated),
        )

    @property
    def agreement(self) -> Agreement | None:
        """Agreement in the class, as far as the sample tells."""
        return agreement(self.part(is_passed=True), self.part(is_passed=False))


class SampleStore(Gradebook):
    """The part of the gradebook that holds blind samples."""

    index: ClassIndex

    def draw_sample(self, criterion: str, number: int, who: str) -> int:
        """Draw a sample of a criterion, half of it from what was passed as far as there is as much.

        Raises:
            UsageError: nobody was judged on the criterion, or the number is out of range.
        """
        if not 2 <= number <= MOST:
            raise UsageError(f"a sample has 2 to {MOST} hand-ins, not {number}")
        parts: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for record, entry in self.index.entries.items():
            result = result_of(entry, criterion)
            if result and entry.result and result.verdict not in UNDECIDED and result.judged_by != PERSON:
                parts[result.earned >= result.possible].append((record, entry.result))
        passed, lost = parts[True], parts[False]
        if not passed and not lost:
            raise UsageError("nobody was judged on this criterion")
        of_lost = min(len(lost), max(number // 2, number - len(passed)))
        source = random.SystemRandom()
        chosen = [(True, each) for each in source.sample(passed, min(len(passed), number - of_lost))]
        chosen += [(False, each) for each in source.sample(lost, of_lost)]
        source.shuffle(chosen)
        with self.transaction():
            query = "INSERT INTO review_sample VALUES (NULL, ?, ?, ?, ?, ?) RETURNING id"
            values = (criterion, timestamp(), who, len(passed), len(lost))
            id = int(self._rows(query, *values)[0]["id"])
            query = "INSERT INTO review_sampled VALUES (?, ?, ?, ?, ?, '', '')"
            for place, (is_passed, one) in enumerate(chosen):
                self._rows(query, id, place, *one, is_passed)
        return id

    def samples(self) -> list[Sample]:
        """Return all samples, the newest first."""
        drawn: dict[int, list[Drawn]] = {}
        for row in self._rows("SELECT * FROM review_sampled ORDER BY sample, place"):
            fields = {name: row[name] for name in ("place", "result", "said", "who")}
            one = Drawn(**fields, record=row["person"], is_passed=bool(row["passed"]))
            drawn.setdefault(row["sample"], []).append(one)
        rows = self._rows("SELECT * FROM review_sample ORDER BY id DESC")
        closed = {row["sample"] for row in self._rows("SELECT sample FROM review_sample_closed")}
        return [
            Sample(**dict(row), is_closed=row["id"] in closed, drawn=drawn.get(row["id"], ())) for row in rows
        ]

    def rate(self, sample: int, place: int, said: str, who: str) -> bool:
        """Store a person's word on a hand-in; False if somebody was faster, whose word stays."""
        query = """UPDATE review_sampled SET said = ?, who = ?
            WHERE sample = ? AND place = ? AND said = '' RETURNING place"""
        return bool(self._rows(query, said, who, sample, place))

    def take_back(self, sample: int, who: str) -> bool:
        """Take back the last of a person's words; False if there is none, or the sample is closed."""
        query = """UPDATE review_sampled SET said = '', who = '' WHERE sample = ?1 AND place = (
            SELECT max(place) FROM review_sampled WHERE sample = ?1 AND who = ?2 AND said != '')
            AND NOT EXISTS (SELECT 1 FROM review_sample_closed WHERE sample = ?1) RETURNING place"""
        return bool(self._rows(query, sample, who))

    def close_sample(self, sample: int, who: str) -> None:
        """Close a sample, unless a hand-in is without a word."""
        query = """INSERT OR IGNORE INTO review_sample_closed SELECT ?1, ?2, ?3 WHERE NOT EXISTS (
            SELECT 1 FROM review_sampled WHERE sample = ?1 AND said = '')"""
        self._rows(query, sample, timestamp(), who)

"""Students who lost points on a criterion, in groups of alike answers.

Alike are the same verdict, the same recognised mistake, the same message but for its numbers, and recovered
curves that differ by at most a tolerance from those of the group's first member; answers that a person grades
are alike only if they are equal. The first member stays the
same while others join, and all are compared with it alone, so no chain of small differences joins unlike
answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.classroom.storage.entries import GradebookEntry
from grader.model import CriterionResult, Verdict
from grader.report.summary import Status, status_of
from grader.review.claims import shuffled_place
from grader.review.decisions import row_item
from grader.review.index import digest, result_of, revision

TOLERANCE = 0.02  # relative to the representative's largest number, or to each number in its words
_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A student in a group; ``is_settled`` if somebody has decided on the row as it is."""

    entry: GradebookEntry
    result: CriterionResult
    revision: str
    is_settled: bool
    is_split: bool

    @property
    def record(self) -> int:
        """Id of the student's record."""
        return self.entry.person.record

    @property
    def final(self) -> float:
        """The points that count now."""
        return self.entry.mark.criteria.get(self.result.id, self.result.earned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alike answers; ``representative`` is the member that all others were compared with."""

    id: str
    criterion: str
    members: tuple[Member, ...]
    representative: Member

    @property
    def name(self) -> str:
        """The group in a few words, for lists and for the history."""
        result = self.representative.result
        return result.mistake or result.misconception or result.message

    @property
    def status(self) -> Status:
        """Outcome for the members, as the judge decided."""
        return status_of(self.representative.result)

    @property
    def open_members(self) -> tuple[Member, ...]:
        """Members that nobody has decided on."""
        return tuple(member for member in self.members if not member.is_settled)

    @property
    def open_count(self) -> int:
        """How many members nobody has decided on."""
        return len(self.open_members)

    @property
    def item(self) -> str:
        """The name under which the group is claimed."""
        return f"group:{self.criterion}:{self.id}"

    @property
    def url(self) -> str:
        """The address of the group's page."""
        return f"/criterion/{self.criterion}/{self.id}"


def is_lost(result: CriterionResult) -> bool:
    """Return whether points are missing, or nobody knows yet."""
    return result.earned < result.possible or result.verdict in (Verdict.ERROR, Verdict.BLOCKED, Verdict.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How to group: ``coarse`` lets numbers differ by any amount; ``codes`` are digests by result."""

    coarse: bool = False
    codes: Mapping[int, str] | None = None


def alike(
    criterion: str, entries: Iterable[GradebookEntry], splits: Collection[str], grouping: Grouping
) -> list[list[int]]:
    """Return the records of alike answers, each list with its representative first; see the module.

    Args:
        splits: rows that were taken out of their groups.
    """
    groups: list[list[int]] = []
    first: list[CriterionResult] = []
    by_kind: dict[tuple[object, ...], list[int]] = {}
    for entry in sorted(entries, key=lambda each: each.person.record):
        result, record = result_of(entry, criterion), entry.person.record
        if result is None or not is_lost(result):
            continue
        code = (grouping.codes or {}).get(entry.result or 0, "")
        kind = (_kind(result), code, record if row_item(criterion, record) in splits else None)
        candidates = by_kind.setdefault(kind, [])
        fitting = (each for each in candidates if grouping.coarse or _is_near(first[each], result))
        place = next(fitting, None)
        if place is None:
            place = len(groups)
            groups.append([])
            first.append(result)
            candidates.append(place)
        groups[place].append(record)
    return groups


def group_of(
    criterion: str,
    entries: Sequence[GradebookEntry],
    settled: Mapping[str, str],
    splits: Collection[str],
    who: str,
    code: str = "",
) -> Group:
    """Return alike answers as a group, whose members are in an order of this TA's own.

    Args:
        entries: the representative's first.
        settled: revision at which each row was settled.
    """
    members = [_member(criterion, entry, settled, splits) for entry in entries]
    first = members[0]
    return Group(
        id=digest(_kind(first.result), first.record, first.is_split, code),
        criterion=criterion,
        members=tuple(
            sorted(members, key=lambda each: shuffled_place(who, row_item(criterion, each.record)))
        ),
        representative=first,
    )


def _member(
    criterion: str, entry: GradebookEntry, settled: Mapping[str, str], splits: Collection[str]
) -> Member:
    result, item = result_of(entry, criterion), row_item(criterion, entry.person.record)
    assert result is not None
    now = revision(entry, criterion)
    return Member(
        entry=entry,
        result=result,
        revision=now,
        is_settled=settled.get(item) == now,
        is_split=item in splits,
    )


def _kind(result: CriterionResult) -> tuple[object, ...]:
    texts = (result.message, result.actual or "")
    bare = tuple(_NUMBER.sub("#", text) for text in texts)
    judged = (status_of(result).value, result.verdict.value, result.misconception, result.earned, *bare)
    return (*judged, result.answer)  # different words are never graded as one


Numbers = tuple[float | None, ...]


def numbers_of(result: CriterionResult) -> Mapping[str, Numbers]:
    """Return what is compared with a representative: the recovered curves, else the numbers in the words."""
    curves = {name: numbers for name, value in result.measured.items() if len(numbers := _flat(value)) > 1}
    text = f"{result.message} {result.actual or ''}".replace("−", "-")
    return curves or {"words": tuple(float(number) for number in _NUMBER.findall(text))}


def _flat(value: object) -> Numbers:
    match value:
        case list() | tuple():
            return tuple(number for each in value for number in _flat(each))
        case bool() | None:
            return (None,)
        case int() | float():
            return (float(value),)
    return ()


def _is_near(one: CriterionResult, other: CriterionResult) -> bool:
    """Return whether the numbers of ``other`` are within the tolerance of those of a representative."""
    representative, numbers = numbers_of(one), numbers_of(other)
    return representative.keys() == numbers.keys() and all(
        _curves_agree(representative[name], numbers[name], each_alone=name == "words") for name in numbers
    )


def _curves_agree(representative: Numbers, numbers: Numbers, *, each_alone: bool) -> bool:
    if len(representative) != len(numbers):
        return False
    known = [abs(number) for number in representative if number is not None]
    highest = max(known, default=0.0)
    for one, other in zip(representative, numbers, strict=True):
        if one is None or other is None:
            if one is not other:
                return False
        elif abs(one - other) > TOLERANCE * (abs(one) if each_alone else highest) + 1e-9:
            return False
    return True

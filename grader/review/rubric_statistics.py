"""What a class tells of its rubric: how hard each criterion is, what it goes with, and where numbers lie.

All numbers are of the judge's points, before anybody adjusted them. Criteria that are not decided for a
student are left out for that student.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from grader.classroom.storage.entries import GradebookEntry
from grader.model import UNDECIDED, CriterionResult, Verdict

_FEWEST = 5  # students for a correlation
_MOST_PAIRS = 15
_MOST_SECTIONS = 12  # columns; further sections are counted together
_BINS = 8
_BOUND = "bound"  # name of what a check compares the first of its numbers with
_LARGEST = 1e100  # numbers beyond are left out: their differences would be infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionStatistics:
    """A criterion in the class.

    Attributes:
        share: of its points that was earned, 0 to 1; None if it has no points.
        item_rest: correlation of its points with the sum of all others, -1 to 1; None where there are fewer
            than five students, or all earned the same.
    """

    id: str
    title: str
    count: int
    share: float | None
    item_rest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoFailure:
    """Two criteria that were lost together; ``phi`` is the correlation of losing them, -1 to 1."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    phi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A bar: numbers from ``low`` to ``high``, and how many of them earned all points or did not."""

    low: float
    high: float
    earned: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredNumbers:
    """A recovered number in the class; a bound divides the number where a check has one, so it lies at 1."""

    criterion: str
    name: str
    bins: Sequence[Bin]
    has_bound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricStatistics:
    """All of it; ``mistakes`` are counts of each known mistake by section, in the order of ``sections``."""

    students: int
    criteria: Sequence[CriterionStatistics]
    pairs: Sequence[CoFailure]
    sections: Sequence[tuple[str, int]]
    mistakes: Sequence[tuple[str, Sequence[int]]]
    numbers: Sequence[MeasuredNumbers]


def rubric_statistics(entries: Iterable[GradebookEntry]) -> RubricStatistics:
    """Return what the graded students of a class tell of their rubric; staff do not count."""
    graded = [entry for entry in entries if entry.grade and entry.is_student]
    decided = [_decided(entry) for entry in graded]
    by_criterion: dict[str, list[CriterionResult]] = defaultdict(list)
    for results in decided:
        for result in results.values():
            by_criterion[result.id].append(result)
    sections, mistakes = _mistakes(graded)
    return RubricStatistics(
        students=len(graded),
        criteria=[_criterion(id, results, decided) for id, results in by_criterion.items()],
        pairs=_pairs(decided),
        sections=sections,
        mistakes=mistakes,
        numbers=[each for id, results in by_criterion.items() for each in _numbers(id, results)],
    )


def _decided(entry: GradebookEntry) -> Mapping[str, CriterionResult]:
    results = entry.grade.criteria if entry.grade else ()
    return {each.id: each for each in results if each.verdict not in UNDECIDED}


def _criterion(
    id: str, results: Sequence[CriterionResult], decided: Sequence[Mapping[str, CriterionResult]]
) -> CriterionStatistics:
    possible = [each.possible for each in results if each.possible]
    own, rest = [], []
    for student in decided:
        if id in student:
            own.append(student[id].earned)
            rest.append(sum(each.earned for each in student.values() if each.id != id))
    return CriterionStatistics(
        id=id,
        title=results[0].title,
        count=len(results),
        share=sum(each.earned for each in results) / sum(possible) if possible else None,
        item_rest=_correlation(own, rest),
    )


def _correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(one) < _FEWEST or min(one) == max(one) or min(other) == max(other):
        return None
    return statistics.correlation(one, other)


def _pairs(decided: Sequence[Mapping[str, CriterionResult]]) -> list[CoFailure]:
    """Return the pairs of criteria that at least two students lost together, the most tied first."""
    asked, lost = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    for number, student in enumerate(decided):
        for result in student.values():
            asked[result.id].add(number)
            # What is blocked is lost because of another criterion, which says nothing of the two.
            if result.earned < result.possible and result.verdict is not Verdict.BLOCKED:
                lost[result.id].add(number)
    found = []
    for first, second in combinations(lost, 2):
        common = asked[first] & asked[second]
        one, other = lost[first] & common, lost[second] & common
        both = len(one & other)
        spread = len(one) * len(other) * (len(common) - len(one)) * (len(common) - len(other))
        if both > 1 and spread:
            found.append(
                CoFailure(
                    first=first,
                    second=second,
                    both=both,
                    only_first=len(one - other),
                    only_second=len(other - one),
                    phi=(len(common) * both - len(one) * len(other)) / math.sqrt(spread),
                )
            )
    return sorted(found, key=lambda each: (-each.phi, -each.both))[:_MOST_PAIRS]


def _mistakes(
    graded: Sequence[GradebookEntry],
) -> tuple[list[tuple[str, int]], list[tuple[str, list[int]]]]:
    sizes = Counter(entry.person.section for entry in graded)
    named = [name for name, _ in sizes.most_common(_MOST_SECTIONS)]
    left = sum(sizes.values()) - sum(sizes[name] for name in named)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in graded:
        results = entry.grade.criteria if entry.grade else ()
        for mistake in {each.mistake or each.misconception for each in results if each.misconception}:
            counts[str(mistake)][entry.person.section] += 1
    rows = [
        (
            mistake,
            [*(by[name] for name in named), *([by.total() - sum(by[n] for n in named)] if left else [])],
        )
        for mistake, by in sorted(counts.items(), key=lambda each: -each[1].total())
    ]
    sections = [(name, sizes[name]) for name in named] + ([("other sections", left)] if left else [])
    return sections, rows


def _numbers(id: str, results: Sequence[CriterionResult]) -> list[MeasuredNumbers]:
    values: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    bounded = set()
    for result in results:
        numbers = {name: float(each) for name, each in result.measured.items() if _is_number(each)}
        if bound := numbers.pop(_BOUND, 0.0):
            name, compared = next(iter(numbers.items()), ("", 0.0))
            numbers = {name: compared / bound} if name and _is_number(compared / bound) else {}
            bounded.add(name)
        for name, each in numbers.items():
            values[name].append((each, result.earned >= result.possible))
    return [
        MeasuredNumbers(
            criterion=id,
            name=name.replace("_", " "),
            bins=_bins(found),
            has_bound=name in bounded,
        )
        for name, found in values.items()
        if len({each for each, _ in found}) > 1
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _bins(values: Sequence[tuple[float, bool]]) -> list[Bin]:
    """Return bars of equal width; what is far out shares the outermost ones, so that the others are seen."""
    ordered = sorted(each for each, _ in values)
    cut = len(ordered) // 50
    low, high = ordered[cut], ordered[-1 - cut]
    if low == high:
        low, high = ordered[0], ordered[-1]
    width = (high - low) / _BINS or 1.0  # 0 where numbers are so small that an eighth of them is none
    earned, lost = Counter[int](), Counter[int]()
    for each, is_earned in values:
        place = min(max(int((each - low) / width), 0), _BINS - 1)
        (earned if is_earned else lost)[place] += 1
    return [
        Bin(low=low + place * width, high=low + (place + 1) * width, earned=earned[place], lost=lost[place])
        for place in range(_BINS)
    ]

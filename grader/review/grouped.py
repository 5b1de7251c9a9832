"""The groups of the class by criterion; which answers are alike is computed once for all pages."""

from __future__ import annotations

from collections import Counter

from grader.model import CriterionResult
from grader.review.book import ReviewBook
from grader.review.groups import Group, Grouping, alike, group_of, is_lost

BY = ("", "mistake", "code")  # numbers and mistake; mistake alone; code, too


def groups(book: ReviewBook, criterion: str, who: str, by: str = "") -> list[Group]:
    """Return the groups of a criterion, the largest first."""
    splits, settled, entries = book.splits(), book.settled(), book.index.entries
    codes = book.codes(criterion) if by == "code" else {}
    key = (criterion, by, len(codes), tuple(sorted(splits)))
    known = book.index.cached(key)
    if known is None:
        grouping = Grouping(coarse=by == "mistake", codes=codes if by == "code" else None)
        known = book.index.cache(key, alike(criterion, entries.values(), splits, grouping))
    found = []
    for records in known:
        members = [entries[record] for record in records]
        code = codes.get(members[0].result or 0, "")
        found.append(group_of(criterion, members, settled, splits, who, code))
    return sorted(found, key=lambda group: (-len(group.members), group.id))


def outcomes(book: ReviewBook) -> list[tuple[CriterionResult, int, int, int]]:
    """Return each criterion by an example, with how many were graded, lost points, and are decided."""
    known = book.index.cached("outcomes")
    if known is None:
        graded, lost, examples = Counter[str](), Counter[str](), dict[str, CriterionResult]()
        for entry in book.index.entries.values():
            for result in entry.grade.criteria if entry.grade else ():
                examples.setdefault(result.id, result)
                graded[result.id] += 1
                lost[result.id] += is_lost(result)
        known = book.index.cache(
            "outcomes", [(examples[id], number, lost[id]) for id, number in graded.items()]
        )
    decided = Counter(item.split(":")[1] for item in book.settled() if item.startswith("row:"))
    return [(example, number, missed, decided[example.id]) for example, number, missed in known]

"""Decisions of staff about identities: merge, split, remove, and undo the last of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.classroom.pages import classpage
from grader.classroom.pages.reports import refresh_all_reports
from grader.classroom.people.directory import NAME, PERSON, Directory, Link, Slot
from grader.classroom.people.identity import KINDS
from grader.classroom.people.lookup import find_record
from grader.classroom.storage.entries import is_student, person_of
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.store import timestamp
from grader.errors import UsageError
from grader.text import line


def merge(book: Gradebook, people: Sequence[str], because: str, who: str) -> list[str]:
    """Make two people one, or confirm that they are; return what was done, in sentences."""
    one, two = _two(book, people, "merge")
    directory = book.directory()
    if directory.strong.root(one) == directory.strong.root(two):
        raise UsageError(f"{people[0]} and {people[1]} are one person already")
    with book.transaction():
        with book.editing(because, who) as directory:
            # Somebody who said before that they are two has changed their mind.
            first, second = directory.strongly(one), directory.strongly(two)
            directory.apart = [link for link in directory.apart if not _joins(link, first, second)]
            directory.refresh()
            directory.merge(one, two, PERSON)
        book.decide("merge", because, who)
    root = directory.root(one)
    other = directory.records[max(one, two)]
    return [f"{line(root.name)} ({root.key}) is one person with {line(other.name)} ({other.key})"]


def split(book: Gradebook, people: Sequence[str], because: str, who: str) -> list[str]:
    """Take a merge out again, or say of two people that they are two; return what was done, in sentences.

    With one record named, it leaves the person that it was merged with. With two, whatever joins them ends.
    """
    directory = book.directory()
    if len(people) == 1:
        record = find_record(book, people[0])
        own = [link for link in directory.merges if link.second == record]
        others = own or [link for link in directory.merges if link.first == record]
        if len(others) != 1:
            keys = ", ".join(each.key for each in directory.cluster(record) if each.id != record)
            raise UsageError(
                f"{people[0]} was merged with several records; name it and one of {keys}"
                if others
                else f"{people[0]} is merged with nobody"
            )
        one, two = others[0].first, others[0].second
    else:
        one, two = _two(book, people, "split")
    with book.transaction():
        with book.editing(because, who) as directory:
            for link in _path(directory, one, two):
                directory.merges.remove(link)
            directory.keep_apart(one, two, PERSON)
            directory.refresh()
        book.decide("split", because, who)
    first, second = directory.records[one], directory.records[two]
    return [f"{line(first.name)} ({first.key}) and {line(second.name)} ({second.key}) are two people"]


def move(book: Gradebook, people: Sequence[str], because: str, who: str) -> list[str]:
    """Give an identifier of one person to another; return what was done, in sentences.

    The two are two people from then on, whatever a roster says.
    """
    if len(people) != 2:
        raise UsageError("move takes an identifier and the person it belongs to")
    directory = book.directory()
    moved, to = _identifier(directory, people[0]), find_record(book, people[1])
    from_ = directory.owners[moved]
    if directory.clusters.root(from_) == directory.clusters.root(to):
        raise UsageError(
            f"{people[0]} belongs to {people[1]} already, or their records are merged: split them"
        )
    name = f"{KINDS[moved[0]]} {people[0].removeprefix(f'{moved[0]}:')}"
    with book.transaction():
        book.move_identifier(moved, to)
        with book.editing(because, who) as directory:
            directory.keep_apart(from_, to, PERSON)
        for record, before, after in ((from_, name, None), (to, None, name)):
            book.log_change(record, "identifier", before, after, because, who)
        book.decide("move", because, who, removed=[(*moved, from_)])
    old, new = directory.root(from_), directory.root(to)
    return [
        f"the {line(name)} is now {line(new.name)}'s ({new.key}), no longer {line(old.name)}'s ({old.key})",
        f"what was handed in under it stays with {line(old.name)} until it is graded again",
    ]


def remove(book: Gradebook, people: Sequence[str], because: str, who: str) -> list[str]:
    """Take somebody out of the class, with all merged records; return what was done, in sentences."""
    if len(people) != 1:
        raise UsageError("remove takes one person")
    record = find_record(book, people[0])
    with book.transaction():
        with book.editing(because, who) as directory:
            gone = directory.cluster(record)
            for each in gone:
                each.removed = f"{timestamp()} {who}"
        for each in gone:
            book.log_change(each.id, "removed", None, None, because, who)
        book.decide("remove", because, who, removed=[each.id for each in gone])
    return [
        f"{line(gone[0].name)} ({gone[0].key}) was removed from the class; `grade people undo` undoes that"
    ]


def undo(book: Gradebook, people: Sequence[str], because: str, who: str) -> list[str]:
    """Take back the last decision that still holds; return what was done, in sentences."""
    if people:
        raise UsageError("undo takes back the last decision; it takes no person")
    decision = book.last_decision()
    if decision is None:
        raise UsageError("nobody has decided anything about people that could be undone")
    with book.transaction():
        for record in book.undo(decision, because, who):
            book.log_change(record, f"undo {decision.what}", None, None, because, who)
    return [f"undone: {decision.what} by {decision.who} at {decision.at} ({line(decision.because)})"]


def refresh(book: Gradebook, out: Path) -> None:
    """Bring all reports and the class page up to date."""
    refresh_all_reports(book, out)
    classpage.write_page(book, out)


def listing(book: Gradebook) -> dict[str, Any]:
    """Return everybody with identifiers, names and merges, and the open conflicts, as JSON data."""
    directory = book.directory()
    how = {link.second: link.reason for link in directory.merges}
    people = []
    for records in sorted(book.everybody(), key=lambda records: records[0].key):
        entry = book.entry(records[0].key)
        states = {
            "not a student": not is_student(records),
            "not on the newest roster": bool(book.setting("roster")) and not entry.on_roster,
            "nothing handed in": entry.label is None and is_student(records),
        }
        people.append(
            {
                "student": entry.person.key,
                "name": person_of(records).name,
                "state": [state for state, holds in states.items() if holds],
                "matched_by": entry.matched_by if entry.matched_by != "identifier" else "",
                "records": [
                    {
                        "key": each.key,
                        "name": each.name,
                        "names": sorted(each.names),
                        "merged_by": how.get(each.id, ""),
                        "on_roster": each.on_roster,
                        "identifiers": [
                            {"kind": i.kind, "called": KINDS[i.kind], "value": i.value, "scope": i.scope}
                            for i in each.identifiers
                        ],
                    }
                    for each in records
                ],
            }
        )
    conflicts = [conflict.sentence for conflict in directory.open_conflicts()]
    removed = [asdict(each) for each in book.removals()]
    return {"schema": 1, "people": people, "removed": removed, "conflicts": conflicts}


def _identifier(directory: Directory, query: str) -> Slot:
    """Return the identifier with a value, or with a kind and a value as in ``login:aa11``."""
    kind, _, value = query.rpartition(":")
    wanted = (value if kind in KINDS else query).strip().casefold()
    found = [
        each for each in directory.owners if each[2] == wanted and (kind not in KINDS or each[0] == kind)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ways = ", ".join(f"{each[0]}:{wanted}" for each in sorted(found))
        raise UsageError(f"{query!r} is several identifiers; name the kind: {ways}")
    raise UsageError(f"nobody has the identifier {query!r}; `grade people` lists all")


def _two(book: Gradebook, people: Sequence[str], what: str) -> tuple[int, int]:
    if len(people) != 2:
        raise UsageError(f"{what} takes two people" if what == "merge" else f"{what} takes one or two people")
    one, two = (find_record(book, query) for query in people)
    if one == two:
        raise UsageError(f"{people[0]} and {people[1]} are one record")
    return one, two


def _joins(link: Link, one: Sequence[int], two: Sequence[int]) -> bool:
    return (link.first in one and link.second in two) or (link.first in two and link.second in one)


def _path(directory: Directory, one: int, two: int) -> list[Link]:
    """Return the merges to end so that two records are two people: the last one on each way between them."""
    ended: list[Link] = []
    while way := _way([link for link in directory.merges if link not in ended], one, two):
        by_name = [link for link in way if link.reason == NAME]
        ended.append((by_name or way)[-1])
    return ended


def _way(merges: Sequence[Link], one: int, two: int) -> list[Link]:
    """Return the merges on a shortest way between two records; [] if there is none."""
    ways: dict[int, list[Link]] = {one: []}
    front = [one]
    while front and two not in ways:
        record = front.pop(0)
        for link in merges:
            if record in (link.first, link.second):
                other = link.second if record == link.first else link.first
                if other not in ways:
                    ways[other] = [*ways[record], link]
                    front.append(other)
    return ways.get(two, [])

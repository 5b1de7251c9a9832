"""Records that a later roster or worksheet has replaced, and that hold nothing of anybody's."""

from __future__ import annotations

from collections.abc import Collection

from grader.classroom.people.directory import Directory, Record
from grader.classroom.people.students import name_orders


def superseded(directory: Directory, used: Collection[int], teams: Collection[int]) -> set[int]:
    """Return the roots of people who are not listed, since nothing but an old row or folder speaks for them.

    A row without identifiers that a newer roster has replaced, of somebody whose name is on that roster, is
    nobody's: of namesakes, nothing tells whose it was. So is a team's name once its members are known.

    Args:
        used: records with attempts or adjustments, which always keep their person listed.
        teams: records of teams that have passed all they had to their members.
    """
    listed = {order for each in directory.records.values() if each.on_roster for order in _orders(each)}
    found = set()
    for records in directory.people():
        if any(each.on_roster or each.identifiers or each.id in used for each in records):
            continue
        if all(each.id in teams or not listed.isdisjoint(_orders(each)) for each in records):
            found.add(records[0].id)
    return found


def _orders(record: Record) -> set[str]:
    return {order for name in record.names for order in name_orders(name)}

"""Match records by name, where one person alone can be meant, and end matches that are no longer certain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from grader.classroom.people.directory import CONTESTED, NAME, Directory, Link, Partition
from grader.classroom.people.students import name_orders, normalize_name

_HANDLES = ("login", "sis", "student id", "github", "email")  # kinds that files and folders are named after


def match_names(directory: Directory) -> None:
    """Compute anew which records are matched by name.

    A name counts only while nobody shares it: records with a name in common are one person if no two of them
    are known to be two people. Records without identifiers, which files and folders named, are also matched
    by a login, an id or an e-mail address.
    """
    wanted = Partition(directory.strong.members)
    for group in _groups(directory):
        for root in group[1:]:
            wanted.union(group[0], root)
    kept = Partition(directory.strong.members)
    strong = directory.strong.root
    merges = []
    for link in directory.merges:
        one, two = strong(link.first), strong(link.second)
        if link.reason != NAME or (wanted.root(one) == wanted.root(two) and kept.union(one, two)):
            merges.append(link)
    for group in wanted.members.values():
        merges += [Link.between(group[0], root, NAME) for root in group[1:] if kept.union(group[0], root)]
    directory.merges = merges
    directory.refresh()


@dataclass(frozen=True, slots=True)
class _Names:
    """The normalized names of a person as they were written, and in every order of their words."""

    written: set[str]
    orders: set[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> _Names:
        written, orders = set[str](), set[str]()
        for name in names:
            own, possible = normalize_name(name), name_orders(name)
            # A comma tells the last name from the first ones: only those two orders, not every rotation.
            handle = f",{own}" if "," in name else own
            if own:
                written.add(handle)
                orders |= {handle, *possible}
        return cls(written, orders)

    def meet(self, other: _Names) -> bool:
        """Return whether a name of the one, as it was written, is one of the other's in some order."""
        return not (self.written.isdisjoint(other.orders) and other.written.isdisjoint(self.orders))


def _groups(directory: Directory) -> list[list[int]]:
    """Return groups of strong clusters, by their roots, that are one person by name."""
    records, strong = directory.records, directory.strong
    disputed = {conflict.record for conflict in directory.open_conflicts()}
    roots = [root for root in sorted(strong.members) if _takes_part(directory, root, disputed)]
    names = {root: _Names.of(n for id in strong.members[root] for n in records[id].names) for root in roots}
    identified = [root for root in roots if any(records[id].identifiers for id in strong.members[root])]
    people = _unambiguous(directory, identified, names)
    nameless = {group[0] for group in people if len(group) == 1 and _is_nameless(directory, group[0])}
    named = [group for group in people if group[0] not in nameless]
    # First those whom only an identifier names, such as a folder's login; then files without any.
    people = _join(directory, named, sorted(nameless), names)
    joined = {root for group in people for root in group}
    people += [[root] for root in sorted(nameless - joined)]
    people = _join(directory, people, [root for root in roots if root not in set(identified)], names)
    joined = {root for group in people for root in group}
    find = _finder(directory, people, names)
    strangers = [root for root in roots if root not in joined and not find(root)]
    return [sorted(group) for group in (*people, *_unambiguous(directory, strangers, names))]


def _join(
    directory: Directory,
    people: Sequence[Sequence[int]],
    candidates: Sequence[int],
    names: Mapping[int, _Names],
) -> list[list[int]]:
    """Add each candidate to the one group that its name can mean, unless that makes two people one."""
    joining: dict[int, list[int]] = defaultdict(list)
    find = _finder(directory, people, names)
    for root in candidates:
        if len(found := find(root)) == 1:
            joining[found.pop()].append(root)
    groups = []
    for number, group in enumerate(people):
        whole = [*group, *joining[number]]
        groups.append(whole if _are_one_person(directory, whole) else list(group))
    return groups


def _finder(
    directory: Directory, people: Sequence[Sequence[int]], names: Mapping[int, _Names]
) -> Callable[[int], set[int]]:
    """Return a function that finds the groups, by position, that the names of a cluster can mean."""
    by_written, by_any = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    for number, group in enumerate(people):
        for root in group:
            for handle in names[root].written:
                by_written[handle].add(number)
            for handle in names[root].orders | _id_handles(directory, root):
                by_any[handle].add(number)

    def find(root: int) -> set[int]:
        found = {number for name in names[root].written for number in by_any.get(name, ())}
        return found | {number for name in names[root].orders for number in by_written.get(name, ())}

    return find


def _is_nameless(directory: Directory, root: int) -> bool:
    """Return whether all names of a cluster are its own identifiers, which stand where a name is missing."""
    records = [directory.records[id] for id in directory.strong.members[root]]
    values = {identifier.normalized for record in records for identifier in record.identifiers}
    return all(name.strip().casefold() in values for record in records for name in record.names)


def _takes_part(directory: Directory, root: int, disputed: Collection[int]) -> bool:
    """Return whether a cluster may be matched by name: not while all of it contradicts other claims."""
    records = [directory.records[id] for id in directory.strong.members[root]]
    is_known = any(
        each.origin != CONTESTED or (each.on_roster and each.id not in disputed) for each in records
    )
    return is_known and all(each.removed is None for each in records)


def _unambiguous(directory: Directory, roots: Sequence[int], names: Mapping[int, _Names]) -> list[list[int]]:
    """Group clusters that all have a name in common with each other, unless two of them are two people."""
    by_order: dict[str, list[int]] = defaultdict(list)
    for root in roots:
        for name in names[root].orders:
            by_order[name].append(root)
    joined = Partition(roots)
    for root in roots:
        for other in (other for name in names[root].written for other in by_order[name]):
            joined.union(root, other)
    groups: list[list[int]] = []
    for group in joined.members.values():
        is_certain = all(names[a].meet(names[b]) for a, b in combinations(group, 2))
        if is_certain and _are_one_person(directory, group):
            groups.append(group)
        else:
            groups += [[root] for root in group]
    return groups


def _are_one_person(directory: Directory, roots: Iterable[int]) -> bool:
    return not any(directory.contradicts(a, b) for a, b in combinations(roots, 2))


def _id_handles(directory: Directory, root: int) -> set[str]:
    """Return what a folder would be called that is named after an identifier."""
    identifiers = [i for id in directory.strong.members[root] for i in directory.records[id].identifiers]
    values = {i.value for i in identifiers if i.kind in _HANDLES}
    values |= {i.value.partition("@")[0] for i in identifiers if i.kind == "email"}
    return {normalize_name(value) for value in values} - {""}

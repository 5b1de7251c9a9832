"""The directory of people in the gradebook: loaded, saved, and decided on by hand, each decision undoable."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from grader.classroom.people.directory import NAME, Conflict, Directory, Link, Record, Slot
from grader.classroom.people.identity import Identifier
from grader.classroom.people.name_matching import match_names
from grader.classroom.storage.store import Store, current_user, timestamp
from grader.text import line

_WHY = {
    "identifier": "their identifiers were given together",
    "name": "they have one name",
    "listed": "one table or download has both",
    "contested": "claims contradict each other",
}


_SLOT = "kind = ? AND scope = ? AND normalized = ?"
# A record, or an identifier's slot and the record it was taken from.
Removed = int | tuple[str, str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """The links that an edit began and ended, with the ids of their rows."""

    began: tuple[tuple[int, Link], ...] = ()
    ended: tuple[tuple[int, Link], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision of staff about records."""

    id: int
    at: str
    who: str
    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Somebody who was taken out of the class: by whom and when, and the reason."""

    student: str
    name: str
    by: str
    because: str

    @property
    def sentence(self) -> str:
        """The removal, for staff."""
        return (
            f"{line(self.name)} ({self.student}) was removed from the class ({line(self.by)}): "
            f"{line(self.because)}"
        )


class RecordStore(Store):
    """The part of a gradebook that says who is who."""

    _loaded: tuple[int, Directory] | None = None

    def directory(self) -> Directory:
        """Return the people of the class; do not change them outside of ``editing``."""
        version = self._rows("PRAGMA data_version")[0][0]  # changes when another connection commits
        if self._loaded is None or self._loaded[0] != version:
            self._loaded = version, self._load()
        return self._loaded[1]

    @contextmanager
    def editing(self, because: str = "", who: str = "") -> Iterator[Directory]:
        """Yield the people for changes, and save them, with matches by name anew, at the block's end.

        The changes of links are in ``changes`` afterwards. Use it inside a transaction.
        """
        self._loaded = None
        directory = self.directory()
        try:
            yield directory
            match_names(directory)
            self.changes = self._save(directory, because, who or current_user())
        except BaseException:
            self._loaded = None
            raise

    changes = LinkChanges()

    def move_identifier(self, moved: Slot, to: int) -> None:
        """Give an identifier to another record. Use it inside a transaction, before ``editing``."""
        self._rows(f"UPDATE identifier SET person = ? WHERE {_SLOT}", to, *moved)

    def decide(self, what: str, because: str, who: str, *, removed: Sequence[Removed] = ()) -> None:
        """Store the decision that the last ``editing`` carried out, so that it can be undone.

        Args:
            removed: records taken out of the class, or identifiers with the record that had them before.
        """
        began, ended = ([id for id, link in links if link.reason != NAME] for links in self._both_changes())
        # A match by name that a decision confirms or ends comes back by itself when the decision is undone.
        row = (
            timestamp(),
            who,
            what,
            because,
            json.dumps(began),
            json.dumps(ended),
            json.dumps(list(removed)),
        )
        self._rows("INSERT INTO decision VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, NULL)", *row)

    def last_decision(self) -> Decision | None:
        """Return the newest decision that was not undone."""
        rows = self._rows("SELECT * FROM decision WHERE undone IS NULL ORDER BY id DESC LIMIT 1")
        fields = Decision.__dataclass_fields__
        return Decision(**{name: rows[0][name] for name in fields}) if rows else None

    def removals(self) -> list[Removal]:
        """Return everybody who was taken out of the class, by key."""
        directory, found = self.directory(), []
        query = "SELECT why FROM change WHERE person = ? AND what = 'removed' ORDER BY id DESC LIMIT 1"
        for root in (directory.records[id] for id in directory.clusters.members):
            if root.removed is not None:
                why = next((str(row["why"]) for row in self._rows(query, root.id)), "")
                found.append(Removal(student=root.key, name=root.name, by=root.removed, because=why))
        return sorted(found, key=lambda each: each.student)

    def undo(self, decision: Decision, because: str, who: str) -> list[int]:
        """Take back a decision, and return the records it was about. Use it inside a transaction."""
        row = self._rows("SELECT began, ended, removed FROM decision WHERE id = ?", decision.id)[0]
        note = f"{timestamp()} {who}"
        for link in json.loads(row["began"]):
            self._rows("UPDATE link SET ended = ? WHERE id = ?", note, link)
        for link in json.loads(row["ended"]):
            self._rows("UPDATE link SET ended = NULL WHERE id = ?", link)
        removed, records = json.loads(row["removed"]), set[int]()
        for each in removed:
            if isinstance(each, int):
                self._rows("UPDATE person SET removed = NULL WHERE id = ?", each)
                records.add(each)
            else:
                self.move_identifier((each[0], each[1], each[2]), each[3])
                records.add(each[3])
        self._rows("UPDATE decision SET undone = ? WHERE id = ?", note, decision.id)
        with self.editing(because, who):
            pass  # the matches by name are made anew
        links = [*json.loads(row["began"]), *json.loads(row["ended"])]
        pairs = [self._rows("SELECT first, second FROM link WHERE id = ?", link)[0] for link in links]
        return sorted({*records, *(record for pair in pairs for record in pair)})

    def log_change(
        self, record: int, what: str, before: str | None, after: str | None, why: str, who: str | None = None
    ) -> None:
        """Add a line to the audit trail of a record; ``who`` defaults to the current user."""
        query = "INSERT INTO change VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
        self._rows(query, timestamp(), who or current_user(), record, what, before, after, why)

    def _both_changes(self) -> tuple[tuple[tuple[int, Link], ...], ...]:
        return self.changes.began, self.changes.ended

    def _load(self) -> Directory:
        records = {row["id"]: _record(row) for row in self._rows("SELECT * FROM person ORDER BY id")}
        for row in self._rows("SELECT * FROM person_name"):
            records[row["person"]].names.add(row["name"])
        for row in self._rows("SELECT * FROM identifier ORDER BY rowid"):
            identifier = Identifier(row["kind"], row["value"], row["scope"])
            records[row["person"]].identifiers.append(identifier)
        links: dict[bool, list[Link]] = {True: [], False: []}
        for row in self._active_links():
            links[bool(row["is_merge"])].append(_link(row))
        conflicts = [
            Conflict(
                record=row["person"],
                others=tuple(json.loads(row["others"])),
                origin=row["origin"],
                sentence=row["sentence"],
            )
            for row in self._rows("SELECT * FROM conflict ORDER BY id")
        ]
        return Directory(records.values(), links[True], links[False], conflicts)

    def _active_links(self) -> list[sqlite3.Row]:
        return self._rows("SELECT * FROM link WHERE ended IS NULL ORDER BY id")

    def _save(self, directory: Directory, because: str, who: str) -> LinkChanges:
        for record in directory.records.values():
            self._save_record(record)
        stored = {(bool(row["is_merge"]), _link(row)): row["id"] for row in self._active_links()}
        held = [(True, link) for link in directory.merges] + [(False, link) for link in directory.apart]
        still = set(held)
        ended = [(id, each) for each, id in stored.items() if each not in still]
        for id, _ in ended:
            self._rows("UPDATE link SET ended = ? WHERE id = ?", f"{timestamp()} {who}", id)
        began = [(self._begin(*each, because, who), each) for each in held if each not in stored]
        for _, (is_merge, link) in ended:
            self._log_link(
                directory, link, "no longer merged" if is_merge else "not two people", because, who
            )
        for _, (is_merge, link) in began:
            self._log_link(directory, link, "merged" if is_merge else "two people", because, who)
        self._rows("DELETE FROM conflict")
        for each in directory.conflicts:
            row = (each.record, json.dumps(each.others), each.origin, each.sentence)
            self._rows("INSERT INTO conflict VALUES (NULL, ?, ?, ?, ?)", *row)
        return LinkChanges(
            began=tuple((id, link) for id, (_, link) in began),
            ended=tuple((id, link) for id, (_, link) in ended),
        )

    def _begin(self, is_merge: bool, link: Link, because: str, who: str) -> int:
        query = "INSERT INTO link VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, NULL) RETURNING id"
        row = (is_merge, link.first, link.second, link.reason, because, who, timestamp())
        return int(self._rows(query, *row)[0]["id"])

    def _log_link(self, directory: Directory, link: Link, what: str, because: str, who: str) -> None:
        why = because or _WHY.get(link.reason, link.reason)
        for own, other in ((link.first, link.second), (link.second, link.first)):
            self.log_change(own, what, None, directory.records[other].key, why, who)

    def _save_record(self, record: Record) -> None:
        query = """INSERT INTO person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, listed_as = excluded.listed_as, section = excluded.section,
            is_student = excluded.is_student, on_roster = excluded.on_roster,
            handed_in = excluded.handed_in, unread_time = excluded.unread_time, removed = excluded.removed"""
        self._rows(
            query,
            record.id,
            record.key,
            record.name,
            record.origin,
            record.listed_as,
            record.section,
            record.is_student,
            record.on_roster,
            record.handed_in.isoformat() if record.handed_in else None,
            record.unread_time,
            record.removed,
        )
        for name in sorted(record.names):
            self._rows("INSERT OR IGNORE INTO person_name VALUES (?, ?)", record.id, name)
        for each in record.identifiers:
            row = (each.kind, each.scope, each.normalized, each.value, record.id)
            self._rows("INSERT OR IGNORE INTO identifier VALUES (?, ?, ?, ?, ?)", *row)


def _record(row: sqlite3.Row) -> Record:
    plain = ("id", "key", "name", "origin", "listed_as", "section", "unread_time", "removed")
    return Record(
        **{name: row[name] for name in plain},
        is_student=bool(row["is_student"]),
        on_roster=bool(row["on_roster"]),
        handed_in=datetime.fromisoformat(row["handed_in"]) if row["handed_in"] else None,
    )


def _link(row: sqlite3.Row) -> Link:
    return Link(first=row["first"], second=row["second"], reason=row["reason"])

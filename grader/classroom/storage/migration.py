"""Bring a gradebook of schema 1, in which a student was a name and a row, to the present schema."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grader.classroom.people.directory import (
    IDENTIFIER,
    ROSTER,
    SUBMISSION,
    Conflict,
    Directory,
    agree,
    single_values,
    slot,
)
from grader.classroom.people.identity import Identifier, identifiers_from
from grader.classroom.storage.store import schema

if TYPE_CHECKING:
    from grader.classroom.storage.gradebook import Gradebook

_REPLACED = ("adjustment", "change", "student")  # tables of schema 1, those that refer to others first
_MADE = re.compile(r"^CREATE (?:TABLE|INDEX) (\w+)", re.MULTILINE)


def migrate(book: Gradebook, database: sqlite3.Connection) -> None:
    """Copy the file, and move its students into the tables of the present schema.

    Runs inside a transaction: if anything fails, the file is as it was. Students who share an identifier
    become one person by a merge, which can be split.
    """
    copy = copy_of(book.path)
    print(f"grade: {book.path} is brought up to date; the old one is kept as {copy}", file=sys.stderr)
    old = {name: database.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in _REPLACED}
    for name in _REPLACED:
        database.execute(f"DROP TABLE {name}")
    kept = {row["name"] for row in database.execute("SELECT name FROM sqlite_master")}
    for statement in schema():
        if (made := _MADE.search(statement)) and made[1] not in kept:
            database.execute(statement)
    with book.editing("gradebook of an older version of grade") as directory:
        ids = _add_students(directory, old["student"])
    graded = {row["student"]: row["id"] for row in old["change"] if row["what"] == "graded"}
    in_order = sorted(old["student"], key=lambda row: graded.get(row["key"], 0))
    for run, row in enumerate(in_order, start=1):  # of students who are one person, the last graded counts
        if row["label"] is not None:
            _add_attempt(database, ids[row["key"]], run, row)
    for row in old["adjustment"]:
        names = ("kind", "criterion", "points", "because", "who", "at", "earned", "verdict")
        values = (row["id"], ids[row["student"]], *(row[name] for name in names))
        columns = f"id, person, {', '.join(names)}, scope, withdrawn"
        query = f"INSERT INTO adjustment ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'person', ?)"
        database.execute(query, (*values, row["withdrawn"]))
    new = database.execute("SELECT * FROM change ORDER BY id").fetchall()
    database.execute("DELETE FROM change")  # the older lines come first
    insert = "INSERT INTO change VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
    for row in old["change"]:
        if row["student"] in ids:
            values = (row["at"], row["who"], ids[row["student"]])
            database.execute(insert, (*values, row["what"], row["before"], row["after"], row["why"]))
    for row in new:
        database.execute(insert, tuple(row)[1:])
    book.set_setting("run", len(in_order))


def copy_of(path: Path) -> Path:
    """Copy a gradebook beside itself under a name that is free, and return the copy's path.

    It is read by a connection of its own: one that is about to write would wait for itself.
    """
    number, copy = 2, path.with_name(f"{path.stem}.v1{path.suffix}")
    while True:
        try:
            copy.touch(exist_ok=False)
            break
        except FileExistsError:
            copy, number = path.with_name(f"{path.stem}.v1-{number}{path.suffix}"), number + 1
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def _add_students(directory: Directory, students: list[sqlite3.Row]) -> dict[str, int]:
    """Add a record for each student, and return their ids by key."""
    ids: dict[str, int] = {}
    for row in students:
        stored = json.loads(row["ids"])
        record = directory.add(row["name"], ROSTER if row["on_roster"] else SUBMISSION)
        record.key, record.section = row["key"], stored.get("section", "")
        record.on_roster = bool(row["on_roster"])
        record.listed_as = row["name"] if row["on_roster"] and row["name"] not in stored.values() else ""
        ids[row["key"]] = record.id
        identifiers = identifiers_from(stored)
        owners = sorted({directory.owners[slot(i)] for i in identifiers if slot(i) in directory.owners})
        directory.give(record.id, identifiers)
        for owner in owners:
            _join(directory, record.id, owner, identifiers)
    return ids


def _join(directory: Directory, record: int, owner: int, identifiers: tuple[Identifier, ...]) -> None:
    """Merge two students who share an identifier, or note that they contradict each other."""
    values = directory.values(directory.strongly(owner))
    if agree(single_values(identifiers), values) and not directory.contradicts(record, owner):
        directory.merge(record, owner, IDENTIFIER)
        return
    first, second = directory.records[owner], directory.records[record]
    sentence = (
        f"{second.name} ({second.key}) and {first.name} ({first.key}) have an identifier in common, and "
        "others that differ."
    )
    conflict = Conflict(record=record, others=(owner,), origin=SUBMISSION, sentence=sentence)
    directory.conflicts.append(conflict)


def _add_attempt(database: sqlite3.Connection, person: int, run: int, row: sqlite3.Row) -> None:
    found = database.execute("SELECT notebook FROM result WHERE id = ?", (row["result"],)).fetchone()
    handed_in = datetime.fromisoformat(row["handed_in"]).isoformat() if row["handed_in"] else None
    notebook = found["notebook"] if found else ""
    values = (
        person,
        run,
        run,
        row["label"],
        notebook,
        0,
        handed_in,
        "",
        row["late"],
        "",
        None,
        row["result"],
    )
    database.execute("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

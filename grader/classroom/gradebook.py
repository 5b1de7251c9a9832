"""The gradebook: one SQLite file with every result, every person's word, and who changed what when.

Every change is a transaction of its own, so that whatever ends the program leaves a whole gradebook behind.
"""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from grader.classroom.marks import Adjustment, FinalMark, LateRule, mark
from grader.classroom.store import Store
from grader.classroom.students import Person
from grader.model import Figure, Grade, figure_from_json, grade_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInputs:
    """All that a result depends on; with the same inputs it is the same, and is used again."""

    notebook: str
    rubric: str
    grader: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookEntry:
    """A student in the gradebook: what counts, and what it comes to."""

    person: Person
    on_roster: bool
    label: str | None
    attempts: int
    handed_in: datetime | None
    is_late: bool
    result: int | None
    inputs: ResultInputs | None
    grade: Grade | None
    adjustments: tuple[Adjustment, ...]
    mark: FinalMark


class Gradebook(Store):
    """An open gradebook. Raises UsageError for whatever is wrong with the file."""

    def late_rule(self) -> LateRule | None:
        """The late rule of the last batch."""
        kept = self.setting("late")
        return LateRule.from_settings(kept) if kept else None

    # Results

    def find(self, inputs: ResultInputs) -> int | None:
        """The newest result with these inputs, except one that a failure of the grader's made provisional."""
        query = """SELECT id, readable, json_extract(grade, '$.provisional') AS provisional FROM result
            WHERE notebook = ? AND rubric = ? AND grader = ? AND settings = ? ORDER BY id DESC LIMIT 1"""
        rows = self._rows(query, *asdict(inputs).values())
        is_sound = rows and not (rows[0]["provisional"] and rows[0]["readable"])
        return int(rows[0]["id"]) if is_sound else None

    def add_result(
        self, inputs: ResultInputs, grade: Grade, figures: Sequence[Figure], *, readable: bool
    ) -> int:
        """Keep a result, and return its number."""
        packed = zlib.compress(json.dumps([asdict(figure) for figure in figures]).encode())
        text = json.dumps(grade.as_json(), ensure_ascii=False)
        row = (*asdict(inputs).values(), now(), readable, text, packed)
        query = "INSERT INTO result VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
        return int(self._rows(query, *row)[0]["id"])

    def is_readable(self, notebook: str) -> bool:
        """Whether a notebook was graded, and could be read for it within the limits that reading has."""
        return bool(self._rows("SELECT 1 FROM result WHERE notebook = ? AND readable LIMIT 1", notebook))

    def grade(self, result: int) -> Grade:
        """The grade of a result."""
        return grade_from_json(
            json.loads(self._rows("SELECT grade FROM result WHERE id = ?", result)[0]["grade"])
        )

    def figures(self, result: int) -> tuple[Figure, ...]:
        """The figures of a result."""
        packed = self._rows("SELECT figures FROM result WHERE id = ?", result)[0]["figures"]
        return tuple(figure_from_json(each) for each in json.loads(zlib.decompress(packed)))

    # Students

    def people(self) -> list[Person]:
        """Everybody, by key."""
        rows = self._rows("SELECT key, name, ids FROM student ORDER BY key")
        return [Person(key=row["key"], name=row["name"], ids=json.loads(row["ids"])) for row in rows]

    def enter(
        self,
        person: Person,
        *,
        on_roster: bool,
        label: str | None = None,
        attempts: int = 0,
        handed_in: datetime | None = None,
        is_late: bool = False,
        result: int | None = None,
    ) -> None:
        """Write what counts for a student; without a result, an earlier one stays."""
        query = """INSERT INTO student VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
            name = excluded.name, ids = excluded.ids, on_roster = excluded.on_roster,
            label = coalesce(excluded.label, label), attempts = max(excluded.attempts, attempts),
            handed_in = coalesce(excluded.handed_in, handed_in), late = excluded.late,
            result = coalesce(excluded.result, result)"""
        when = handed_in.isoformat() if handed_in else None
        ids = json.dumps(dict(person.ids), ensure_ascii=False)
        self._rows(query, person.key, person.name, ids, on_roster, label, attempts, when, is_late, result)

    def standing(self, key: str) -> GradebookEntry:
        """One student."""
        return next(self.standings(key))

    def standings(self, key: str | None = None) -> Iterator[GradebookEntry]:
        """Every student, or one, by name; one after another, so that a class fits into little memory."""
        rule = self.late_rule()
        query = """SELECT student.*, notebook, rubric, grader, settings, grade FROM student
            LEFT JOIN result ON result.id = student.result"""
        query += " WHERE key = ?" if key is not None else " ORDER BY name COLLATE NOCASE, key"
        said: dict[str, list[Adjustment]] = {}
        for row in self._rows("SELECT * FROM adjustment WHERE withdrawn IS NULL ORDER BY id"):
            fields = {name: row[name] for name in Adjustment.__dataclass_fields__}
            said.setdefault(row["student"], []).append(Adjustment(**fields))
        cursor = self._told(lambda: self._db.execute(query, () if key is None else (key,)))
        with closing(cursor):
            for row in cursor:
                yield _standing(row, tuple(said.get(row["key"], ())), rule)

    # A person's word, and the audit trail

    def adjust(self, student: str, kind: str, criterion: str, amount: float, because: str, who: str) -> None:
        """Write down a person's word, with what the judge says at this moment."""
        grade = self.standing(student).grade
        result = next((r for r in grade.criteria if r.id == criterion), None) if grade else None
        verdict = (result.earned, result.verdict.value) if result else (None, None)
        query = "INSERT INTO adjustment VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
        with self.transaction():
            before = self.standing(student).mark
            self._rows(query, student, kind, criterion, amount, because, who, now(), *verdict)
            after = self.standing(student).mark
            self.note(student, f"{kind} {criterion}", _final(before), _final(after), because, who)

    def withdraw(self, adjustment: Adjustment, student: str, because: str, who: str) -> None:
        """Take back a person's word; it stays in the trail."""
        with self.transaction():
            before = self.standing(student).mark
            query = "UPDATE adjustment SET withdrawn = ? WHERE id = ?"
            self._rows(query, f"{now()} {who}", adjustment.id)
            what = f"withdraw {adjustment.kind} {adjustment.criterion}"
            self.note(student, what, _final(before), _final(self.standing(student).mark), because, who)

    def note(
        self, student: str, what: str, before: str | None, after: str | None, why: str, who: str | None = None
    ) -> None:
        """Add a line to the audit trail."""
        query = "INSERT INTO change VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
        self._rows(query, now(), who or user(), student, what, before, after, why)

    def trail(self, student: str) -> list[Mapping[str, str | None]]:
        """Every change of a student's, the first first: at, who, what, before, after, why."""
        rows = self._rows("SELECT * FROM change WHERE student = ? ORDER BY id", student)
        return [{name: row[name] for name in dict(row) if name not in ("id", "student")} for row in rows]

    # What is kept to save time

    def stamp(self, student: str) -> str | None:
        """What the student's pages were last made from."""
        rows = self._rows("SELECT stamp FROM edition WHERE student = ?", student)
        return rows[0]["stamp"] if rows else None

    def set_stamp(self, student: str, stamp: str) -> None:
        """Remember what the student's pages were made from."""
        self._rows("INSERT OR REPLACE INTO edition VALUES (?, ?)", student, stamp)

    def cells(self, notebook: str) -> list[str]:
        """The text of a notebook's code cells; none where it was not kept."""
        rows = self._rows("SELECT cells FROM code WHERE notebook = ?", notebook)
        return list(json.loads(zlib.decompress(rows[0]["cells"]))) if rows else []

    def marks(self, kind: str) -> dict[str, bytes]:
        """The fingerprints of every notebook, by SHA-256, that were taken in this way."""
        rows = self._rows("SELECT notebook, marks FROM code WHERE kind = ?", kind)
        return {row["notebook"]: bytes(row["marks"]) for row in rows}

    def set_code(self, notebook: str, cells: Sequence[str], kind: str, marks: bytes) -> None:
        """Keep a notebook's code and its fingerprints."""
        packed = zlib.compress(json.dumps(list(cells)).encode())
        self._rows("INSERT OR REPLACE INTO code VALUES (?, ?, ?, ?)", notebook, packed, kind, marks)

    def alike(self) -> list[tuple[str, str, float, str]]:
        """Pairs of students whose code is alike: both keys, the share, the page that shows it."""
        return [tuple(row) for row in self._rows("SELECT * FROM alike ORDER BY share DESC, first, second")]

    def set_alike(self, pairs: Sequence[tuple[str, str, float, str]]) -> None:
        """Replace the pairs."""
        with self.transaction():
            self._rows("DELETE FROM alike")
            for pair in pairs:
                self._rows("INSERT INTO alike VALUES (?, ?, ?, ?)", *pair)


def now() -> str:
    """The moment, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def user() -> str:
    """Who runs this, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _standing(row: sqlite3.Row, adjustments: tuple[Adjustment, ...], rule: LateRule | None) -> GradebookEntry:
    grade = grade_from_json(json.loads(row["grade"])) if row["grade"] else None
    handed_in = datetime.fromisoformat(row["handed_in"]) if row["handed_in"] else None
    inputs = (
        ResultInputs(**{name: row[name] for name in ResultInputs.__dataclass_fields__}) if grade else None
    )
    return GradebookEntry(
        person=Person(key=row["key"], name=row["name"], ids=json.loads(row["ids"])),
        on_roster=bool(row["on_roster"]),
        label=row["label"],
        attempts=row["attempts"],
        handed_in=handed_in,
        is_late=bool(row["late"]),
        result=row["result"],
        inputs=inputs,
        grade=grade,
        adjustments=adjustments,
        mark=mark(grade, adjustments, rule, handed_in),
    )


def _final(mark: FinalMark) -> str:
    return "excused" if mark.is_excused else "none" if mark.final is None else f"{mark.final:g}"

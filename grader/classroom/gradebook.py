"""Gradebook of a class: results, students, adjustments and the audit trail in one SQLite file.

Each change is a transaction of its own, so the file stays consistent however the program ends.
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

from grader.classroom.lateness import LateRule
from grader.classroom.marks import Adjustment, FinalMark, final_mark
from grader.classroom.store import Store
from grader.classroom.students import Person
from grader.model import Figure, Grade, figure_from_json, grade_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInputs:
    """Everything a result depends on; a result with equal inputs is reused.

    Attributes:
        notebook: SHA-256 of the notebook and of the local modules beside it.
        rubric: digest of the rubric's folder.
        grader: version and digest of the code that decides verdicts.
        settings: the options, as JSON.
    """

    notebook: str
    rubric: str
    grader: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookEntry:
    """A student's row in the gradebook: the attempt that counts, its grade, and the final mark.

    Attributes:
        label: name of the file that counts; None if nothing was handed in.
        handed_in: time given by the learning platform; None if it gives none.
        is_late: whether the platform marks the attempt as late.
        result: id of the result, and ``inputs`` what it depends on; None until it is graded.
        adjustments: those not withdrawn, oldest first.
    """

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
    """An open gradebook. Every method raises UsageError if the file cannot be read or written."""

    def late_rule(self) -> LateRule | None:
        """Return the late rule of the last batch."""
        stored = self.setting("late")
        return LateRule.from_settings(stored) if stored else None

    # Results

    def find_result(self, inputs: ResultInputs) -> int | None:
        """Return the id of the newest result with these inputs, or None.

        A provisional result of a readable notebook does not count: the grader itself failed, so the notebook
        is graded again. What a person has to review would only come out the same once more.
        """
        query = """SELECT id, readable, json_extract(grade, '$.provisional') AS provisional,
            json_extract(grade, '$.review') AS review FROM result
            WHERE notebook = ? AND rubric = ? AND grader = ? AND settings = ? ORDER BY id DESC LIMIT 1"""
        rows = self._rows(query, *asdict(inputs).values())
        is_reusable = rows and not (rows[0]["provisional"] and rows[0]["readable"] and not rows[0]["review"])
        return int(rows[0]["id"]) if is_reusable else None

    def add_result(
        self, inputs: ResultInputs, grade: Grade, figures: Sequence[Figure], *, readable: bool
    ) -> int:
        """Store a result and return its id."""
        # Figures are arrays of numbers as JSON text, which zlib shrinks considerably.
        packed = zlib.compress(json.dumps([asdict(figure) for figure in figures]).encode())
        text = json.dumps(grade.as_json(), ensure_ascii=False)
        row = (*asdict(inputs).values(), timestamp(), readable, text, packed)
        query = "INSERT INTO result VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
        return int(self._rows(query, *row)[0]["id"])

    def is_readable(self, notebook: str) -> bool:
        """Return whether a graded notebook, by SHA-256, could be read within the reader's limits."""
        return bool(self._rows("SELECT 1 FROM result WHERE notebook = ? AND readable LIMIT 1", notebook))

    def grade(self, result: int) -> Grade:
        """Return the grade of a result."""
        return grade_from_json(
            json.loads(self._rows("SELECT grade FROM result WHERE id = ?", result)[0]["grade"])
        )

    def figures(self, result: int) -> tuple[Figure, ...]:
        """Return the figures of a result."""
        packed = self._rows("SELECT figures FROM result WHERE id = ?", result)[0]["figures"]
        return tuple(figure_from_json(each) for each in json.loads(zlib.decompress(packed)))

    # Students

    def people(self) -> list[Person]:
        """Return every student, sorted by key."""
        rows = self._rows("SELECT key, name, ids FROM student ORDER BY key")
        return [Person(key=row["key"], name=row["name"], ids=json.loads(row["ids"])) for row in rows]

    def save_student(
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
        """Insert or update a student; without a new label, time or result, the earlier one stays."""
        query = """INSERT INTO student VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
            name = excluded.name, ids = excluded.ids, on_roster = excluded.on_roster,
            label = coalesce(excluded.label, label), attempts = max(excluded.attempts, attempts),
            handed_in = coalesce(excluded.handed_in, handed_in), late = excluded.late,
            result = coalesce(excluded.result, result)"""
        when = handed_in.isoformat() if handed_in else None
        ids = json.dumps(dict(person.ids), ensure_ascii=False)
        self._rows(query, person.key, person.name, ids, on_roster, label, attempts, when, is_late, result)

    def entry(self, key: str) -> GradebookEntry:
        """Return the entry of one student."""
        return next(self.entries(key))

    def entries(self, key: str | None = None) -> Iterator[GradebookEntry]:
        """Yield the entries of all students, or of one, sorted by name.

        Grades are parsed one at a time, so that a large class does not have to fit into memory.
        """
        rule = self.late_rule()
        query = """SELECT student.*, notebook, rubric, grader, settings, grade FROM student
            LEFT JOIN result ON result.id = student.result"""
        query += " WHERE key = ?" if key is not None else " ORDER BY name COLLATE NOCASE, key"
        adjustments: dict[str, list[Adjustment]] = {}
        for row in self._rows("SELECT * FROM adjustment WHERE withdrawn IS NULL ORDER BY id"):
            fields = {name: row[name] for name in Adjustment.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118
            adjustments.setdefault(row["student"], []).append(Adjustment(**fields))
        cursor = self._checked(lambda: self._db.execute(query, () if key is None else (key,)))
        with closing(cursor):
            for row in cursor:
                yield _entry_from_row(row, tuple(adjustments.get(row["key"], ())), rule)

    # Adjustments and the audit trail

    def adjust(self, student: str, kind: str, criterion: str, amount: float, because: str, who: str) -> None:
        """Add an adjustment and log it.

        The current verdict and points of the criterion are stored with it, so that a later regrade that
        changes them can be flagged.

        Args:
            student: key of the student.
            kind, criterion, because: see ``Adjustment``; ``amount`` is its ``points``.
            who: name of the person who makes the adjustment.
        """
        grade = self.entry(student).grade
        result = next((r for r in grade.criteria if r.id == criterion), None) if grade else None
        verdict = (result.earned, result.verdict.value) if result else (None, None)
        query = "INSERT INTO adjustment VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
        with self.transaction():
            before = self.entry(student).mark
            self._rows(query, student, kind, criterion, amount, because, who, timestamp(), *verdict)
            after = self.entry(student).mark
            self.log_change(student, f"{kind} {criterion}", _final(before), _final(after), because, who)

    def withdraw(self, adjustment: Adjustment, student: str, because: str, who: str) -> None:
        """Withdraw an adjustment; its row and its lines in the audit trail remain."""
        with self.transaction():
            before = self.entry(student).mark
            query = "UPDATE adjustment SET withdrawn = ? WHERE id = ?"
            self._rows(query, f"{timestamp()} {who}", adjustment.id)
            what = f"withdraw {adjustment.kind} {adjustment.criterion}"
            self.log_change(student, what, _final(before), _final(self.entry(student).mark), because, who)

    def log_change(
        self, student: str, what: str, before: str | None, after: str | None, why: str, who: str | None = None
    ) -> None:
        """Add a line to the audit trail; ``who`` defaults to the current user."""
        query = "INSERT INTO change VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
        self._rows(query, timestamp(), who or current_user(), student, what, before, after, why)

    def audit_trail(self, student: str) -> list[Mapping[str, str | None]]:
        """Return a student's changes, oldest first, each with at, who, what, before, after and why."""
        rows = self._rows("SELECT * FROM change WHERE student = ? ORDER BY id", student)
        return [{name: row[name] for name in dict(row) if name not in ("id", "student")} for row in rows]

    # Derived data, kept to save time

    def report_digest(self, student: str) -> str | None:
        """Return the digest of what the student's reports were last rendered from."""
        rows = self._rows("SELECT stamp FROM edition WHERE student = ?", student)
        return rows[0]["stamp"] if rows else None

    def set_report_digest(self, student: str, digest: str) -> None:
        """Store the digest of what the student's reports were rendered from."""
        self._rows("INSERT OR REPLACE INTO edition VALUES (?, ?)", student, digest)

    def cells(self, notebook: str) -> list[str]:
        """Return the source of a notebook's code cells; an empty list if it is not stored."""
        rows = self._rows("SELECT cells FROM code WHERE notebook = ?", notebook)
        return list(json.loads(zlib.decompress(rows[0]["cells"]))) if rows else []

    def fingerprints(self, kind: str) -> dict[str, bytes]:
        """Return the packed fingerprints of this kind, by the notebook's SHA-256."""
        rows = self._rows("SELECT notebook, marks FROM code WHERE kind = ?", kind)
        return {row["notebook"]: bytes(row["marks"]) for row in rows}

    def save_code(self, notebook: str, cells: Sequence[str], kind: str, fingerprints: bytes) -> None:
        """Store a notebook's code cells and packed fingerprints."""
        packed = zlib.compress(json.dumps(list(cells)).encode())
        self._rows("INSERT OR REPLACE INTO code VALUES (?, ?, ?, ?)", notebook, packed, kind, fingerprints)

    def similar_pairs(self) -> list[tuple[str, str, float, str]]:
        """Return pairs of students with similar code: both keys, the shared fraction, the page's path."""
        return [tuple(row) for row in self._rows("SELECT * FROM alike ORDER BY share DESC, first, second")]

    def set_similar_pairs(self, pairs: Sequence[tuple[str, str, float, str]]) -> None:
        """Replace all pairs of students with similar code."""
        with self.transaction():
            self._rows("DELETE FROM alike")
            for pair in pairs:
                self._rows("INSERT INTO alike VALUES (?, ?, ?, ?)", *pair)


def timestamp() -> str:
    """Return the current time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def current_user() -> str:
    """Return the name of the user who runs this process, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _entry_from_row(
    row: sqlite3.Row, adjustments: tuple[Adjustment, ...], rule: LateRule | None
) -> GradebookEntry:
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
        mark=final_mark(grade, adjustments, rule, handed_in),
    )


def _final(mark: FinalMark) -> str:
    return "excused" if mark.is_excused else "none" if mark.final is None else f"{mark.final:g}"

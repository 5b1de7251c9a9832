"""Results in the gradebook: grades by what they depend on, and the code of the notebooks."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from grader.classroom.storage.store import Store, timestamp
from grader.judging.marking import Marking, remark
from grader.model import Figure, Grade, figure_from_json, grade_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInputs:
    """Everything a verdict depends on; a result with equal inputs is reused.

    Attributes:
        notebook: SHA-256 of the notebook and of the local modules beside it.
        rubric: digest of the part of the rubric that decides verdicts.
        grader: version and digest of the code that decides verdicts.
        settings: the options, as JSON.
    """

    notebook: str
    rubric: str
    grader: str
    settings: str


_INPUTS = tuple(ResultInputs.__dataclass_fields__)
# Whether a person has to grade something, and nothing else is undecided.
_ONLY_OPEN = """(SELECT coalesce(sum(verdict = 'open'), 0) > 0 AND coalesce(sum(verdict = 'error'), 0) = 0
    FROM (SELECT json_extract(value, '$.verdict') AS verdict FROM json_each(grade, '$.criteria')))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A result without its grade.

    Attributes:
        is_reusable: False if the grader itself failed, so that the notebook is graded again. What a person
            has to review or to grade would only come out the same once more.
    """

    id: int
    inputs: ResultInputs
    is_reusable: bool


class ResultStore(Store):
    """The part of a gradebook that holds results and the code they are of."""

    def marking(self) -> Marking | None:
        """Return the points and words of the last run's rubric; None in gradebooks of early versions."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'marking'")
        return _marking(rows[0]["value"]) if rows else None

    def set_marking(self, marking: Marking) -> None:
        """Store the points and words by which every grade is marked from now on."""
        self.set_setting("marking", json.dumps(marking.as_json(), sort_keys=True))

    def results_of(self, notebook: str) -> list[StoredResult]:
        """Return the results of a notebook, newest first."""
        query = f"""SELECT id, {", ".join(_INPUTS)}, readable, json_extract(grade, '$.review') AS review,
            json_extract(grade, '$.provisional') AS provisional, {_ONLY_OPEN} AS only_open
            FROM result WHERE notebook = ? ORDER BY id DESC"""
        return [
            StoredResult(
                id=row["id"],
                inputs=_inputs(row),
                is_reusable=not (row["provisional"] and row["readable"])
                or bool(row["review"])
                or bool(row["only_open"]),
            )
            for row in self._rows(query, notebook)
        ]

    def add_result(
        self, inputs: ResultInputs, grade: Grade, figures: Sequence[Figure], *, readable: bool
    ) -> int:
        """Store a result and return its id."""
        # Figures are arrays of numbers as JSON text, which zlib shrinks considerably.
        packed = zlib.compress(json.dumps([asdict(figure) for figure in figures]).encode())
        text = _grade_text(grade)
        row = (*asdict(inputs).values(), timestamp(), readable, text, packed)
        query = "INSERT INTO result VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
        return int(self._rows(query, *row)[0]["id"])

    def find_equal(self, inputs: ResultInputs, grade: Grade) -> int | None:
        """Return the id of a stored result that equals this one, times included; None if there is none."""
        query = f"""SELECT id FROM result WHERE {" AND ".join(f"{name} = ?" for name in _INPUTS)}
            AND grade = ? ORDER BY id DESC"""
        rows = self._rows(query, *asdict(inputs).values(), _grade_text(grade))
        return int(rows[0]["id"]) if rows else None

    def is_readable(self, notebook: str) -> bool:
        """Return whether a graded notebook, by SHA-256, could be read within the reader's limits."""
        return bool(self._rows("SELECT 1 FROM result WHERE notebook = ? AND readable LIMIT 1", notebook))

    def grade(self, result: int) -> Grade:
        """Return the grade of a result."""
        return self.result(result)[1]

    def result(self, result: int) -> tuple[ResultInputs, Grade]:
        """Return a result's inputs, and its grade with the points and words of the last run's rubric."""
        query = f"SELECT {', '.join(_INPUTS)}, readable, grade FROM result WHERE id = ?"
        row = self._rows(query, result)[0]
        inputs, grade = _inputs(row), grade_from_json(json.loads(row["grade"]))
        if marking := self.marking():
            grade = remark(grade, marking, readable=bool(row["readable"]), judged_by=inputs.rubric)
        return inputs, grade

    def judged_criteria(self, result: int) -> list[str]:
        """Return the ids of a result's criteria in the order of the rubric that judged it."""
        query = "SELECT value FROM result, json_each(result.grade, '$.criteria') WHERE result.id = ?"
        return [json.loads(row["value"])["id"] for row in self._rows(query, result)]

    def figures(self, result: int) -> tuple[Figure, ...]:
        """Return the figures of a result."""
        packed = self._rows("SELECT figures FROM result WHERE id = ?", result)[0]["figures"]
        return tuple(figure_from_json(each) for each in json.loads(zlib.decompress(packed)))

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

    def report_digest(self, student: str) -> str | None:
        """Return the digest of what the student's reports were last rendered from."""
        rows = self._rows("SELECT stamp FROM edition WHERE student = ?", student)
        return rows[0]["stamp"] if rows else None

    def report_digests(self) -> dict[str, str]:
        """Return the digest of what each student's reports were last rendered from, by key."""
        return {row["student"]: row["stamp"] for row in self._rows("SELECT student, stamp FROM edition")}

    def set_report_digest(self, student: str, digest: str) -> None:
        """Store the digest of what the student's reports were rendered from."""
        self._rows("INSERT OR REPLACE INTO edition VALUES (?, ?)", student, digest)

    def reported(self) -> set[str]:
        """Return the keys that reports were written for."""
        return {row["student"] for row in self._rows("SELECT student FROM edition")}

    def forget_report(self, student: str) -> None:
        """Note that a key has no reports any more."""
        self._rows("DELETE FROM edition WHERE student = ?", student)


@lru_cache(maxsize=4)
def _marking(stored: str) -> Marking:
    """Return the marking that ``set_marking`` stored; parsed once, since every grade needs it."""
    return Marking.from_json(json.loads(json.loads(stored)))


def _grade_text(grade: Grade) -> str:
    return json.dumps(grade.as_json(), ensure_ascii=False)


def _inputs(row: sqlite3.Row) -> ResultInputs:
    return ResultInputs(**{name: row[name] for name in _INPUTS})

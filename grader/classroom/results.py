"""Results in the gradebook: grades by what they depend on, and the code of the notebooks."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from grader.classroom.store import Store, timestamp
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


class ResultStore(Store):
    """The part of a gradebook that holds results and the code they are of."""

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
        return self.result(result)[1]

    def result(self, result: int) -> tuple[ResultInputs, Grade]:
        """Return a result's inputs and its grade."""
        names = tuple(ResultInputs.__dataclass_fields__)
        row = self._rows(f"SELECT {', '.join(names)}, grade FROM result WHERE id = ?", result)[0]
        return ResultInputs(**{name: row[name] for name in names}), grade_from_json(json.loads(row["grade"]))

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

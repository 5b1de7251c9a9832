"""Workers that hold one piece of source, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.zygote import Zygote

LoadStudent = Callable[..., Student]


def source_of(
    *statements: str, names: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> WorkerSource:
    """The source of a notebook with these statements in cell 7, from line 3 on, a line for each."""
    rows = [
        {"source": statement, "cell": 7, "line": line, "flags": 0}
        for line, statement in enumerate(statements, start=3)
    ]
    return WorkerSource(statements=rows, names=names or {}, files=files or {})


@pytest.fixture
def load_student(zygote: Zygote) -> Iterator[LoadStudent]:
    """Load statements into a worker of their own; workers are closed after the test."""
    students: list[Student] = []

    def load(
        *statements: str,
        names: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Student:
        source = source_of(*statements, names=names, files=files)
        students.append(Student(zygote=zygote, source=source, **options))
        return students[-1]

    yield load
    for student in students:
        student.close()

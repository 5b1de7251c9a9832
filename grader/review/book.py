"""The gradebook with what the review pages keep in it."""

from __future__ import annotations

from pathlib import Path

from grader.errors import UsageError
from grader.review.bank import BankStore
from grader.review.blind import SampleStore
from grader.review.claims import ClaimStore
from grader.review.codes import CodeStore
from grader.review.decisions import DecisionStore
from grader.review.index import ClassIndex

_SCHEMA = Path(__file__).parent / "schema.sql"


class ReviewBook(DecisionStore, BankStore, SampleStore, CodeStore, ClaimStore):
    """An open gradebook for the review pages. One thread uses it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if not self._is_writable:
            raise UsageError(f"{self.path} cannot be written to; make it and its folder writable to review")
        with self.transaction():
            for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
                self._rows(statement)
        self.index = ClassIndex()
        self.index.refresh(self)

"""An account of every file: graded, used, not graded for a reason, or clutter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

BESIDE = "it is neither a notebook nor a script"
_MAX_HARMLESS = 30  # names of files that are no notebooks, in one sentence
_MAX_NAMES = 10  # files that one sentence names
_MAX_SHOWN = 2_000  # files that the gradebook and the class page list by name


class Fate(Enum):
    """Status of a file in the account."""

    GRADED = "graded"
    USED = "used"
    NOT_GRADED = "not graded"
    CLUTTER = "clutter"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file with its status.

    Attributes:
        name: its label; with a "/" at the end, a folder and everything in it.
        reason: why it was not graded, as the end of a sentence that begins with "it".
        student: whose it is, as far as that is known.
        sentence: what to tell staff; "" if files of one student are named together.
        is_told: whether a sentence elsewhere names it.
        needs_action: whether a student's work could not be graded.
        is_harmless: whether it could not be graded by its kind, and something else of the student's was.
    """

    name: str
    fate: Fate
    reason: str = ""
    student: str = ""
    sentence: str = ""
    is_told: bool = False
    needs_action: bool = False
    is_harmless: bool = False


class Account:
    """The records of one run, by file."""

    def __init__(self) -> None:
        self._records: dict[str, FileRecord] = {}

    def add(self, record: FileRecord) -> None:
        """Record the status of a file; the first record of a file stays."""
        self._records.setdefault(record.name, record)

    def refuse(self, name: str, reason: str, sentence: str = "") -> None:
        """Record that a student's work was not graded."""
        self.add(
            FileRecord(
                name=name,
                fate=Fate.NOT_GRADED,
                reason=reason,
                sentence=sentence or f"{name} was refused: {reason}",
                needs_action=True,
            )
        )

    def leave_out(self, name: str, reason: str, student: str = "") -> None:
        """Record that a file was not graded, which needs nobody's attention."""
        self.add(FileRecord(name=name, fate=Fate.NOT_GRADED, reason=reason, student=student))

    def leave_beside(self, name: str, student: str = "") -> None:
        """Record a file that is neither a notebook nor a script, such as a picture beside a notebook."""
        record = FileRecord(name=name, fate=Fate.NOT_GRADED, reason=BESIDE, student=student, is_harmless=True)
        self.add(record)

    def use(self, name: str, reason: str, student: str = "") -> None:
        """Record that a file was not graded itself but used."""
        self.add(FileRecord(name=name, fate=Fate.USED, reason=reason, student=student))

    def pass_over(self, name: str) -> None:
        """Record a file that operating systems or editors left behind."""
        self.add(FileRecord(name=name, fate=Fate.CLUTTER))

    def records(self) -> tuple[FileRecord, ...]:
        """Return all records in the order of the files' names."""
        return tuple(self._records[name] for name in sorted(self._records))

    def __contains__(self, name: str) -> bool:
        return name in self._records


def refused(records: Iterable[FileRecord]) -> list[str]:
    """Return a sentence for each file, or each student's files, that somebody has to look at."""
    return list(_sentences(record for record in records if record.needs_action))


def left_out(records: Iterable[FileRecord]) -> list[str]:
    """Return sentences on the other files that were not graded, with one for all that are harmless."""
    rest = [record for record in records if record.fate is Fate.NOT_GRADED and not record.needs_action]
    harmless = [record for record in rest if record.is_harmless]
    sentences = list(_sentences(record for record in rest if not record.is_harmless))
    if harmless:
        names = Counter(PurePosixPath(record.name).name for record in harmless)
        listed = [f"{name} ({count:,} times)" if count > 1 else name for name, count in names.items()]
        sentences.append(
            f"Neither notebooks nor scripts, so not graded: {_shortened(listed, _MAX_HARMLESS)}."
        )
    return sentences


def summary(records: Sequence[FileRecord]) -> str:
    """Return the number of files by status, in a sentence."""
    counts = Counter(record.fate for record in records)
    words = {
        Fate.GRADED: "graded",
        Fate.USED: "used beside them",
        Fate.NOT_GRADED: "not graded",
        Fate.CLUTTER: "passed over as clutter",
    }
    parts = [f"{counts[fate]:,} {word}" for fate, word in words.items() if counts[fate]]
    return f"{len(records):,} file{'s' if len(records) != 1 else ''}: {', '.join(parts) or 'none'}."


def as_json(records: Sequence[FileRecord]) -> dict[str, Any]:
    """Return the account as the gradebook keeps it: counts, and the files by status."""
    lists: dict[str, list[dict[str, str]]] = {fate.value: [] for fate in Fate}
    for record in records:
        listed = lists[record.fate.value]
        if len(listed) < _MAX_SHOWN or record.needs_action:
            listed.append({"name": record.name, "reason": record.reason, "student": record.student})
    counts = Counter(record.fate.value for record in records)
    return {"summary": summary(records), "counts": dict(counts), "files": lists}


def not_graded(account: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the files that were not graded, from what ``as_json`` returned."""
    return list(account["files"][Fate.NOT_GRADED.value]) if account else []


def _sentences(records: Iterable[FileRecord]) -> Iterator[str]:
    """Yield a sentence for each record, or for all of one student that share a reason."""
    together: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.sentence:
            yield record.sentence
        elif not record.is_told:
            key = (record.student, record.reason) if record.student else (record.name, record.reason)
            together.setdefault(key, []).append(record.name)
    for (who, reason), names in together.items():
        if names == [who]:
            yield f"{who} was not graded: {reason}."
        else:
            yield f"{who}: {_listed(names)} {'were' if len(names) > 1 else 'was'} not graded: {reason}."


def _listed(names: Sequence[str]) -> str:
    return _shortened([PurePosixPath(name).name for name in names], _MAX_NAMES)


def _shortened(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more (see the class page)" if more > 0 else "")

"""Lists of what staff should look at first, by what is wrong, the most urgent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from grader.classroom.people.identity import KINDS
from grader.classroom.storage.entries import GradebookEntry
from grader.classroom.timing.unknown_times import has_unknown_time
from grader.extraction.introspection import is_for_a_person
from grader.model import CriterionResult, Verdict
from grader.text import line

_NEAR = 1.0  # percent on either side of a grade boundary
_MAX_ERRORS = 3  # criteria of one student that a sentence lists
FOLDED_AFTER = 10  # items of one list that are shown at once

# Title and explanation of each list by its anchor, in the order of the page.
LISTS: Mapping[str, tuple[str, str]] = {
    "code-to-ask-about": (
        "Code to ask about",
        "Questions, not verdicts: this code inspects the interpreter or its caller, or stores data. Read the "
        "lines; there may be a good reason for them.",
    ),
    "known-solutions": (
        "Code of known solutions",
        "Questions, not verdicts: at least half of the code, without the handout’s, is that of "
        "solutions that the rubric lists.",
    ),
    "staff-notes": ("Notes by staff", "Only staff see these."),
    "hardly-read": ("Could hardly be read", "Still provisional: part of the work may not have been found."),
    "to-grade": ("Answers to grade", "Still provisional: a person grades these criteria."),
    "undecided": (
        "The grader could not decide",
        "Still provisional: the points of these criteria are undecided.",
    ),
    "people-to-check": ("People to check", "What is said of these people contradicts itself."),
    "files-not-graded": ("Files that were not graded", ""),
    "unknown-times": ("Times that could not be read", "No late penalty was applied."),
    "missing-times": ("Submissions without a time", "Others have one; no late penalty was applied."),
    "unknown-lateness": ("Late, but not by how much", "The platform gives no time; no penalty was applied."),
    "changed-verdicts": ("Adjustments that need review", "A verdict has changed since it was adjusted."),
    "mixed-rubrics": (
        "Graded by different rubrics",
        "Their marks may not be comparable; grade them again by the same rubric.",
    ),
    "name-matches": ("Matched by name only", "Check that the submission is this person’s."),
    "near-boundaries": ("Near a grade boundary", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A sentence, and the key and name of each student it is about."""

    people: tuple[tuple[str, str], ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionList:
    """Everything that is wrong in one way."""

    anchor: str
    title: str
    explanation: str
    items: tuple[Item, ...]

    @property
    def shown(self) -> Sequence[Item]:
        """The items shown at once."""
        return self.items[:FOLDED_AFTER]

    @property
    def folded(self) -> Sequence[Item]:
        """The items that have to be unfolded."""
        return self.items[FOLDED_AFTER:]


class Attention:
    """Collects what staff should look at, one student at a time.

    Args:
        boundaries: of grades, in percent.
        refused: a sentence for each file that was not graded.
        solved: a sentence for each student with the code of known solutions, by key.
        has_due_date: whether it matters when something was handed in.
    """

    def __init__(
        self,
        boundaries: Iterable[float],
        refused: Iterable[str],
        solved: Mapping[str, str] = MappingProxyType({}),
        *,
        has_due_date: bool = False,
    ) -> None:
        self._boundaries, self._solved = tuple(boundaries), solved
        self._items: dict[str, list[Item]] = {anchor: [] for anchor in LISTS}
        self._items["files-not-graded"] = [Item(people=(), sentence=sentence) for sentence in refused]
        self._has_due_date, self._timeless = has_due_date, list[Item]()
        self._has_times = False
        self._contradictions: dict[str, list[tuple[str, str]]] = {}
        self._rubrics: dict[str, list[tuple[str, str]]] = {}

    def add(self, entry: GradebookEntry) -> None:
        """Add all that is to be said of one student."""
        person = (entry.person.key, entry.person.name)
        for anchor, sentence in concerns(entry, self._boundaries, self._solved):
            self._items[anchor].append(Item(people=(person,), sentence=sentence))
        self._has_times |= entry.handed_in is not None
        if has_unknown_time(entry) and not entry.unread_time and not entry.is_late:
            self._timeless.append(Item(people=(person,), sentence="no time is given"))
        for sentence in entry.conflicts:
            self._contradictions.setdefault(sentence, []).append(person)
        if entry.inputs:
            self._rubrics.setdefault(entry.inputs.rubric, []).append(person)

    def lists(self) -> list[AttentionList]:
        """Return the lists that hold anything, the most urgent first."""
        items = {
            **self._items,
            "people-to-check": [
                Item(people=tuple(people), sentence=sentence)
                for sentence, people in self._contradictions.items()
            ],
            "missing-times": self._timeless if self._has_due_date and self._has_times else [],
            "mixed-rubrics": _other_rubrics(self._rubrics),
        }
        return [
            AttentionList(anchor=anchor, title=title, explanation=explanation, items=tuple(items[anchor]))
            for anchor, (title, explanation) in LISTS.items()
            if items[anchor]
        ]


def concerns(
    entry: GradebookEntry,
    boundaries: Iterable[float],
    solved: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[str, str]]:
    """Yield the anchor of each list that a student alone belongs to, with a sentence.

    Args:
        boundaries, solved: see ``Attention``.
    """
    grade, mark, percent = entry.grade, entry.mark, entry.mark.percent
    if grade and (asked := [line(note) for note in grade.notes if is_for_a_person(note)]):
        yield "code-to-ask-about", " ".join(_asked(note) for note in asked)
    if sentence := solved.get(entry.person.key):
        yield "known-solutions", sentence
    for note in entry.staff_notes:
        yield "staff-notes", line(note)
    if grade and grade.provisional:
        to_grade = [result.id for result in grade.criteria if result.verdict is Verdict.OPEN]
        if to_grade:
            yield "to-grade", ", ".join(to_grade)
        if grade.review:
            yield "hardly-read", grade.review
        elif not to_grade or any(result.verdict is Verdict.ERROR for result in grade.criteria):
            yield "undecided", _errors(grade.criteria)
    if entry.unread_time:
        yield "unknown-times", f"“{line(entry.unread_time)}”"
    elif entry.is_late and not mark.penalty:
        yield "unknown-lateness", "marked as late"
    for each in mark.lines:
        if each.is_flagged:
            yield "changed-verdicts", line(each.sentence)
    if entry.matched_by == "name":
        yield "name-matches", f"only the name links the submission with {_identifiers(entry)}"
    for boundary in boundaries:
        if percent is not None and abs(percent - boundary) <= _NEAR:
            yield "near-boundaries", f"{percent:.1f} %, near the grade boundary at {boundary:g} %"


def ranks(lists: Iterable[AttentionList]) -> Mapping[str, int]:
    """Return the place of each student's most urgent list by the student's key; others are in none."""
    found: dict[str, int] = {}
    for place, attention in enumerate(lists):
        for key, _ in chain.from_iterable(item.people for item in attention.items):
            found.setdefault(key, place)
    return found


def _asked(note: str) -> str:
    """Return a note to a student as a sentence about them."""
    about, _, _ = note.partition("). ")
    return about.replace("Your code", "It", 1) + ")."


def _identifiers(entry: GradebookEntry) -> str:
    listed = (f"{KINDS[each.kind]} {line(each.value)}" for each in sorted(entry.by_name))
    return ", ".join(listed) or "the roster"


def _errors(results: Sequence[CriterionResult]) -> str:
    errors = [result for result in results if result.verdict is Verdict.ERROR]
    more = len(errors) - _MAX_ERRORS
    listed = [f"{result.id}: {line(result.message)}" for result in errors[:_MAX_ERRORS]]
    return " ".join([*listed, *([f"And {more} more."] if more > 0 else [])]) or "The notes say why."


def _other_rubrics(rubrics: Mapping[str, Sequence[tuple[str, str]]]) -> list[Item]:
    """Return the students who were not graded by the rubric that most were."""
    counts = Counter({digest: len(people) for digest, people in rubrics.items()})
    digests = [digest for digest, _ in counts.most_common()]
    return [
        Item(people=(person,), sentence=f"by rubric {digest[:8]}, most by {digests[0][:8]}")
        for digest in digests[1:]
        for person in rubrics[digest]
    ]

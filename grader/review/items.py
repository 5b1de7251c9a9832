"""Items of the queue: what of a student, or of a request, awaits a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC

from grader.classroom.pages.attention import LISTS, concerns
from grader.classroom.storage.entries import GradebookEntry
from grader.model import Verdict
from grader.review.index import digest, revision
from grader.review.requests import ESCALATED, Request
from grader.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to look at.

    Attributes:
        name: under which it is claimed and settled, such as "undecided:12".
        kind: anchor of its list on the class page, or another key of ``KINDS``.
        record: of the student.
        sentence: what is the matter.
        criteria: ids of the criteria concerned.
        revision: changes with what is the matter.
        address: of its page, if it is not the one of its kind and student.
        due: until when it is to be done, as ISO 8601 in UTC; what is due first comes first.
        is_for_head: whether only a head TA can do it.
    """

    name: str
    kind: str
    record: int
    sentence: str
    criteria: tuple[str, ...] = ()
    revision: str = ""
    address: str = ""
    due: str = ""
    is_for_head: bool = False

    @property
    def url(self) -> str:
        """The address of its page."""
        return self.address or f"/item/{self.kind}/{self.record}"


REQUESTS = "requests"
KINDS: dict[str, tuple[str, str]] = {
    REQUESTS: (
        "Requests for regrade",
        "Students ask to have a criterion looked at again; what is due first comes first.",
    ),
    **{kind: text for kind, text in LISTS.items() if kind not in ("files-not-graded", "mixed-rubrics")},
}
"""Title and explanation of each kind, in the order of urgency."""

PROVISIONAL = ("hardly-read", "undecided")  # kinds that end when somebody lets the grade count


def items_of(entry: GradebookEntry, boundaries: Iterable[float]) -> Iterator[Item]:
    """Yield what awaits a person in one student's entry."""
    sentences: dict[str, list[str]] = {}
    for kind, sentence in concerns(entry, boundaries):
        sentences.setdefault(kind, []).append(sentence)
    if entry.conflicts:
        sentences["people-to-check"] = list(entry.conflicts)
    for kind, found in sentences.items():
        criteria = _criteria(entry, kind)
        sentence = " ".join(found)
        yield Item(
            name=f"{kind}:{entry.person.record}",
            kind=kind,
            record=entry.person.record,
            sentence=sentence,
            criteria=criteria,
            revision=digest(sentence, entry.result, [revision(entry, each) for each in criteria]),
        )


def _criteria(entry: GradebookEntry, kind: str) -> tuple[str, ...]:
    results = entry.grade.criteria if entry.grade else ()
    if kind == "undecided":
        return tuple(result.id for result in results if result.verdict is Verdict.ERROR)
    if kind == "to-grade":
        return tuple(result.id for result in results if result.verdict is Verdict.OPEN)
    if kind == "changed-verdicts":
        adjusted = {each.criterion for each in entry.adjustments}
        return tuple(result.id for result in results if result.id in adjusted)
    if kind == "near-boundaries":
        lost = [result for result in results if result.earned < result.possible]
        return tuple(result.id for result in lost)
    return ()


def item_of_request(request: Request) -> Item:
    """Return a request for regrade that waits as an item of the queue."""
    until = f"due {request.due:%Y-%m-%d %H:%M}. " if request.due else ""
    late = "Overdue, " if request.is_overdue else ""
    for_head = "Waits for a head TA. " if request.state == ESCALATED else ""
    about = f"{late}{until}"
    return Item(
        name=request.item,
        kind=REQUESTS,
        record=request.record,
        sentence=f"{about[:1].upper()}{about[1:]}{for_head}{line(request.words)}",
        criteria=(request.criterion,),
        revision=request.revision,
        address=request.url,
        due=request.due.astimezone(UTC).isoformat() if request.due else "",
        is_for_head=request.state == ESCALATED,
    )

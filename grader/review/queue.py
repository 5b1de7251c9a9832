"""What awaits a person, the most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from grader.classroom.pages.attention import LISTS, concerns
from grader.classroom.pages.classpage import BOUNDARIES
from grader.classroom.storage.entries import GradebookEntry
from grader.model import Verdict
from grader.review.book import ReviewBook
from grader.review.claims import shuffled_place
from grader.review.index import digest, percent_of, revision


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
    """

    name: str
    kind: str
    record: int
    sentence: str
    criteria: tuple[str, ...] = ()
    revision: str = ""
    address: str = ""

    @property
    def url(self) -> str:
        """The address of its page."""
        return self.address or f"/item/{self.kind}/{self.record}"


KINDS: dict[str, tuple[str, str]] = {
    **{kind: text for kind, text in LISTS.items() if kind not in ("files-not-graded", "mixed-rubrics")},
}
"""Title and explanation of each kind, in the order of urgency."""

PROVISIONAL = ("hardly-read", "undecided")  # kinds that end when somebody lets the grade count

# Functions that yield more items; a module adds its own, and its kind to KINDS.
SOURCES: list[Callable[[ReviewBook], Iterable[Item]]] = []


def waiting(book: ReviewBook, who: str) -> list[Item]:
    """Return the items that nobody has settled, by kind, and within a kind in an order of this TA's own."""
    settled = book.settled()
    order = {kind: place for place, kind in enumerate(KINDS)}
    items = [item for item in _all_items(book) if settled.get(item.name) != item.revision]
    return sorted(items, key=lambda item: (order[item.kind], shuffled_place(who, item.name)))


def find_item(book: ReviewBook, kind: str, record: int) -> tuple[Item | None, bool]:
    """Return an item, if it is still one, and whether somebody has settled it."""
    item = next((each for each in _all_items(book) if (each.kind, each.record) == (kind, record)), None)
    return item, item is not None and book.settled().get(item.name) == item.revision


def _all_items(book: ReviewBook) -> Iterator[Item]:
    boundaries = tuple(book.setting("boundaries") or BOUNDARIES)
    known = _known(book)
    for record, entry in book.index.entries.items():
        found = known.get(record)
        if found is None or found[0] is not entry:
            found = known[record] = entry, tuple(_items_of(entry, boundaries))
        yield from found[1]
    for source in SOURCES:
        yield from source(book)


_Known = dict[int, tuple[GradebookEntry, tuple[Item, ...]]]
_KNOWN: dict[int, _Known] = {}


def _known(book: ReviewBook) -> _Known:
    """Return the items of entries that have not changed since."""
    return _KNOWN.setdefault(id(book), {})


def _items_of(entry: GradebookEntry, boundaries: Iterable[float]) -> Iterator[Item]:
    sentences: dict[str, list[str]] = {}
    for kind, sentence in concerns(entry, percent_of(entry), boundaries):
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


def counts(items: Iterable[Item]) -> Mapping[str, int]:
    """Return how many items there are of each kind."""
    found = dict.fromkeys(KINDS, 0)
    for item in items:
        found[item.kind] += 1
    return found

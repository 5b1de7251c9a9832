"""Requests for regrade: what a student asks, every step that was taken, and the state that these lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from grader.classroom.adjusting import check_criterion
from grader.classroom.storage.gradebook import timestamp
from grader.errors import UsageError
from grader.review.actions import Action, ActionStore, student_in_words
from grader.review.index import digest

OPEN, ESCALATED, ANSWERED, CLOSED = "open", "escalated", "answered", "closed"
WAITING = (OPEN, ESCALATED)  # states in which a person has to do something
MAX_WORDS = 4000  # characters of a request that are kept
_CUT = " […]"  # at the end of a longer one
_LEADS_TO = {  # the states that a person can lead a request to from each
    OPEN: (ANSWERED, ESCALATED, CLOSED),
    ESCALATED: (ANSWERED, OPEN, CLOSED),
    ANSWERED: (OPEN, CLOSED),
    CLOSED: (OPEN,),
}
_JUDGED = ""  # in place of the state of a step that changes none: the hand-in was judged again
# Of all or of one, with what decided and nobody has undone.
_STEPS = """SELECT step.* FROM review_request_step AS step
    LEFT JOIN review_action ON review_action.id = action
    WHERE review_action.undone IS NULL AND (? IS NULL OR request = ?) ORDER BY step.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a request: the state it led to, "" for a new judging, whose words are in ``why``."""

    id: int
    state: str
    at: str
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """A request as a TA saw it."""

    id: int
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request that somebody enters.

    Attributes:
        record: of the student.
        criterion: its id, or total.
        text: the student's words.
        sent: the time that a form gives, as it stands there; "" without one.
        due: until when it is to be answered.
    """

    record: int
    criterion: str
    text: str
    sent: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(NewRequest):
    """A request for regrade; ``at`` and ``who`` tell when and by whom it was entered."""

    id: int
    at: str
    who: str
    steps: Sequence[Step] = field(default=())

    @property
    def state(self) -> str:
        """One of open, escalated, answered and closed."""
        return next((step.state for step in reversed(self.steps) if step.state != _JUDGED), OPEN)

    @property
    def is_waiting(self) -> bool:
        """Whether a person has to do something."""
        return self.state in WAITING

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been answered by now."""
        return self.is_waiting and self.due is not None and self.due < datetime.now(UTC)

    @property
    def is_judged_again(self) -> bool:
        """Whether the hand-in was judged again for it."""
        return any(step.state == _JUDGED for step in self.steps)

    @property
    def leads_to(self) -> Sequence[str]:
        """The states that a person can lead it to."""
        return _LEADS_TO[self.state]

    @property
    def revision(self) -> str:
        """What changes with each step that a person takes."""
        return digest(self.id, [step.id for step in self.steps if step.state != _JUDGED])

    @property
    def seen(self) -> SeenRequest:
        """The request as it is now, to be changed only if nobody else does."""
        return SeenRequest(id=self.id, revision=self.revision)

    @property
    def words(self) -> str:
        """The criterion and what the student says, for a list."""
        return f"{self.criterion}: {self.text}"

    @property
    def item(self) -> str:
        """The name under which it is claimed."""
        return f"request:{self.id}"

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"/request/{self.id}"


class RequestStore(ActionStore):
    """The part of the gradebook that holds requests for regrade."""

    def add_request(self, new: NewRequest, who: str) -> int | None:
        """Enter a request, and return its id; None if the same one was entered before.

        Raises:
            UsageError: it has no words, or the student was not graded on the criterion.
        """
        text = new.text.strip()
        text = text if len(text) <= MAX_WORDS else text[: MAX_WORDS - len(_CUT)] + _CUT
        if not text:
            raise UsageError("a request needs the student's words")
        with self.transaction():
            self.index.refresh(self)
            entry = self.index.entries.get(new.record)
            if entry is None:
                raise UsageError("this student is not in the class any more")
            check_criterion(new.criterion, entry)
            query = """SELECT id FROM review_request
                WHERE person = ? AND criterion = ? AND text = ? AND sent = ?"""
            if self._rows(query, new.record, new.criterion, text, new.sent):
                return None
            due = new.due.isoformat() if new.due else None
            query = "INSERT INTO review_request VALUES (NULL, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
            values = (new.record, new.criterion, text, timestamp(), who, new.sent, due)
            id = int(self._rows(query, *values)[0]["id"])
            self.log_change(new.record, f"request {id} on {new.criterion}", None, OPEN, text, who)
        return id

    def requests(self) -> list[Request]:
        """Return the requests of everybody in the class, in the order in which they were entered."""
        return self._requests(None)

    def request(self, id: int) -> Request | None:
        """Return one request; None if there is none, or its student is not in the class any more."""
        return next(iter(self._requests(id)), None)

    def _requests(self, id: int | None) -> list[Request]:
        directory = self.directory()
        steps: dict[int, list[Step]] = {}
        for row in self._rows(_STEPS, id, id):
            names = Step.__dataclass_fields__
            steps.setdefault(row["request"], []).append(Step(**{name: row[name] for name in names}))
        rows = self._rows("SELECT * FROM review_request WHERE ? IS NULL OR id = ? ORDER BY id", id, id)
        found = (
            Request(
                **{name: row[name] for name in ("id", "criterion", "text", "sent", "at", "who")},
                record=directory.root(row["person"]).id,
                due=datetime.fromisoformat(row["due"]) if row["due"] else None,
                steps=tuple(steps.get(row["id"], ())),
            )
            for row in rows
        )
        return [each for each in found if each.record in self.index.entries]

    def as_seen(self, seen: SeenRequest) -> Request:
        """Return a request that nobody has changed since a TA saw it.

        Raises:
            UsageError: somebody has.
        """
        request = self.request(seen.id)
        if request is None:
            raise UsageError(f"there is no request {seen.id}")
        if request.revision != seen.revision:
            steps = [step for step in request.steps if step.state != _JUDGED]
            by = f" ({steps[-1].who}: {steps[-1].why})" if steps else ""
            raise UsageError(
                f"this request was changed meanwhile and is {request.state} now{by}; look at it again: "
                "nothing was written"
            )
        return request

    def lead(self, seen: SeenRequest, state: str, why: str, who: str) -> Action:
        """Lead a request to another state than answered, with a reason for staff.

        Raises:
            UsageError: somebody changed it meanwhile, there is no reason, or it cannot be led there.
        """
        if not why.strip():
            raise UsageError("say why; staff read it in the history")
        with self.transaction():
            self.index.refresh(self)
            request = self.as_seen(seen)
            if state == ANSWERED:
                raise UsageError("a request is answered by a decision on its criterion")
            of = student_in_words(request.record)
            action = self._add_action(who, f"request {request.id} of {of} is {state}: {why}")
            self._take_step(request, state, why, action)
        return action

    def _take_step(self, request: Request, state: str, why: str, action: Action) -> None:
        if state not in request.leads_to:
            raise UsageError(f"request {request.id} is {request.state}, and cannot become {state}")
        query = "INSERT INTO review_request_step VALUES (NULL, ?, ?, ?, ?, ?, ?)"
        self._rows(query, request.id, state, action.at, action.who, why, action.id)
        self._rows("DELETE FROM review_claim WHERE item = ?", request.item)
        what = f"request {request.id} on {request.criterion}"
        self.log_change(request.record, what, request.state, state, why, action.who)

    def add_judging(self, id: int, said: str, who: str) -> None:
        """Note what judging the hand-in again has said; the state stays."""
        query = "INSERT INTO review_request_step VALUES (NULL, ?, ?, ?, ?, ?, NULL)"
        self._rows(query, id, _JUDGED, timestamp(), who, said)

    def requests_of(self, action: int) -> list[Request]:
        """Return the requests that an action took a step of."""
        query = "SELECT DISTINCT request FROM review_request_step WHERE action = ?"
        ids = [row["request"] for row in self._rows(query, action)]
        return [found for id in ids if (found := self.request(id)) is not None]

    def log_undone(self, before: Sequence[Request], who: str) -> None:
        """Log to what states requests went back when the action that had changed them was undone."""
        for request in before:
            now = self.request(request.id)
            if now is not None and now.state != request.state:
                what = f"request {request.id} on {request.criterion}"
                self.log_change(request.record, what, request.state, now.state, "undone", who)

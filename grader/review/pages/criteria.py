"""By criterion: who lost points, in groups of alike answers, and one group with its members."""

from __future__ import annotations

from starlette.responses import Response

from grader.errors import UsageError
from grader.review.app import Call, act, show
from grader.review.decisions import row_item
from grader.review.evidence import evidence_of
from grader.review.grouped import BY, groups, outcomes
from grader.review.groups import Group
from grader.review.pages.names import naming


def criteria(call: Call) -> Response:
    """Show all criteria with the numbers of students by outcome, and how many are decided."""
    return call.page("criteria.html.j2", rows=outcomes(call.book))


def criterion(call: Call) -> Response:
    """Show the groups of a criterion."""
    id = call.path["criterion"]
    result = next((each for each, *_ in outcomes(call.book) if each.id == id), None)
    if result is None:
        return call.sorry(404, "Nobody was graded on this criterion.")
    found = _groups(call, id)
    return call.page(
        "criterion.html.j2", result=result, groups=found, claims=call.book.claims(), by=_by(call)
    )


def group_page(call: Call) -> Response:
    """Show one group: a member's evidence, all members, and the form for a decision on all of them."""
    book, id = call.book, call.path["criterion"]
    group = next((each for each in _groups(call, id) if each.id == call.path["group"]), None)
    if group is None:
        return call.go(f"/criterion/{id}", "This group is no more: its members' grades have changed.")
    claim = None
    if group.open_members:
        with book.transaction():
            claim = book.take(group.item, call.ta.name)
            book.visit(group.item, call.ta.name)
    records = [member.record for member in group.members]
    asked = call.query.get("member", "")
    place = records.index(int(asked)) if asked.isdecimal() and int(asked) in records else 0
    shown = group.members[place]
    return call.page(
        "group.html.j2",
        group=group,
        claim=claim,
        shown=shown,
        place=place,
        evidence=evidence_of(book, shown.entry, id),
        bank=book.bank(id),
        by=_by(call),
        name=naming(call),
    )


def split(call: Call) -> Response:
    """Take a member out of its group, or put it back."""
    id = call.path["criterion"]
    if not call.text("record").isdecimal():
        raise UsageError("this form is incomplete; reload the page")
    record = int(call.text("record"))
    item = row_item(id, record)
    is_apart = item not in call.book.splits()
    call.book.split(item, is_apart=is_apart)
    if not is_apart:
        return call.go(f"/criterion/{id}", "The student is back in the group of alike answers.")
    own = next((each for each in _groups(call, id) if each.members[0].record == record), None)
    notice = "Taken out of the group, and a group of its own now."
    return call.go(own.url if own else f"/criterion/{id}", notice)


def _by(call: Call) -> str:
    by = call.query.get("by", "")
    return by if by in BY else ""


def _groups(call: Call, criterion: str) -> list[Group]:
    return groups(call.book, criterion, call.ta.name, _by(call))


ROUTES = (
    show("/criteria", criteria),
    show("/criterion/{criterion}", criterion),
    show("/criterion/{criterion}/{group}", group_page),
    act("/criterion/{criterion}/split", split),
)

"""Blind samples: a person decides on lines of code without the verdict, and then sees how far both agree."""

from __future__ import annotations

from starlette.responses import Response

from grader.errors import UsageError
from grader.model import Listing
from grader.report.code import MAX_EXCERPT_LINES, CodeView, Excerpt
from grader.review.app import Call, act, show
from grader.review.blind import CANNOT_TELL, EARNED, NOT_EARNED, Sample
from grader.review.grouped import outcomes
from grader.review.pages.actions import number_of
from grader.review.pages.names import naming
from grader.written_answers import PERSON


def listing(call: Call) -> Response:
    """Show all samples, and the form that draws one."""
    criteria = [example for example, *_ in outcomes(call.book) if example.judged_by != PERSON]
    return call.page("samples.html.j2", samples=call.book.samples(), criteria=criteria)


def draw(call: Call) -> Response:
    """Draw a sample."""
    id = call.book.draw_sample(call.text("criterion"), number_of(call.text("number").strip()), call.ta.name)
    return call.go(f"/blind/{id}")


def sample_page(call: Call) -> Response:
    """Show the next hand-in of a sample without its verdict; once it is closed, how far both agree."""
    sample = _sample(call)
    if sample is None:
        return call.sorry(404, "There is no such sample.")
    titles = {example.id: example for example, *_ in outcomes(call.book)}
    next_one = next((each for each in sample.drawn if not each.said), None)
    entries = call.book.index.entries
    return call.page(
        "sample.html.j2",
        sample=sample,
        criterion=titles.get(sample.criterion),
        drawn=next_one,
        excerpt=_excerpt(call, next_one.result, sample.criterion) if next_one else None,
        words=(EARNED, NOT_EARNED, CANNOT_TELL),
        differing=[(each, entries.get(each.record)) for each in sample.drawn if each.differs],
        name=naming(call),
    )


def rate(call: Call) -> Response:
    """Take a person's word on one hand-in."""
    sample, said = _sample(call), call.text("said")
    if sample is None:
        return call.sorry(404, "There is no such sample.")
    if said not in (EARNED, NOT_EARNED, CANNOT_TELL):
        raise UsageError("this form is incomplete; reload the page")
    is_first = call.book.rate(sample.id, number_of(call.text("place")), said, call.ta.name)
    notice = "" if is_first else "Somebody else has decided on that one meanwhile; their word stays."
    return call.go(f"/blind/{sample.id}", notice)


def take_back(call: Call) -> Response:
    """Take back this TA's last word, which may have been given by mistake."""
    sample = _sample(call)
    if sample is None:
        return call.sorry(404, "There is no such sample.")
    is_taken = call.book.take_back(sample.id, call.ta.name)
    notice = "Your last word is taken back." if is_taken else "You have no word here that can be taken back."
    return call.go(f"/blind/{sample.id}", notice)


def close(call: Call) -> Response:
    """Close a sample on which everything is decided, and show how far both agree."""
    sample = _sample(call)
    if sample is None:
        return call.sorry(404, "There is no such sample.")
    call.book.close_sample(sample.id, call.ta.name)
    return call.go(f"/blind/{sample.id}")


def _sample(call: Call) -> Sample | None:
    return next((each for each in call.book.samples() if each.id == call.path["id"]), None)


def _excerpt(call: Call, result: int, criterion: str) -> Excerpt | None:
    """Return the lines that a criterion is about; comments that staff put at lines are not in the figures."""
    listing = next((each for each in call.book.figures(result) if isinstance(each, Listing)), None)
    return CodeView(listing).excerpt(criterion, whole_up_to=MAX_EXCERPT_LINES)


ROUTES = (
    show("/blind", listing),
    act("/blind", draw),
    show("/blind/{id:int}", sample_page),
    act("/blind/{id:int}/rate", rate),
    act("/blind/{id:int}/back", take_back),
    act("/blind/{id:int}/close", close),
)

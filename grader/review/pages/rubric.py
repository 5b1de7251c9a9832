"""What the class tells of the rubric."""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response

from grader.review.app import Call, show
from grader.review.rubric_statistics import rubric_statistics


def rubric(call: Call) -> Response:
    """Show how hard each criterion is, what goes together, and where numbers lie."""
    index = call.book.index
    known = index.cached("rubric")
    if known is None:
        known = index.cache("rubric", rubric_statistics(index.entries.values()))
    changed = Counter(id for entry in index.entries.values() for id in entry.mark.criteria)
    return call.page("rubric.html.j2", found=known, changed=changed)


ROUTES = (show("/rubric", rubric),)

"""Pages of a large class: its students, some hundred on each, so that a browser can show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.classroom.pages.heatmap import heat_map
from grader.classroom.pages.templating import environment
from grader.files import write
from grader.report.summary import Status

FOLDER = "students"  # below the output folder
MOST_ROWS = 600  # on the class page itself
_PER_PAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A page with some students: its address, the first and last name on it, and their number."""

    address: str
    first: str
    last: str
    count: int


def write_parts(
    names: Sequence[tuple[str, str]],
    rows: Callable[[slice], Sequence[Mapping[str, object]]],
    statuses: Mapping[str, Mapping[str, Status]],
    titles: Mapping[str, str],
    shared: Mapping[str, Any],
    out: Path,
) -> list[Part]:
    """Write the pages of a class with more than ``MOST_ROWS`` students, and remove those of earlier runs.

    Args:
        names: key and name of each student, in the order of names.
        rows: returns the rows of a table, for a range of the students.
        statuses, titles: see ``heat_map``.
        shared: values for the template, as on the class page.

    Returns:
        The pages; empty for a smaller class.
    """
    folder = out / FOLDER
    ranges = [slice(at, at + _PER_PAGE) for at in range(0, len(names), _PER_PAGE)]
    parts = [
        Part(
            address=f"{FOLDER}/{number:03}.html",
            first=names[each][0][1],
            last=names[each][-1][1],
            count=len(names[each]),
        )
        for number, each in enumerate(ranges if len(names) > MOST_ROWS else [], start=1)
    ]
    current = {out / part.address for part in parts}
    for path in folder.glob("*.html"):
        if path not in current:
            path.unlink(missing_ok=True)
    if parts:
        folder.mkdir(exist_ok=True)
    template = environment().get_template("students_page.html.j2")
    for number, (part, each) in enumerate(zip(parts, ranges, strict=False)):
        own = {key: statuses[key] for key, _ in names[each] if key in statuses}
        text = template.render(
            **shared,
            part=part,
            before=parts[number - 1] if number else None,
            after=parts[number + 1] if number + 1 < len(parts) else None,
            rows=rows(each),
            heat=heat_map(own, titles),
            base="../",
        )
        write(out / part.address, text)
    return parts

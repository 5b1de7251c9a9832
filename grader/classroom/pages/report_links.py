"""Links at the end of each staff report: to the class page, and to the reports before and after it.

They are put into files that are written already, since who comes next changes with the class while the
report itself does not. Students' editions have none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from grader.errors import UsageError
from grader.text import line

_TAIL = 4000  # bytes at the end of a report that can hold the links
_MAX_NAME = 80  # characters
_END = re.compile(rb'(?:<nav class="in-class".*?</nav>\n?)?</body>\s*</html>\s*\Z', re.DOTALL)


def link_reports(students: Sequence[tuple[str, str]], out: Path) -> None:
    """Bring the links of all staff reports up to date.

    Args:
        students: key and name of everybody with a report, in the order of the class page.

    Raises:
        UsageError: a report cannot be written.
    """
    for place, (key, _) in enumerate(students):
        before = students[place - 1] if place else None
        after = students[place + 1] if place + 1 < len(students) else None
        path = out / f"{key}.html"
        try:
            _write_end(path, _links(before, after).encode("utf-8", "replace"))
        except FileNotFoundError:
            continue  # another program removed it; the next run writes it again
        except OSError as error:
            raise UsageError(f"cannot write {path} ({error.strerror})") from error


def without_links(report: bytes) -> bytes:
    """Return a staff report without these links, for a frame in which they lead nowhere."""
    return report[:-_TAIL] + _END.sub(b"</body>\n</html>", report[-_TAIL:])


def _write_end(path: Path, end: bytes) -> None:
    with path.open("r+b") as file:
        start = max(file.seek(0, 2) - _TAIL, 0)
        file.seek(start)
        tail = file.read()
        found = _END.search(tail)
        if found is None or found[0] == end:
            return
        file.seek(start + found.start())
        file.write(end)  # before the file is cut, so that it always ends as a page does
        file.truncate()


def _links(before: tuple[str, str] | None, after: tuple[str, str] | None) -> str:
    links = ['<a href="index.html">Class page</a>']
    for label, relation, student in (("Before", "prev", before), ("Next", "next", after)):
        if student:
            name = escape(line(student[1])[:_MAX_NAME])
            links.append(f'<a rel="{relation}" href="{quote(student[0])}.html">{label}: {name}</a>')
    return f'<nav class="in-class" aria-label="Class">{" ".join(links)}</nav>\n</body>\n</html>'

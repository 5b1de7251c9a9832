"""Who may review: the people of ``--team FILE`` with their roles, or the user of this machine alone."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError
from grader.text import line

ROLES = {"ta": False, "head ta": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class TA:
    """A person who reviews; ``is_head`` if they may also release grades and undo what others decided."""

    name: str
    is_head: bool

    @property
    def role(self) -> str:
        """The role in words."""
        return "head TA" if self.is_head else "TA"


def read_team(path: Path) -> tuple[TA, ...]:
    """Read a CSV file with the columns ``name`` and ``role`` (TA or head TA).

    Raises:
        UsageError: it cannot be read, or names somebody twice, or another role, or no head TA.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); give a CSV file with the columns name,role"
        ) from error
    found: dict[str, TA] = {}
    for number, row in enumerate(rows, start=2):
        name, role = line(row.get("name") or ""), line(row.get("role") or "")
        if not name or role.casefold() not in ROLES:
            raise UsageError(
                f"{path}, line {number}: each line needs a name and a role, TA or head TA, "
                "as in “Ann Alder,head TA”"
            )
        if name in found:
            raise UsageError(f"{path}, line {number}: {name} is listed twice; give each TA one line")
        found[name] = TA(name=name, is_head=ROLES[role.casefold()])
    if not any(each.is_head for each in found.values()):
        raise UsageError(f"{path} has no head TA, who releases grades; give one person the role head TA")
    return tuple(found.values())

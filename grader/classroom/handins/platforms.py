"""Owners of files whose names a learning platform made: Canvas, Moodle, nbgrader and ILIAS.

Sources: Canvas's `content_zipper.rb` (family and given name, LATE, the user's and the attachment's id),
Moodle's `mod/assign/locallib.php` (full name, participant number, plugin), ILIAS's `ilExSubmission`
(family name, given name, login, user id).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from grader.classroom.handins.likeness import likeness
from grader.classroom.people.identity import Claim, Identifier

_CANVAS = re.compile(
    r"(?P<owner>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<attachment>\d+)_(?P<file>.+)", re.IGNORECASE
)
_CANVAS_ANONYMOUS = re.compile(
    r"(?P<owner>anon_[0-9A-Za-z]+)_(?P<late>LATE_)?(?P<attachment>\d+)_(?P<file>.+)", re.IGNORECASE
)
_CANVAS_AGAIN = re.compile(r"(?P<name>.+)-(?P<number>\d{1,3})")  # before the ending
_HOMEWORK = re.compile(
    r"(hw|homework|assignment|exercise|ex|sheet|lab|project|task|übung|uebung|blatt|serie)s?", re.IGNORECASE
)
_DATE = re.compile(r"(19|20)\d\d")
_MOODLE = re.compile(r"(?P<owner>.+)_(?P<user>\d+)_assignsubmission_[a-z]+(_.*)?", re.DOTALL)
_ILIAS = re.compile(r"(?P<last>[^_\d]+)_(?P<first>[^_\d]+)_(?P<login>[A-Za-z]\S*|\d{3,})_(?P<user>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerGuess:
    """Owner and attempt of a file, as far as names and platforms' metadata tell.

    Attributes:
        members, number, handed_in, unread_time, is_late, group: those of ``Attempt``.
        upload: rank of the file among all uploads, where the platform numbers them.
        place: folder of the submission, where the platform gives each a time of its own; "" elsewhere.
    """

    members: tuple[Claim, ...]
    number: int = 0
    handed_in: datetime | None = None
    unread_time: str = ""
    is_late: bool = False
    group: str = ""
    upload: int = 0
    place: str = ""

    @property
    def owner(self) -> str:
        """Name of the first member."""
        return self.members[0].name

    @property
    def is_named_by_platform(self) -> bool:
        """True if a platform's metadata or naming identifies the owner, not just any folder or file."""
        return any(member.identifiers for member in self.members) or self.upload > 0 or bool(self.group)

    @property
    def whose(self) -> str:
        """Names of all members, for a sentence."""
        return " and ".join(member.name for member in self.members)


def one_owner(name: str, *identifiers: Identifier) -> tuple[Claim, ...]:
    """Return the only member of an attempt."""
    return (Claim(name=name, identifiers=identifiers),)


def platform_owner(parts: Sequence[str]) -> OwnerGuess | None:
    """Return the owner of a file by its folders and name; None if no platform made them.

    The outermost part that a platform made decides: what lies inside was named by the student. What was given
    to ``grade`` comes last, since staff name the folder or archive of a class.
    """
    for part in (*parts[1:], parts[0]):
        if guess := _moodle_owner(part) or _canvas_owner(part):
            return guess
    return None


def is_canvas_name(part: str) -> bool:
    """Return whether Canvas may have made this name."""
    return _canvas_owner(part) is not None and _moodle_owner(part) is None


def nbgrader_owner(parts: Sequence[str]) -> str | None:
    """Return the student whose folder nbgrader collected a file from (``submitted/student/assignment/``)."""
    if "submitted" not in parts:
        return None
    below = parts[parts.index("submitted") + 1 :]
    is_empty = len(below) == 2 and not below[1]
    return below[0] if len(below) >= 3 or is_empty else None


def nbgrader_place(parts: Sequence[str]) -> str:
    """Return the folder of a submission that nbgrader collected, ``…/submitted/student/assignment``."""
    return "/".join(parts[: parts.index("submitted") + 3])


def ilias_owners(names: Iterable[Sequence[str]]) -> dict[tuple[str, ...], OwnerGuess]:
    """Return the owner of each folder, by its path, where ILIAS named at least half of those beside it."""
    subfolders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for parts in names:
        for depth in range(len(parts) - 1):
            subfolders[tuple(parts[:depth])].add(parts[depth])
    owners = {}
    for folder, children in subfolders.items():
        found = {child: match for child in children if (match := _ilias_match(child))}
        if 2 * len(found) >= len(children):  # the others are strays, such as a folder of the TA's
            for child, match in found.items():
                name = f"{match['first']} {match['last']}"
                login = Identifier("login", match["login"])
                owners[*folder, child] = OwnerGuess(members=one_owner(name, login))
    return owners


def _ilias_match(folder: str) -> re.Match[str] | None:
    match = _ILIAS.fullmatch(folder)
    return match if match and likeness(f"{match['last']} {match['first']}") else None


def with_canvas_attempts(guesses: Mapping[str, OwnerGuess]) -> dict[str, OwnerGuess]:
    """Return the guesses with the number of each attempt that Canvas's file names give.

    Canvas appends "-1" to a name that the same user has uploaded before. A number after a hyphen in any other
    name is the student's.
    """
    by_user: dict[tuple[Claim, ...], dict[str, str]] = defaultdict(dict)
    for name, guess in guesses.items():
        if (part := _canvas_part(PurePosixPath(name).parts)) is not None:
            by_user[guess.members][name] = part
    numbered = dict(guesses)
    for files in by_user.values():
        uploaded = {file.casefold() for file in files.values()}
        for name, file in files.items():
            path = PurePosixPath(file)
            again = _CANVAS_AGAIN.fullmatch(path.stem)
            if again and f"{again['name']}{path.suffix}".casefold() in uploaded:
                numbered[name] = replace(guesses[name], number=int(again["number"]))
    return numbered


def _moodle_owner(part: str) -> OwnerGuess | None:
    if not (match := _MOODLE.fullmatch(part)):
        return None
    if not int(match["user"]):  # nobody has the number 0: the files are of the team with this name
        return OwnerGuess(members=one_owner(match["owner"]), group=match["owner"])
    return OwnerGuess(members=one_owner(match["owner"], Identifier("moodle", match["user"])))


def _canvas_owner(part: str) -> OwnerGuess | None:
    if match := _CANVAS_ANONYMOUS.fullmatch(part):
        members = one_owner(match["owner"])  # the anonymous id is good for one submission only
    elif match := _CANVAS.fullmatch(part):
        if _DATE.fullmatch(match["user"]) and len(match["attachment"]) < 3:
            return None  # such as homework_2026_03_01
        if _HOMEWORK.fullmatch(match["owner"]) and len(match["user"]) < 4:
            return None  # such as homework_3_17_alder: sheet and group; Canvas's ids are longer
        members = one_owner(match["owner"], Identifier("canvas", match["user"]))
    else:
        return None
    return OwnerGuess(members=members, is_late=bool(match["late"]), upload=int(match["attachment"][:18]))


def _canvas_part(parts: Sequence[str]) -> str | None:
    """Return the student's own name of the file or archive that Canvas named."""
    match = _canvas_match(parts)
    return match["file"] if match else None


def _canvas_match(parts: Sequence[str]) -> re.Match[str] | None:
    for part in (*parts[1:], *parts[:1]):
        if _moodle_owner(part):
            return None
        if _canvas_owner(part):
            return _CANVAS_ANONYMOUS.fullmatch(part) or _CANVAS.fullmatch(part)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasUpload:
    """The parts of a file's name in Canvas: the user's id, "" if anonymous, and the name up to the file's."""

    user: str
    stem: str


def canvas_upload(parts: Sequence[str]) -> CanvasUpload | None:
    """Return what Canvas named a file by, from its folders and name; None if Canvas did not."""
    match = _canvas_match(parts)
    if match is None:
        return None
    user = match.groupdict().get("user") or ""
    return CanvasUpload(user=user, stem=match[0][: match.start("file") - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodleFolder:
    """Name and participant number in the name of a folder or file of Moodle's; a team has the number 0."""

    owner: str
    user: str


def moodle_folder(parts: Sequence[str]) -> MoodleFolder | None:
    """Return name and number of the outermost part that Moodle named; None if there is none of a person."""
    for part in (*parts[1:], *parts[:1]):
        match = _MOODLE.fullmatch(part)
        if match and int(match["user"]):
            return MoodleFolder(owner=match["owner"], user=match["user"])
    return None

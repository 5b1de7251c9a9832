"""Infer the owner of each submitted file from its name, its folders and the platforms' metadata.

Recognizes the layouts that Canvas, Moodle, Gradescope, nbgrader, ILIAS, GitHub Classroom and Classroom 50
export, and otherwise one folder or one file per student.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import PurePosixPath

from grader.classroom.handins.gradescope import FOLDER, read_metadata
from grader.classroom.handins.likeness import RosterNames
from grader.classroom.handins.locations import owners_by_location
from grader.classroom.handins.moodle_names import with_moodle_names
from grader.classroom.handins.platforms import (
    OwnerGuess,
    ilias_owners,
    is_canvas_name,
    nbgrader_owner,
    nbgrader_place,
    one_owner,
    platform_owner,
    with_canvas_attempts,
)
from grader.classroom.handins.submitted import SubmittedFile
from grader.classroom.people.identity import Claim, Identifier
from grader.classroom.timing.times import read_time

_STAFF_FOLDERS = (
    "source",
    "release",
    "autograded",
    "feedback",
    "downloaded",
)  # nbgrader's, beside "submitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The owner of each file that is a student's, and what could not be found out.

    Attributes:
        by_file: owners by the name of the file.
        staff: files in folders of nbgrader's that students do not hand in to.
        promised: owners of folders that a platform's metadata lists, by the folder's path.
        notes: sentences on metadata that is missing or could not be read.
    """

    by_file: Mapping[str, OwnerGuess]
    staff: frozenset[str]
    promised: Mapping[str, OwnerGuess]
    notes: tuple[str, ...]


def find_owners(files: Sequence[SubmittedFile], roster: Collection[Claim], zone: tzinfo) -> Owners:
    """Return the owners of the files.

    Args:
        roster: tells students' folders from others.
        zone: that of times without one.
    """
    gradescope = read_metadata(files, zone)
    names = RosterNames(roster)
    guesses = {file.name: _gradescope_owner(file.parts, gradescope.owners) for file in files}
    unnamed = sorted({guess.owner for guess in guesses.values() if guess and FOLDER.fullmatch(guess.owner)})
    listed = {PurePosixPath(folder).name for folder in gradescope.owners}
    found = {name: guess for name, guess in guesses.items() if guess}
    rest = [file for file in files if file.name not in found]
    found |= _nbgrader_owners(rest, zone)
    by_name = _platform_owners([file for file in rest if file.name not in found])
    found |= with_canvas_attempts(with_moodle_names(by_name, files, names))
    rest = [file for file in rest if file.name not in found]
    found |= _ilias_owners(rest)
    staff = _nbgrader_staff_files(files)
    located = owners_by_location(
        [file for file in rest if file.name not in found and file.name not in staff], names
    )
    notes = [*gradescope.problems]
    notes += [
        f"{owner} has no {'submitter' if owner in listed else 'entry'} in submission_metadata.yml: "
        "whose it is is unknown."
        for owner in unnamed
    ]
    return Owners(by_file=located | found, staff=staff, promised=gradescope.owners, notes=tuple(notes))


def _gradescope_owner(parts: Sequence[str], owners: Mapping[str, OwnerGuess]) -> OwnerGuess | None:
    for depth, part in enumerate(parts[:-1], start=1):
        if FOLDER.fullmatch(part):
            return owners.get("/".join(parts[:depth]), OwnerGuess(members=one_owner(part)))
    return None


def _nbgrader_owners(files: Sequence[SubmittedFile], zone: tzinfo) -> dict[str, OwnerGuess]:
    """Return the owners of files that nbgrader collected, with the times that it wrote beside them."""
    texts = {_folder(file): _read(file) for file in files if file.own_name == "timestamp.txt"}
    owners = {}
    for file in files:
        if (student := nbgrader_owner(file.parts)) is not None:
            place = nbgrader_place(file.parts)
            time, unread = read_time(texts.get(place, ""), zone)
            owners[file.name] = OwnerGuess(
                members=one_owner(student, Identifier("student id", student)),
                handed_in=time,
                unread_time=unread,
                place=place if time else "",
            )
    return owners


def _nbgrader_staff_files(files: Sequence[SubmittedFile]) -> frozenset[str]:
    """Return the files beside nbgrader's folder ``submitted`` that it made itself or staff wrote."""
    courses = {
        file.parts[: file.parts.index("submitted")]
        for file in files
        if nbgrader_owner(file.parts) is not None
    }
    return frozenset(
        file.name
        for file in files
        for course in courses
        if file.parts[: len(course)] == course and file.parts[len(course)] in _STAFF_FOLDERS
    )


def _platform_owners(files: Sequence[SubmittedFile]) -> dict[str, OwnerGuess]:
    """Return the owners of files that Canvas or Moodle named.

    Canvas puts nothing else into a folder: where most files have other names, one of Canvas's form is a
    student's own. It gives every upload a number: where most files share one, as ``Serie_3_2_Alder`` and
    ``Serie_3_2_Birch`` do, the numbers are the homework's.
    """
    every = Counter(_folder(file) for file in files)
    uploads: dict[str, list[OwnerGuess]] = defaultdict(list)
    for file in files:
        if is_canvas_name(file.own_name) and (guess := platform_owner([file.own_name])):
            uploads[_folder(file)].append(guess)
    owners = {}
    for file in files:
        own = uploads[_folder(file)]
        is_numbered_alike = len(own) > 1 and 2 * len(set(own)) <= len(own) and own[0].upload < 1000
        if is_canvas_name(file.own_name) and (2 * len(own) <= every[_folder(file)] or is_numbered_alike):
            continue
        if guess := platform_owner(file.parts):
            owners[file.name] = guess
    return owners


def _ilias_owners(files: Sequence[SubmittedFile]) -> dict[str, OwnerGuess]:
    folders = ilias_owners(file.parts for file in files)
    owners = {}
    for file in files:
        for depth in range(1, len(file.parts)):
            if guess := folders.get(file.parts[:depth]):
                owners[file.name] = guess
                break
    return owners


def _folder(file: SubmittedFile) -> str:
    return str(PurePosixPath(file.name).parent)


def _read(file: SubmittedFile) -> str:
    try:
        return file.path.read_text(encoding="utf-8-sig", errors="replace").strip() if file.path else ""
    except OSError:
        return ""

"""The students' editions of the reports in an archive that Canvas or Moodle takes back.

Sources: Canvas's ``infer_comment_context_from_filename`` in ``app/models/assignment.rb`` (the first two parts
of a name that are digits are the user's and the attachment's id), and Moodle's
``mod/assign/feedback/file/importziplib.php`` (full name, participant number, plugin, and the file's name).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import PurePosixPath

from grader.classroom.exports.archive import zip_bytes
from grader.classroom.exports.changes import Change
from grader.classroom.exports.common import Export, ExportRequest, NameMatches, provisional_warnings
from grader.classroom.exports.matching import Match, identifiers_of, is_certain, spoken
from grader.classroom.handins.platforms import canvas_upload, moodle_folder
from grader.classroom.people.identity import Identifier
from grader.classroom.storage.gradebook import GradebookEntry
from grader.errors import UsageError
from grader.text import line, listed

_FILE = "report.html"
_MAX_NAME = 80  # characters of a student's name in the name of a file
_NOT_IN_NAMES = re.compile(r'[_/\\:*?"<>|]+')  # what separates
_NOT_FIRST = " .~"  # Moodle ignores files that begin so


def canvas(request: ExportRequest) -> Export:
    """Return the editions under the names of Canvas's own download.

    Raises:
        UsageError: editions are out of date, or nothing was handed in under a name of Canvas's.
    """
    return _archive(request, "Canvas", _canvas_name)


def moodle(request: ExportRequest) -> Export:
    """Return the editions under the names that Moodle's upload of feedback files reads.

    Raises:
        UsageError: editions are out of date, or nobody has a participant number.
    """
    return _archive(request, "Moodle", _moodle_name)


def _archive(
    request: ExportRequest,
    platform: str,
    name_of: Callable[[GradebookEntry, Collection[str]], tuple[str, Match] | None],
) -> Export:
    assert request.editions is not None
    graded = [
        entry
        for entry in request.entries
        if entry.grade and (request.with_provisional or not entry.grade.provisional)
    ]
    if old := [entry.person.key for entry in graded if entry.person.key in request.outdated]:
        raise UsageError(
            f"the editions of {listed(old)} are out of date: write them on the page Release of the review "
            "pages, or grade the class again; nothing was exported"
        )
    names, files, changes, unknown = NameMatches(request), dict[str, bytes](), list[Change](), list[str]()
    owned = {each.value for entry in request.entries for each in _own(entry, platform.lower())}
    named = [(entry, name_of(entry, owned)) for entry in graded]
    claims = Counter(found[0] for _, found in named if found)
    for entry, found in named:
        if found is None or claims[found[0]] > 1:  # one file of two people is nobody's
            unknown.append(entry.person.key)
            continue
        name, match = found
        if names.allow(entry, match, entry.person.name):
            files[name] = (request.editions / f"{entry.person.key}.html").read_bytes()
            changes.append(Change(student=entry.person.name, old=None, new=name, by=match.by))
    if graded and len(unknown) == len(graded):
        raise UsageError(
            f"no hand-in has a name of {platform}'s own download, which says to whom each report goes; grade "
            "the archive as it was downloaded"
        )
    left_out = f"without a file of their own in {platform}'s download, left out: {listed(unknown)}"
    warnings = (*provisional_warnings(request), *names.warnings, *([left_out] if unknown else []))
    return Export(data=zip_bytes(files), warnings=warnings, changes=tuple(changes))


def _canvas_name(entry: GradebookEntry, owned: Collection[str]) -> tuple[str, Match] | None:
    """Return the name of the upload that counts, if it is the student's own and nobody else's."""
    upload = canvas_upload(PurePosixPath(entry.label or "").parts)
    if upload is None:
        return None
    own = _own(entry, "canvas")
    mine = next((each for each in own if each.value == upload.user), None)
    if mine is None and (own or entry.group or upload.user in owned):
        return None
    by = spoken(mine) if mine else "anonymous upload"
    return f"{upload.stem}_{_FILE}", Match(entry=entry, by=by)


def _moodle_name(entry: GradebookEntry, owned: Collection[str]) -> tuple[str, Match] | None:
    """Return a name with the participant number of the hand-in's folder, or else the student's only one."""
    folder = moodle_folder(PurePosixPath(entry.label or "").parts)
    own = _own(entry, "moodle")
    numbers = {each.value for each in own}
    if folder and (folder.user in numbers or not (numbers or entry.group or folder.user in owned)):
        name, identifier = folder.owner, Identifier("moodle", folder.user)
        match = Match(entry=entry, by=spoken(identifier))
    elif len(numbers) == 1:
        name, identifier = entry.person.name, own[0]
        match = Match(entry=entry, by=spoken(identifier), is_certain=is_certain(entry, [identifier]))
    else:
        return None
    plain = _NOT_IN_NAMES.sub(" ", line(name)[:_MAX_NAME]).strip(_NOT_FIRST) or "student"
    return f"{plain}_{identifier.value}_assignfeedback_file_{_FILE}", match


def _own(entry: GradebookEntry, kind: str) -> list[Identifier]:
    return [each for each in identifiers_of(entry) if each.kind == kind]

"""Infer the owner of each submitted file from its name and folders.

Recognizes the layouts that Canvas, Moodle, Gradescope, GitHub Classroom and nbgrader export, and otherwise
one folder or one file per student.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from grader.classroom.archives import SubmittedFile

_CANVAS = re.compile(r"(?P<owner>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<attachment>\d+)_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<owner>.+)_(?P<user>\d+)_assignsubmission_[a-z]+(_.*)?")
_GRADESCOPE = re.compile(r"submission_\d+")
_CANVAS_RESUBMISSION = re.compile(r"-(\d+)$")  # Canvas names the file of a second attempt hw-1.ipynb
_ATTEMPT = re.compile(r"(?:^|[ _-])(?:attempt|version|try)[ _-]?(\d+)$", re.IGNORECASE)
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_HOMEWORK = re.compile(r"\d|hw|homework|lab|assignment|project|exercise", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerGuess:
    """Owner and attempt of a file, as far as names tell; the fields are those of ``Attempt``."""

    owner: str
    ids: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    handed_in: datetime | None = None
    is_late: bool = False


def guess_owners(files: Sequence[SubmittedFile], logins: Collection[str] = ()) -> dict[str, OwnerGuess]:
    """Return the owner of every file, by the file's name; ``logins`` are those of the roster."""
    gradescope = _gradescope_owners(files)
    times = {
        str(PurePosixPath(file.name).parent): _time_in(file)
        for file in files
        if file.name.endswith("timestamp.txt")
    }
    guesses = {file.name: _platform_owner(file.name, gradescope, times) for file in files}
    known = {name: guess for name, guess in guesses.items() if guess}
    rest = [file.name for file in files if file.name not in known and file.path]
    return known | _owners_by_location(rest, logins)


def _platform_owner(
    name: str, gradescope: Mapping[str, OwnerGuess], times: Mapping[str, datetime | None]
) -> OwnerGuess | None:
    """Return the owner of a file that a learning platform named; None for other files."""
    parts = PurePosixPath(name).parts
    for part in reversed(parts):
        if match := _MOODLE.fullmatch(part):
            return OwnerGuess(owner=match["owner"], ids={"moodle": match["user"]})
        if _GRADESCOPE.fullmatch(part):
            return gradescope.get(part, OwnerGuess(owner=part))
        if match := _CANVAS.fullmatch(part):
            again = _CANVAS_RESUBMISSION.search(PurePosixPath(match["file"]).stem)
            number = int(again[1]) if again and len(again[1]) < 4 else 0  # four digits are a year
            ids = {"canvas": match["user"]}
            return OwnerGuess(owner=match["owner"], ids=ids, number=number, is_late=bool(match["late"]))
    if "submitted" in parts and len(parts) - parts.index("submitted") >= 4:  # nbgrader
        student = parts[parts.index("submitted") + 1]
        time = times.get(str(PurePosixPath(name).parent))
        return OwnerGuess(owner=student, ids={"login": student}, handed_in=time)
    return None


def _owners_by_location(names: Sequence[str], logins: Collection[str]) -> dict[str, OwnerGuess]:
    """Return the owners of files that no platform named: one folder or one file per student.

    Folders identify the students if file names repeat (alice/hw.ipynb, bob/hw.ipynb) and there are fewer
    than two files per folder on average. Otherwise file names do (monday/alice.ipynb, monday/bob.ipynb).
    """
    if not names:
        return {}
    paths = {name: PurePosixPath(name) for name in names}
    root = _common_folder(paths.values())
    folders = _identifying_folders({name: path.relative_to(root).parts[:-1] for name, path in paths.items()})
    top = {parts[0] for parts in folders.values() if parts}
    if all(folders.values()) and (prefix := _repository_prefix(sorted(top), logins)):
        return {
            name: OwnerGuess(owner=(login := folders[name][0][len(prefix) :]), ids={"login": login})
            for name in names
        }
    stems = Counter(_stem(path) for path in paths.values())
    per_folder = Counter(_without_attempts(parts) for parts in folders.values())
    folder_per_student = max(stems.values()) > 1 and len(names) < 2 * len(per_folder)
    return {
        name: _owner_by_location(paths[name], folders[name], logins, None if folder_per_student else stems)
        for name in names
    }


def _identifying_folders(folders: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the folders, archives included, that can identify each file's owner.

    Of an archive with a single file, folders inside the archive are left out: they are the student's own.
    """
    archives = {name: _down_to_archive(parts) for name, parts in folders.items()}
    files = Counter(archives.values())
    identifying = {
        name: archives[name] if archives[name] and files[archives[name]] == 1 else parts
        for name, parts in folders.items()
    }
    return {name: tuple(_ZIP.sub("", part) for part in parts) for name, parts in identifying.items()}


def _down_to_archive(parts: Sequence[str]) -> tuple[str, ...]:
    ends = [number for number, part in enumerate(parts, start=1) if _ZIP.search(part)]
    return tuple(parts[: ends[-1]]) if ends else ()


def _owner_by_location(
    path: PurePosixPath, folders: Sequence[str], logins: Collection[str], stems: Counter[str] | None
) -> OwnerGuess:
    """Return the owner by folder if ``stems`` is None, else by file name, with folders where it repeats."""
    numbers = [int(match[1]) for part in (*folders, path.stem) if (match := _ATTEMPT.search(part))]
    number = numbers[-1] if numbers else 0
    places, stem = _without_attempts(folders), _stem(path)
    if login := next((part for part in places if part in logins), None):
        return OwnerGuess(owner=login, ids={"login": login}, number=number)
    if stems is None and places:
        return OwnerGuess(owner="-".join(places), number=number)
    if stems and stems[stem] > 1 and not numbers:
        return OwnerGuess(owner="-".join((*places, stem)), number=number)
    return OwnerGuess(owner=stem, number=number)


def _without_attempts(folders: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for part in folders if not _ATTEMPT.fullmatch(part))


def _stem(path: PurePosixPath) -> str:
    return _ATTEMPT.sub("", path.stem) or path.stem


def _common_folder(paths: Iterable[PurePosixPath]) -> PurePosixPath:
    return PurePosixPath(os.path.commonpath([str(path.parent) for path in paths]))


def _repository_prefix(folders: Sequence[str], logins: Collection[str]) -> str:
    """Return what GitHub Classroom puts before every login, such as ``hw3-``; "" for other folders.

    All folders share the prefix up to some hyphen; which one is ambiguous, since logins hold hyphens too.
    With a roster, the cut that leaves most known logins is used. Without one, the last shared hyphen is used
    if the prefix looks like a homework: ``anna-lee`` and ``anna-may`` are two people, not assignment "anna".
    """
    first, last = (min(folders), max(folders)) if folders else ("", "")  # share no more than any two others
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    shared = "".join(letter for letter, _ in same)
    cuts = [shared[: match.end()] for match in re.finditer("-", shared)]
    if not cuts or len(folders) < 2:
        return ""
    if logins:
        hits = {cut: sum(folder[len(cut) :] in logins for folder in folders) for cut in cuts}
        best = max(cuts, key=lambda cut: hits[cut])
        if hits[best]:
            return best
    rests = [folder[len(cuts[-1]) :] for folder in folders]
    could_be_logins = all(len(rest) > 1 and not rest.isdigit() for rest in rests)
    return cuts[-1] if could_be_logins and _HOMEWORK.search(cuts[-1]) else ""


def _gradescope_owners(files: Sequence[SubmittedFile]) -> dict[str, OwnerGuess]:
    """Return owners by submission folder, from the export's metadata."""
    guesses: dict[str, OwnerGuess] = {}
    for file in files:
        if file.path and PurePosixPath(file.name).name == "submission_metadata.yml":
            for folder, entry in _load_yaml(file.path).items():
                if isinstance(entry, Mapping) and (guess := _submitter(entry)):
                    guesses[str(folder)] = guess
    return guesses


def _submitter(entry: Mapping[Any, Any]) -> OwnerGuess | None:
    people = entry.get(":submitters") or entry.get("submitters") or []
    if not isinstance(people, list) or not people or not isinstance(people[0], Mapping):
        return None
    fields = {str(key).lstrip(":"): str(value) for key, value in people[0].items() if value is not None}
    created = entry.get(":created_at") or entry.get("created_at")
    ids = {kind: fields[key] for kind, key in (("email", "email"), ("sis", "sid")) if fields.get(key)}
    time = created if isinstance(created, datetime) else _parse_time(str(created or ""))
    owner = fields.get("name") or fields.get("email") or "unnamed"
    return OwnerGuess(owner=owner, ids=ids, handed_in=_with_zone(time))


def _load_yaml(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(path.read_text(encoding="utf-8", errors="replace"), Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _time_in(file: SubmittedFile) -> datetime | None:
    return _parse_time(file.path.read_text(encoding="utf-8", errors="replace")) if file.path else None


def _parse_time(text: str) -> datetime | None:
    """Parse nbgrader's ``2026-03-01 21:04:05.123456 UTC``, Gradescope's ``… Z``, or ISO 8601."""
    iso = text.strip().replace(" UTC", "+00:00").replace(" Z", "+00:00")
    try:
        return _with_zone(datetime.fromisoformat(iso))
    except ValueError:
        return None


def _with_zone(time: datetime | None) -> datetime | None:
    return time.astimezone() if time and time.tzinfo is None else time

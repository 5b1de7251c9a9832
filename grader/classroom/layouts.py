"""Tells from the names of files and folders who handed them in: as Canvas, Moodle, Gradescope, GitHub
Classroom and nbgrader export them, or as a person would lay them out.
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

_CANVAS = re.compile(r"(?P<who>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<attachment>\d+)_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<who>.+)_(?P<user>\d+)_assignsubmission_[a-z]+(_.*)?")
_GRADESCOPE = re.compile(r"submission_\d+")
_AGAIN = re.compile(r"-(\d+)$")  # Canvas names a second attempt's file hw-1.ipynb
_ATTEMPT = re.compile(r"(?:^|[ _-])(?:attempt|version|try)[ _-]?(\d+)$", re.IGNORECASE)
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_HOMEWORK = re.compile(r"\d|hw|homework|lab|assignment|project|exercise", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerGuess:
    """Whose a file is, and which attempt, as far as names tell."""

    who: str
    ids: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    handed_in: datetime | None = None
    late: bool = False


def owners(files: Sequence[SubmittedFile], logins: Collection[str] = ()) -> dict[str, OwnerGuess]:
    """The owner of every file, by the file's name; ``logins`` are those of a roster."""
    metadata = _gradescope(files)
    stamps = {str(PurePosixPath(f.name).parent): _time(f) for f in files if f.name.endswith("timestamp.txt")}
    found = {file.name: _exported(file.name, metadata, stamps) for file in files}
    known = {name: owner for name, owner in found.items() if owner}
    rest = [file.name for file in files if file.name not in known and file.path]
    return known | _classroom(rest, logins)


def _exported(
    name: str, metadata: Mapping[str, OwnerGuess], stamps: Mapping[str, datetime | None]
) -> OwnerGuess | None:
    """The owner where a learning platform named the file."""
    parts = PurePosixPath(name).parts
    for part in reversed(parts):
        if match := _MOODLE.fullmatch(part):
            return OwnerGuess(who=match["who"], ids={"moodle": match["user"]})
        if _GRADESCOPE.fullmatch(part):
            return metadata.get(part, OwnerGuess(who=part))
        if match := _CANVAS.fullmatch(part):
            again = _AGAIN.search(PurePosixPath(match["file"]).stem)
            number = int(again[1]) if again and len(again[1]) < 4 else 0
            ids = {"canvas": match["user"]}
            return OwnerGuess(who=match["who"], ids=ids, number=number, late=bool(match["late"]))
    if "submitted" in parts and len(parts) - parts.index("submitted") >= 4:
        student = parts[parts.index("submitted") + 1]
        stamp = stamps.get(str(PurePosixPath(name).parent))
        return OwnerGuess(who=student, ids={"login": student}, handed_in=stamp)
    return None


def _classroom(names: Sequence[str], logins: Collection[str]) -> dict[str, OwnerGuess]:
    """Owners of files in folders: one folder a student, or one file a student."""
    if not names:
        return {}
    paths = {name: PurePosixPath(name) for name in names}
    root = _common_folder(paths.values())
    folders = _shortened({name: path.relative_to(root).parts[:-1] for name, path in paths.items()})
    top = {parts[0] for parts in folders.values() if parts}
    if all(folders.values()) and (prefix := _assignment(sorted(top), logins)):
        return {
            name: OwnerGuess(who=(login := folders[name][0][len(prefix) :]), ids={"login": login})
            for name in names
        }
    stems = Counter(_stem(path) for path in paths.values())
    per_folder = Counter(_places(parts) for parts in folders.values())
    folder_each = max(stems.values()) > 1 and len(names) < 2 * len(per_folder)
    return {
        name: _by_place(paths[name], folders[name], logins, stems if not folder_each else None)
        for name in names
    }


def _shortened(folders: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The folders of each file, archives among them; those within an archive of one file say nothing."""
    archives = {name: _down_to_archive(parts) for name, parts in folders.items()}
    files = Counter(archives.values())
    telling = {
        name: archives[name] if archives[name] and files[archives[name]] == 1 else parts
        for name, parts in folders.items()
    }
    return {name: tuple(_ZIP.sub("", part) for part in parts) for name, parts in telling.items()}


def _down_to_archive(parts: Sequence[str]) -> tuple[str, ...]:
    ends = [number for number, part in enumerate(parts, start=1) if _ZIP.search(part)]
    return tuple(parts[: ends[-1]]) if ends else ()


def _by_place(
    path: PurePosixPath, folders: Sequence[str], logins: Collection[str], stems: Counter[str] | None
) -> OwnerGuess:
    """The owner by folder, or where ``stems`` are counted, by file name with as much folder as it takes."""
    numbers = [int(match[1]) for part in (*folders, path.stem) if (match := _ATTEMPT.search(part))]
    number = numbers[-1] if numbers else 0
    places, stem = _places(folders), _stem(path)
    if known := next((part for part in places if part in logins), None):
        return OwnerGuess(who=known, ids={"login": known}, number=number)
    if stems is None and places:
        return OwnerGuess(who="-".join(places), number=number)
    if stems and stems[stem] > 1 and not numbers:
        return OwnerGuess(who="-".join((*places, stem)), number=number)
    return OwnerGuess(who=stem, number=number)


def _places(folders: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for part in folders if not _ATTEMPT.fullmatch(part))


def _stem(path: PurePosixPath) -> str:
    return _ATTEMPT.sub("", path.stem) or path.stem


def _common_folder(paths: Iterable[PurePosixPath]) -> PurePosixPath:
    return PurePosixPath(os.path.commonpath([str(path.parent) for path in paths]))


def _assignment(folders: Sequence[str], logins: Collection[str]) -> str:
    """What GitHub Classroom puts before every login, such as ``hw3-``; nothing where it did not."""
    first, last = (min(folders), max(folders)) if folders else ("", "")  # all others are between them
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
    are_logins = all(len(rest) > 1 and not rest.isdigit() for rest in rests)
    return cuts[-1] if are_logins and _HOMEWORK.search(cuts[-1]) else ""


def _gradescope(files: Sequence[SubmittedFile]) -> dict[str, OwnerGuess]:
    """Owners by submission folder, from the export's metadata."""
    found: dict[str, OwnerGuess] = {}
    for file in files:
        if file.path and PurePosixPath(file.name).name == "submission_metadata.yml":
            for folder, entry in _yaml(file.path).items():
                if isinstance(entry, Mapping) and (owner := _submitter(entry)):
                    found[str(folder)] = owner
    return found


def _submitter(entry: Mapping[Any, Any]) -> OwnerGuess | None:
    people = entry.get(":submitters") or entry.get("submitters") or []
    if not isinstance(people, list) or not people or not isinstance(people[0], Mapping):
        return None
    of = {str(key).lstrip(":"): str(value) for key, value in people[0].items() if value is not None}
    when = entry.get(":created_at") or entry.get("created_at")
    ids = {kind: of[key] for kind, key in (("email", "email"), ("sis", "sid")) if of.get(key)}
    handed_in = when if isinstance(when, datetime) else _moment(str(when or ""))
    return OwnerGuess(
        who=of.get("name") or of.get("email") or "unnamed", ids=ids, handed_in=_aware(handed_in)
    )


def _yaml(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(path.read_text(encoding="utf-8", errors="replace"), Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _time(file: SubmittedFile) -> datetime | None:
    text = file.path.read_text(encoding="utf-8", errors="replace") if file.path else ""
    return _moment(text)


def _moment(text: str) -> datetime | None:
    """nbgrader's ``2026-03-01 21:04:05.123456 UTC``, and ISO 8601."""
    plain = text.strip().replace(" UTC", "+00:00").replace(" Z", "+00:00")
    try:
        return _aware(datetime.fromisoformat(plain))
    except ValueError:
        return None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.astimezone() if moment and moment.tzinfo is None else moment

"""Owners of files that no platform named: one folder or one file per student, at any depth.

A tree of folders is read from the top. A level of folders is that of the students, or each of its folders
holds students in turn; in such a folder, a file that lies there by itself is a student's, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import PurePosixPath

from grader.classroom.handins.likeness import RosterNames, likeness, mean_likeness, shared_start
from grader.classroom.handins.platforms import OwnerGuess, one_owner
from grader.classroom.handins.submitted import ARCHIVE, Kind, SubmittedFile, head_of
from grader.classroom.people.identity import GITHUB, Identifier

_ATTEMPT = re.compile(r"(?:^|[ _-])(?:attempt|version|try)[ _-]?(\d+)$", re.IGNORECASE)
_COPY = re.compile(r" ?\(\d{1,2}\)$")  # browsers append it to the name of a second download
_BRANCH = re.compile(r"-(main|master)$")  # GitHub appends it to the name of a repository's archive
_HOMEWORK = re.compile(r"\d|hw|homework|lab|assignment|project|exercise", re.IGNORECASE)
# How `gh classroom clone` and `gh teacher download` (Classroom 50) name the folder of all repositories.
_DOWNLOAD = re.compile(r"(.+?)(?:-submissions|_submissions_\d{4}_\d\d_\d\d_T_\d\d_\d\d_\d\d)$")
_SEARCHED = 8 << 20  # bytes of a notebook that are searched for imports
_ENDINGS = re.compile(r"(\.ipynb|\.py|\.zip|\.tar|\.tgz)(\.[a-z]{1,10}|_+)?$|\.[^.]*$", re.IGNORECASE)


@dataclass(slots=True)
class _Folder:
    """A folder or archive, with what lies in it.

    Attributes:
        parts: its path.
        work: notebooks that lie directly in it, or scripts where there are no notebooks anywhere.
        scripts: scripts where there are notebooks.
    """

    parts: tuple[str, ...] = ()
    folders: dict[str, _Folder] = field(default_factory=dict)
    work: list[SubmittedFile] = field(default_factory=list)
    scripts: list[SubmittedFile] = field(default_factory=list)

    @property
    def name(self) -> str:
        return ARCHIVE.sub("", self.parts[-1]) if self.parts else ""

    def all_work(self) -> Iterator[SubmittedFile]:
        yield from self.work
        for folder in self.folders.values():
            yield from folder.all_work()

    def with_work(self) -> list[_Folder]:
        """Return the subfolders that hold work at any depth."""
        return [folder for folder in self.folders.values() if any(True for _ in folder.all_work())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Students:
    """Where the students are: folders that are one student's each, and files that are."""

    folders: Mapping[tuple[str, ...], str]  # names by path
    files: Mapping[str, str]  # names by file
    prefixes: Mapping[tuple[str, ...], str]  # of repositories, by the path of the folder that holds them


def owners_by_location(files: Sequence[SubmittedFile], roster: RosterNames) -> dict[str, OwnerGuess]:
    """Return the owner of each file that belongs to a student; the others belong to nobody."""
    tree = _tree(files)
    students = _Finder(roster).find(tree)
    names = _distinct(students)
    owners = {}
    for file in files:
        for depth in range(len(file.parts) - 1, 0, -1):
            folder = file.parts[:depth]
            if folder in students.folders:
                prefix = students.prefixes.get(folder[:-1], "")
                owners[file.name] = _guess(names[folder], file.parts[depth:], folder, prefix)
                break
        else:
            stem = _stem(file.own_name)
            place = file.parts[:-1]
            if file.name in students.files or (*place, stem) in names:
                owners[file.name] = _guess(names[*place, stem], (_ending_off(file.own_name),), place, "")
    return owners


def _tree(files: Sequence[SubmittedFile]) -> _Folder:
    notebooks = any(file.kind is Kind.NOTEBOOK for file in files)
    root = _Folder()
    for file in files:
        folder = root
        for part in file.parts[:-1]:
            folder = folder.folders.setdefault(part, _Folder((*folder.parts, part)))
        if file.kind is Kind.NOTEBOOK or (file.kind is Kind.SCRIPT and not notebooks):
            folder.work.append(file)
        elif file.kind is Kind.SCRIPT:
            folder.scripts.append(file)
    return root


class _Finder:
    """Finds the students in a tree."""

    def __init__(self, roster: RosterNames) -> None:
        self._roster = roster
        self._folders: dict[tuple[str, ...], str] = {}
        self._files: dict[str, str] = {}
        self._prefixes: dict[tuple[str, ...], str] = {}

    def find(self, root: _Folder) -> _Students:
        self._visit(root)
        return _Students(folders=self._folders, files=self._files, prefixes=self._prefixes)

    def _visit(self, container: _Folder) -> None:
        alone = (file for file in container.scripts if not _is_imported(file, container.work))
        for file in (*container.work, *alone):
            self._files[file.name] = _stem(file.own_name)
        folders = container.with_work()
        if not folders:
            return
        if not self._are_students(folders, is_top=not container.parts and not container.work):
            for folder in folders:
                self._visit(folder)
            return
        every = list(container.folders.values())  # those without work are students, too
        prefix = _repository_prefix(container, folders, self._roster)
        have_branches = all(_BRANCH.search(folder.name) for folder in folders)
        if prefix:
            self._prefixes[container.parts] = prefix
        for folder in every:
            name = folder.name.removeprefix(prefix)
            is_packed = have_branches or ARCHIVE.search(folder.parts[-1])  # by GitHub, also if unpacked since
            self._folders[folder.parts] = _BRANCH.sub("", name) if prefix and is_packed else name

    def _are_students(self, folders: Sequence[_Folder], *, is_top: bool) -> bool:
        """Return whether each of the folders, which lie side by side, is one student's."""
        below = [inner for folder in folders for inner in folder.with_work()]
        stems = [_stem(file.own_name) for folder in folders for file in folder.all_work()]
        here = sum(self._roster.has(folder.name) for folder in folders)
        deeper = [inner.name for folder in folders for inner in _descendants(folder)]
        there = len({name for name in (*deeper, *stems) if self._roster.has(name)})
        if here or there:
            return here >= there
        names = [folder.name for folder in folders]
        if is_top and len(folders) == 1 and not _is_one_student(folders[0], stems):
            return False
        if _repository_prefix(None, folders, self._roster):
            return True
        direct = [file for folder in folders for file in folder.work]
        if not direct:
            return not _are_sections(folders, below)
        return _are_students_with_files(folders, names)


def _is_one_student(given: _Folder, stems: Sequence[str]) -> bool:
    """Return whether the only folder or archive given is one student's rather than the class's."""
    looks_like_a_name = likeness(given.name) == 2 and re.search(r"[^\W\d_][\s_,]+[^\W\d_]", given.name)
    return bool(looks_like_a_name) and not any(map(likeness, stems)) and not given.with_work()


def _is_imported(script: SubmittedFile, notebooks: Iterable[SubmittedFile]) -> bool:
    """Return whether a notebook in the same folder seems to import a script."""
    module = re.compile(
        rb"\b(import|from|%run)\s+(\./)?" + re.escape(_stem(script.own_name)).encode() + rb"\b"
    )
    return any(module.search(head_of(notebook.path, _SEARCHED)) for notebook in notebooks)


def _are_sections(folders: Sequence[_Folder], below: Sequence[_Folder]) -> bool:
    """Return whether folders without notebooks of their own hold students' folders."""
    here = mean_likeness([folder.name for folder in folders])
    there = mean_likeness([folder.name for folder in below])
    if here != there:
        return there > here
    names = Counter(folder.name for folder in below)
    return len(below) > len(folders) and max(names.values()) == 1


def _are_students_with_files(folders: Sequence[_Folder], names: Sequence[str]) -> bool:
    """Return whether folders, some with notebooks directly in them, are students rather than their files."""
    stems = [{_stem(file.own_name) for file in folder.work} for folder in folders]
    counts = Counter(stem for own in stems for stem in own)
    repeated = [stem for stem, count in counts.items() if count > 1]
    here, there = mean_likeness(names), mean_likeness(list(counts))
    if repeated and not any(map(likeness, repeated)):
        return True
    if all(len(folder.work) < 2 for folder in folders):
        return here > 0 or there == 0 or len(folders) > 1
    if here != there:
        return here > there
    total = sum(len(folder.work) for folder in folders)
    return bool(repeated) and total < 2 * len(folders)


def _descendants(folder: _Folder) -> Iterator[_Folder]:
    for inner in folder.folders.values():
        yield inner
        yield from _descendants(inner)


def _distinct(students: _Students) -> dict[tuple[str, ...], str]:
    """Return the name of each student by path, with the folders above it where several share it."""
    found = dict(students.folders)
    found |= {(*PurePosixPath(file).parts[:-1], stem): stem for file, stem in students.files.items()}
    places: dict[str, set[tuple[str, ...]]] = {}
    for path, name in found.items():
        places.setdefault(name, set()).add(_without_attempts(path[:-1]))
    common = _common(found)
    return {
        path: name
        if len(places[name]) == 1
        else "-".join(ARCHIVE.sub("", part) for part in (*_without_attempts(path[:-1])[common:], name))
        for path, name in found.items()
    }


def _common(paths: Iterable[tuple[str, ...]]) -> int:
    """Return how many folders all paths share."""
    listed = [path[:-1] for path in paths]
    first, last = (min(listed), max(listed)) if listed else ((), ())
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _guess(name: str, below: Sequence[str], place: Sequence[str], prefix: str) -> OwnerGuess:
    parts = (*place, *below[:-1], _ending_off(below[-1]))
    numbers = [int(match[1]) for part in parts if (match := _ATTEMPT.search(part)) and len(match[1]) < 10]
    identifiers = (Identifier("github", name, GITHUB),) if prefix else ()
    return OwnerGuess(members=one_owner(name, *identifiers), number=numbers[-1] if numbers else 0)


def _without_attempts(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if not _ATTEMPT.fullmatch(part))


def _stem(name: str) -> str:
    stem = _ending_off(name)
    return _COPY.sub("", _ATTEMPT.sub("", stem)) or stem


def _ending_off(name: str) -> str:
    return _ENDINGS.sub("", name) or name


def _repository_prefix(container: _Folder | None, folders: Sequence[_Folder], roster: RosterNames) -> str:
    """Return what GitHub Classroom and Classroom 50 put before every login, such as ``hw3-``; "" for others.

    All folders share the prefix up to some hyphen; which one is ambiguous, since logins hold hyphens too. The
    name of the download decides. Without it, with a roster, the cut that leaves most known logins is used;
    else the last shared hyphen, if the prefix looks like a homework: ``anna-lee`` and ``anna-may`` are two
    people, not assignment "anna".
    """
    names = sorted(folder.name for folder in folders)
    if container and (download := _DOWNLOAD.fullmatch(container.name)):
        prefix = f"{download[1]}-"
        if all(name.startswith(prefix) and name != prefix for name in names):
            return prefix
    shared = shared_start(names)
    cuts = [shared[: match.end()] for match in re.finditer("-", shared)]
    logins = [_BRANCH.sub("", name) for name in names]
    hits = {cut: sum(login[len(cut) :].casefold() in roster.logins for login in logins) for cut in cuts}
    if cuts and hits[best := max(cuts, key=lambda cut: hits[cut])]:
        return best
    if not cuts or len(names) < 2:
        return ""
    rests = [login[len(cuts[-1]) :] for login in logins]
    could_be_logins = all(len(rest) > 1 and not rest.isdigit() for rest in rests)
    return cuts[-1] if could_be_logins and _HOMEWORK.search(cuts[-1]) else ""

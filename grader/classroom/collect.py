"""Collect the attempts of a class from files, folders and zip archives; unsafe files are refused."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.classroom.archives import SIDECARS, ArchiveExtractor, SubmittedFile, is_clutter
from grader.classroom.identity import Claim, identifiers_from
from grader.classroom.owners import OwnerGuess, guess_owners
from grader.classroom.students import Attempt, replace_surrogates
from grader.errors import UsageError

_SEARCHED = 8 << 20  # bytes of a notebook that are searched for wanted definitions
_NOTEBOOKS = (".ipynb", ".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedSubmissions:
    """Everything found in the given files, folders and archives.

    Attributes:
        refused: a sentence for each file that is unsafe or unreadable.
        notes: a sentence for each choice among several notebooks, and for each student without a notebook.
    """

    attempts: tuple[Attempt, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]


def is_class_run(paths: Sequence[str]) -> bool:
    """Return whether the paths are a class: a folder, an archive, or several notebooks."""
    return len(paths) > 1 or Path(paths[0]).is_dir() or _is_zip(Path(paths[0]))


def collect(
    paths: Sequence[str], scratch: Path, wanted: Sequence[str], logins: Collection[str] = ()
) -> CollectedSubmissions:
    """Find every attempt below ``paths``; archives are extracted into ``scratch``.

    Args:
        wanted: names of the wanted definitions. Of several notebooks in one attempt, the one that defines
            most of them is graded.
        logins: those on the roster, which tell a student's folder from others.

    Raises:
        UsageError: a path does not exist, or there are no notebooks.
    """
    extractor = ArchiveExtractor(scratch)
    files: list[SubmittedFile] = []
    for label, path in _labelled(paths):
        files += _files_in(path, label, extractor)
    guesses = guess_owners(files, logins)
    notebooks = [file for file in files if file.path and file.name.lower().endswith(_NOTEBOOKS)]
    if not notebooks and not extractor.refused:
        verb = "contains" if len(paths) == 1 else "contain"
        raise UsageError(f"{', '.join(paths)} {verb} no notebooks (*.ipynb)")
    attempts, notes = _attempts(notebooks, guesses, wanted)
    notes += _without_notebook(files, guesses, attempts)
    return CollectedSubmissions(
        attempts=tuple(attempts), refused=tuple(extractor.refused), notes=tuple(notes)
    )


def _labelled(paths: Sequence[str]) -> list[tuple[str, Path]]:
    """Return each path with a unique label: a folder's name, or a file's path relative to the other files."""
    absolute = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))
    for given, path in zip(paths, map(Path, paths), strict=True):
        if not path.exists():
            raise UsageError(f"there is no file {given}; check the name and the current folder")
    parents = [str(path.parent) for path in absolute if not path.is_dir()]
    common = os.path.commonpath(parents) if parents else ""
    labels: dict[str, Path] = {}
    for path in absolute:
        label = path.name if path.is_dir() else os.path.relpath(path, common).replace(os.sep, "/")
        while label in labels:
            label = f"{path.parent.name}-{label}"
        labels[replace_surrogates(label)] = path
    return list(labels.items())


def _files_in(root: Path, label: str, extractor: ArchiveExtractor) -> Iterator[SubmittedFile]:
    if not root.is_dir():
        if root.suffix.lower() in (".ipynb", ".zip"):
            yield from _file(root, label, extractor)
        elif root.suffix.lower() == ".py":  # in a folder it would be a module
            yield SubmittedFile(label, root)
        else:
            extractor.refused.append(f"{label} is neither a notebook (*.ipynb, *.py) nor a zip archive")
        return
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        # os.walk lists links to folders among the folders, and does not follow them.
        for name in sorted([*names, *(sub for sub in subfolders if Path(folder, sub).is_symlink())]):
            path = Path(folder, name)
            inner = replace_surrogates(f"{label}/{path.relative_to(root).as_posix()}")
            if is_clutter(inner):
                continue
            if path.is_symlink():  # may lead to another student's work, or out of the folder
                extractor.refused.append(f"{inner} was refused: it is a symbolic link, not a file")
            else:
                yield from _file(path, inner, extractor)
        subfolders[:] = [sub for sub in subfolders if not is_clutter(sub)]


def _file(path: Path, label: str, extractor: ArchiveExtractor) -> Iterator[SubmittedFile]:
    if _is_zip(path):
        yield from extractor.extract(path, label)
    elif path.suffix.lower() == ".ipynb" or path.name in SIDECARS:
        yield SubmittedFile(label, path)
    else:
        yield SubmittedFile(label, None)


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _attempts(
    notebooks: Sequence[SubmittedFile], guesses: dict[str, OwnerGuess], wanted: Sequence[str]
) -> tuple[list[Attempt], list[str]]:
    """Return an attempt per student and number, and a note for each choice among several notebooks."""
    groups: dict[tuple[str, tuple[str, ...], int], list[SubmittedFile]] = defaultdict(list)
    for file in notebooks:
        guess = guesses[file.name]
        groups[guess.owner, tuple(sorted(guess.ids.values())), guess.number].append(file)
    attempts, notes = [], []
    for files in groups.values():
        chosen = files[0] if len(files) == 1 else max(files, key=lambda file: _completeness(file, wanted))
        guess = guesses[chosen.name]
        attempts.append(
            Attempt(
                members=(Claim(name=guess.owner, identifiers=identifiers_from(guess.ids)),),
                path=chosen.path or Path(),
                label=chosen.name,
                number=guess.number,
                handed_in=guess.handed_in,
                is_late=any(guesses[file.name].is_late for file in files),
            )
        )
        others = ", ".join(PurePosixPath(file.name).name for file in files if file is not chosen)
        if others:
            notes.append(
                f"{guess.owner} handed in several notebooks; {chosen.name} was graded, not {others}."
            )
    return attempts, notes


def _completeness(file: SubmittedFile, wanted: Sequence[str]) -> tuple[int, float]:
    """Return how many wanted definitions a notebook seems to have, then its modification time."""
    if file.path is None or not file.path.is_file():
        return 0, 0.0
    try:
        with file.path.open("rb") as opened:
            text = opened.read(_SEARCHED).decode(errors="replace")
        modified = file.path.stat().st_mtime
    except OSError:
        return 0, 0.0
    patterns = (rf"\b(?:def|class)\s+{re.escape(name)}\b" for name in wanted)
    return sum(bool(re.search(pattern, text)) for pattern in patterns), modified


def _without_notebook(
    files: Sequence[SubmittedFile], guesses: dict[str, OwnerGuess], attempts: Sequence[Attempt]
) -> list[str]:
    """Return a note for each student whose files, in a platform's export, include no notebook."""
    owners = {attempt.owner for attempt in attempts}
    others: dict[str, list[str]] = defaultdict(list)
    for file in files:
        guess = guesses.get(file.name)
        if guess and guess.owner not in owners and PurePosixPath(file.name).name not in SIDECARS:
            others[guess.owner].append(PurePosixPath(file.name).name)
    return [f"{owner} handed in no notebook, only {', '.join(names[:5])}." for owner, names in others.items()]

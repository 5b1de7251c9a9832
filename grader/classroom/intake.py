"""From what a TA points at (files, folders, archives) to the attempts in it; what is not safe is refused."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.classroom.archives import SIDECARS, ArchiveExtractor, SubmittedFile, is_clutter
from grader.classroom.layouts import OwnerGuess, owners
from grader.classroom.students import Attempt, encodable
from grader.errors import UsageError

_LOOKED_AT = 8 << 20  # bytes of a notebook that are searched for the definitions that are wanted


_NOTEBOOKS = (".ipynb", ".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What was handed in.

    Attributes:
        refused: a sentence for each file that is not safe or not readable as what it claims to be.
        notes: a sentence for each choice among several files, and for each student without a notebook.
    """

    attempts: tuple[Attempt, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]


def is_batch(paths: Sequence[str]) -> bool:
    """Whether these are a class: a folder, an archive, or several notebooks."""
    return len(paths) > 1 or Path(paths[0]).is_dir() or _is_zip(Path(paths[0]))


def collect(
    paths: Sequence[str], scratch: Path, wanted: Sequence[str], logins: Collection[str] = ()
) -> Intake:
    """Every attempt meant by ``paths``; archives are unpacked into ``scratch``.

    Args:
        wanted: names of the definitions asked for; of several notebooks of one attempt, the one that defines
            most of them is taken.
        logins: those of a roster, which tell a student's folder from others.

    Raises:
        UsageError: a path is not there, or there is no notebook in any.
    """
    unpacker = ArchiveExtractor(scratch)
    files: list[SubmittedFile] = []
    for label, given in _labelled(paths):
        files += _inside(given, label, unpacker)
    found = owners(files, logins)
    notebooks = [file for file in files if file.path and file.name.lower().endswith(_NOTEBOOKS)]
    if not notebooks and not unpacker.refused:
        what = "holds" if len(paths) == 1 else "hold"
        raise UsageError(f"{', '.join(paths)} {what} no notebooks (*.ipynb)")
    attempts, notes = _attempts(notebooks, found, wanted)
    notes += _without_notebook(files, found, attempts)
    return Intake(attempts=tuple(attempts), refused=tuple(unpacker.refused), notes=tuple(notes))


def _labelled(paths: Sequence[str]) -> list[tuple[str, Path]]:
    """Each path with what files in it are called: a folder's own name, a file's path among the others."""
    given = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))
    for shown, path in zip(paths, map(Path, paths), strict=True):
        if not path.exists():
            raise UsageError(f"there is no file {shown}; check the name and the folder you are in")
    parents = [str(path.parent) for path in given if not path.is_dir()]
    common = os.path.commonpath(parents) if parents else ""
    labels: dict[str, Path] = {}
    for path in given:
        label = path.name if path.is_dir() else os.path.relpath(path, common).replace(os.sep, "/")
        while label in labels:
            label = f"{path.parent.name}-{label}"
        labels[encodable(label)] = path
    return list(labels.items())


def _inside(given: Path, label: str, unpacker: ArchiveExtractor) -> Iterator[SubmittedFile]:
    if not given.is_dir():
        if given.suffix.lower() in (".ipynb", ".zip"):
            yield from _file(given, label, unpacker)
        elif given.suffix.lower() == ".py":  # in a folder it would be a module
            yield SubmittedFile(label, given)
        else:
            unpacker.refused.append(f"{label} is neither a notebook (*.ipynb, *.py) nor a zip archive")
        return
    for folder, subfolders, names in os.walk(given):
        subfolders.sort()
        for name in sorted([*names, *(sub for sub in subfolders if Path(folder, sub).is_symlink())]):
            path = Path(folder, name)
            inner = encodable(f"{label}/{path.relative_to(given).as_posix()}")
            if is_clutter(inner):
                continue
            if path.is_symlink():  # it may lead to another student's work, or out of the folder
                unpacker.refused.append(f"{inner} was refused: it is a link, not a file")
            else:
                yield from _file(path, inner, unpacker)
        subfolders[:] = [sub for sub in subfolders if not is_clutter(sub)]


def _file(path: Path, label: str, unpacker: ArchiveExtractor) -> Iterator[SubmittedFile]:
    if _is_zip(path):
        yield from unpacker.unpack(path, label)
    elif path.suffix.lower() == ".ipynb" or path.name in SIDECARS:
        yield SubmittedFile(label, path)
    else:
        yield SubmittedFile(label, None)


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _attempts(
    notebooks: Sequence[SubmittedFile], found: dict[str, OwnerGuess], wanted: Sequence[str]
) -> tuple[list[Attempt], list[str]]:
    """One attempt for each student and number, and a note where one of several files was chosen."""
    groups: dict[tuple[str, tuple[str, ...], int], list[SubmittedFile]] = defaultdict(list)
    for file in notebooks:
        owner = found[file.name]
        groups[owner.who, tuple(sorted(owner.ids.values())), owner.number].append(file)
    attempts, notes = [], []
    for files in groups.values():
        best = files[0] if len(files) == 1 else max(files, key=lambda file: _promise(file, wanted))
        owner = found[best.name]
        attempts.append(
            Attempt(
                who=owner.who,
                ids=owner.ids,
                path=best.path or Path(),
                label=best.name,
                number=owner.number,
                handed_in=owner.handed_in,
                late=any(found[file.name].late for file in files),
            )
        )
        others = ", ".join(PurePosixPath(file.name).name for file in files if file is not best)
        if others:
            notes.append(f"{owner.who} handed in several notebooks; {best.name} was graded, not {others}.")
    return attempts, notes


def _promise(file: SubmittedFile, wanted: Sequence[str]) -> tuple[int, float]:
    """How much of what is asked for a notebook seems to define; the newer one of equals."""
    if file.path is None or not file.path.is_file():
        return 0, 0.0
    try:
        with file.path.open("rb") as opened:
            text = opened.read(_LOOKED_AT).decode(errors="replace")
        changed = file.path.stat().st_mtime
    except OSError:
        return 0, 0.0
    return sum(bool(re.search(rf"\b(?:def|class)\s+{re.escape(name)}\b", text)) for name in wanted), changed


def _without_notebook(
    files: Sequence[SubmittedFile], found: dict[str, OwnerGuess], attempts: Sequence[Attempt]
) -> list[str]:
    """A note for each student of whom a platform's export has files, but none that could be graded."""
    have = {attempt.who for attempt in attempts}
    others: dict[str, list[str]] = defaultdict(list)
    for file in files:
        owner = found.get(file.name)
        if owner and owner.who not in have and PurePosixPath(file.name).name not in SIDECARS:
            others[owner.who].append(PurePosixPath(file.name).name)
    return [f"{who} handed in no notebook, but {', '.join(names[:5])}." for who, names in others.items()]

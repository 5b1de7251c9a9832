"""Find all files below what was given to ``grade``; archives are opened, links and clutter are not."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from grader.classroom.handins.accounting import Account
from grader.classroom.handins.archives import ArchiveExtractor
from grader.classroom.handins.member_safety import MAX_FOLDERS, printable
from grader.classroom.handins.submitted import (
    Kind,
    SubmittedFile,
    is_clutter,
    is_notebook,
    kind_of,
    may_be_work,
    unique_label,
)
from grader.classroom.people.students import replace_surrogates
from grader.errors import UsageError

_LINK = "it is a symbolic link, not a file"  # it may lead to another student's work, or out of the folder


def labelled(paths: Sequence[str]) -> list[tuple[str, Path]]:
    """Return each path with a unique label: a folder's name, or a file's path relative to the other files.

    Raises:
        UsageError: a path does not exist.
    """
    absolute = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))
    for given, path in zip(paths, map(Path, paths), strict=True):
        if not path.exists():
            raise UsageError(f"there is no file {given}; check the name and the current folder")
    parents = [str(path.parent) for path in absolute if not path.is_dir()]
    common = os.path.commonpath(parents) if parents else ""
    labels = {
        path: _folder_label(path) if path.is_dir() else os.path.relpath(path, common).replace(os.sep, "/")
        for path in absolute
    }
    first = {path: PurePosixPath(label).parts for path, label in labels.items()}
    for above in range(max(len(path.parents) for path in absolute)):
        counts = Counter(labels.values())
        # All that share a label get the folder above, whatever their order: names of people may depend on it.
        for path, label in labels.items():
            place = len(first[path]) - 1 + above
            if counts[label] > 1 and place < len(path.parents):
                joint = (
                    "/" if first[path][:1] == ("submitted",) else "-"
                )  # nbgrader's stays a folder of its own
                labels[path] = joint.join(filter(None, (path.parents[place].name, label)))
    taken: set[str] = set()
    return [(unique_label(printable(replace_surrogates(labels[path])), taken), path) for path in absolute]


def _folder_label(folder: Path) -> str:
    """Return a folder's name; below nbgrader's ``submitted`` the path from there, which names the student."""
    parts = folder.parts
    if "submitted" in parts[:-1]:
        at = len(parts) - 1 - parts[::-1].index("submitted")
        below = len(parts) - 1 - at  # student, and assignment
        if below <= 2 and any(folder.glob("*/" * (2 - below) + "timestamp.txt")):
            return "/".join(parts[at:])
    return folder.name


def files_in(
    root: Path, label: str, extractor: ArchiveExtractor, account: Account
) -> Iterator[SubmittedFile]:
    """Yield every file in a folder or archive, or the file itself; what is left out goes to the account."""
    if root.is_dir():
        yield from _in_folder(root, label, extractor, account)
        return
    kind = _kind(root)
    if kind in (Kind.NOTEBOOK, Kind.SCRIPT, Kind.ARCHIVE):
        yield from _file(root, label, extractor, account)
    else:
        account.refuse(
            label,
            "it is neither a notebook (*.ipynb, *.py) nor an archive (zip, tar)",
            f"{label} is neither a notebook (*.ipynb, *.py) nor an archive (zip, tar)",
        )


def _in_folder(
    folder: Path, label: str, extractor: ArchiveExtractor, account: Account, depth: int = 1
) -> Iterator[SubmittedFile]:
    if depth > MAX_FOLDERS:
        account.refuse(f"{label}/", f"it is nested more than {MAX_FOLDERS} folders deep")
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        reason = f"the folder cannot be read ({error.strerror})"
        account.refuse(f"{label}/", reason, f"{label} was refused: {reason}; check its permissions")
        return
    if all(is_clutter(entry.name) for entry in entries):
        yield SubmittedFile(name=label, kind=Kind.EMPTY)
    taken: set[str] = set()
    for entry in entries:
        inner = unique_label(f"{label}/{printable(replace_surrogates(entry.name))}", taken)
        path = Path(entry.path)
        if is_clutter(entry.name):
            account.pass_over(f"{inner}/" if _is_folder(path) else inner)
        elif path.is_symlink():
            account.refuse(inner, _LINK)
        elif _is_folder(path):
            below = list(_in_folder(path, inner, extractor, account, depth + 1))
            if is_notebook(entry.name) and not any(file.is_gradable for file in below):
                account.refuse(inner, "it is a folder, not a notebook")
            yield from below
        else:
            yield from _file(path, inner, extractor, account)


def _file(path: Path, label: str, extractor: ArchiveExtractor, account: Account) -> Iterator[SubmittedFile]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is a device or a pipe, not a file")  # to open one might block
        kind = _kind(path)
        if kind is not Kind.ARCHIVE:
            _head(path, 1)
    except OSError as error:
        yield from _unreadable_file(path, label, error, account)
        return
    if kind is Kind.ARCHIVE:
        yield from extractor.extract(path, label)
        return
    if kind is Kind.SCRIPT and path.suffix.lower() != ".py":
        path = extractor.copy_as_script(path)
    yield SubmittedFile(name=label, kind=kind, path=path, modified=status.st_mtime)


def _unreadable_file(path: Path, label: str, error: OSError, account: Account) -> Iterator[SubmittedFile]:
    if is_notebook(path.name):  # its report gives the reason
        yield SubmittedFile(name=label, kind=Kind.NOTEBOOK, path=path)
        return
    reason = f"it cannot be read ({error.strerror})"
    if may_be_work(path.name) or error.errno:
        account.refuse(label, reason, f"{label} was refused: {reason}; check its permissions")
    else:
        account.leave_out(label, reason)


def _kind(path: Path) -> Kind:
    return kind_of(path.name, lambda size: _head(path, size))


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as opened:
        return opened.read(size)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()

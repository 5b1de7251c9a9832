"""Extract zip and tar archives from untrusted sources: safe members under generated names, no others."""

from __future__ import annotations

import errno
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.classroom.handins.accounting import Account
from grader.classroom.handins.member_names import member_names
from grader.classroom.handins.member_safety import is_encrypted, printable, shortened, unsafe_reason
from grader.classroom.handins.submitted import (
    Kind,
    SubmittedFile,
    is_clutter,
    kind_of,
    unique_label,
)
from grader.classroom.handins.tar_archive import BROKEN as TAR_BROKEN
from grader.classroom.handins.tar_archive import TarArchive, TooLarge
from grader.errors import UsageError
from grader.notebook.checkpoints import MAX_BYTES as MAX_WEIGHTS
from grader.notebook.checkpoints import is_checkpoint_name
from grader.notebook.submission import MAX_BYTES

MAX_MEMBERS = 200_000  # enough for a thousand students with their repositories
MAX_TOTAL = 8 << 30  # bytes extracted from all archives of a batch
MAX_TOTAL_WEIGHTS = 4 << 30  # counted separately, so that checkpoints never displace a notebook
# Deflate shrinks notebooks to about a tenth. Above RATIO_FROM bytes, less than a hundredth is a zip bomb.
MAX_RATIO, RATIO_FROM = 100, 20 << 20
MAX_DEPTH = 2  # archives in archives: Canvas exports a zip of the zips that students hand in
_MAX_IMPORTABLE = 100  # characters of a folder or module that keeps its name
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, NotImplementedError, ValueError),
    *TAR_BROKEN,
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_SUFFIXES = {Kind.NOTEBOOK: ".ipynb", Kind.SCRIPT: ".py", Kind.ARCHIVE: ".zip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A member of an open archive, its name in the archive, and its label."""

    archive: zipfile.ZipFile | TarArchive
    info: zipfile.ZipInfo
    name: str
    label: str

    @property
    def own_name(self) -> str:
        return PurePosixPath(self.name).name

    def head(self, size: int) -> bytes:
        """Return the beginning of the content; nothing if it cannot be read."""
        try:
            with self.archive.open(self.info) as opened:
                return opened.read(size)
        except (*_BROKEN, OSError):
            return b""

    @property
    def modified(self) -> float:
        try:
            return time.mktime((*self.info.date_time, 0, 0, -1))
        except (ValueError, OverflowError):
            return 0.0


class ArchiveExtractor:
    """Extracts notebooks, the files beside them and the platforms' metadata into one folder.

    Attributes:
        guessed_names: a name of each archive whose names are in no known encoding, by the archive's label.
    """

    def __init__(self, target: Path, account: Account, encoding: str | None = None) -> None:
        self._target, self._account, self._encoding, self._count = target, account, encoding, 0
        self._left, self._left_for_weights = MAX_TOTAL, MAX_TOTAL_WEIGHTS
        self._folders: dict[tuple[Path, str], Path] = {}
        self.guessed_names: dict[str, str] = {}

    def extract(self, archive: Path, label: str, depth: int = 1) -> Iterator[SubmittedFile]:
        """Yield the files in ``archive``, named below ``label``; what is left out goes to the account.

        Raises:
            UsageError: the files cannot be written.
        """
        kind = "zip" if label.lower().endswith(".zip") else "tar"
        try:
            opened = self._opened(archive, kind)
        except TooLarge as error:
            self._account.refuse(label, str(error))
            return
        except _BROKEN as error:
            reason = f"it is not a readable {kind} archive ({error})"
            self._account.refuse(label, reason, f"{label} {reason[3:]}; create it again")
            return
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise UsageError(f"{label} cannot be extracted ({error.strerror})") from error
            reason = f"it cannot be read ({error.strerror or error})"
            self._account.refuse(label, reason, f"{label} was refused: {reason}; check its permissions")
            return
        with opened:
            infos = opened.infolist()
            if len(infos) > MAX_MEMBERS:
                self._account.refuse(label, f"it has {len(infos):,} members, more than any class needs")
                return
            found = member_names(infos, self._encoding)
            empty = _empty_folders(found.names)
            if "" not in empty:
                self._account.use(label, "an archive that was opened")
            for folder in empty:
                name = "/".join(filter(None, (label, printable(folder))))
                yield SubmittedFile(name=name, kind=Kind.EMPTY)
            if found.guessed:
                self.guessed_names[label] = found.guessed
            taken: set[str] = set()
            for info, name in zip(infos, map(_inside, found.names), strict=True):
                own_label = unique_label(printable(f"{label}/{_normal(name)}"), taken)
                member = _Member(archive=opened, info=info, name=name, label=own_label)
                yield from self._member(member, label, depth)

    def _opened(self, archive: Path, kind: str) -> zipfile.ZipFile | TarArchive:
        """Open an archive; a tar archive only up to the ratio that is a bomb's, and to what is left."""
        if kind == "zip":
            return zipfile.ZipFile(archive)
        most = min(max(RATIO_FROM, MAX_RATIO * archive.stat().st_size), self._left + self._left_for_weights)
        self._count += 1
        scratch = self._target / f"{self._count:06}.unpacked"
        return TarArchive(archive, scratch, most=most, max_members=MAX_MEMBERS)

    def _member(self, member: _Member, archive: str, depth: int) -> Iterator[SubmittedFile]:
        if member.name.endswith("/"):
            return
        if clutter := _clutter(member.name):
            self._account.pass_over(f"{archive}/{clutter}")
            return
        if reason := unsafe_reason(member.info, member.name):
            self._refuse(member, reason)
            return
        if is_encrypted(member.info):
            self._refuse(member, "it is protected by a password")
            return
        kind = kind_of(member.own_name, member.head)
        if kind in (Kind.OTHER, Kind.PACKED) or (
            kind is Kind.WEIGHTS and not self._has_room_for(member.info)
        ):
            yield SubmittedFile(name=member.label, kind=kind, modified=member.modified)
            return
        if reason := self._too_large(member.info, kind):
            self._refuse(member, reason)
            return
        path = self._target_of(member, kind, archive)
        if not self._write(member, path, kind):
            return
        if kind is not Kind.ARCHIVE:
            yield SubmittedFile(name=member.label, kind=kind, path=path, modified=member.modified)
        elif depth < MAX_DEPTH:
            yield from self.extract(path, member.label, depth + 1)
        else:
            self._refuse(member, "it is nested inside two other archives")

    def copy_as_script(self, path: Path) -> Path:
        """Return a copy of a script whose name does not end in ".py"."""
        self._count += 1
        copy = self._target / f"{self._count:06}.py"
        shutil.copyfile(path, copy)
        return copy

    def _refuse(self, member: _Member, reason: str) -> None:
        self._account.refuse(member.label, reason, f"{shortened(member.label)} was refused: {reason}")

    def _has_room_for(self, weights: zipfile.ZipInfo) -> bool:
        return weights.file_size <= min(MAX_WEIGHTS, self._left_for_weights)

    def _too_large(self, info: zipfile.ZipInfo, kind: Kind) -> str | None:
        if kind is Kind.WEIGHTS:
            return None
        if info.file_size > MAX_BYTES:
            return f"it extracts to more than {MAX_BYTES >> 20} MB"
        if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
            return f"it extracts to more than {MAX_RATIO} times its size, as only zip bombs do"
        if info.file_size > self._left:
            return f"the archives together extract to more than {MAX_TOTAL >> 30} GB"
        return None

    def _target_of(self, member: _Member, kind: Kind, archive: str) -> Path:
        """Return the path to write a member to.

        Folders and modules that Python could import keep their names, and so do checkpoints, since the
        notebook refers to them. All other names are replaced by numbers, so that no name from an archive is
        interpreted by the file system (case, reserved names, length).
        """
        *parents, last = PurePosixPath(member.name).parts
        folder = self._folder(self._target, f"{archive}/")  # each archive has its own
        for parent in parents:
            folder = folder / parent if _is_importable(parent) else self._folder(folder, parent)
        path = folder / last
        if (_is_module(last) or is_checkpoint_name(last)) and not path.exists():
            return path
        self._count += 1
        return folder / f"{self._count:06}{_SUFFIXES.get(kind, '')}"

    def _folder(self, parent: Path, name: str) -> Path:
        return self._folders.setdefault((parent, name), parent / f"folder-{len(self._folders):06}")

    def _write(self, member: _Member, path: Path, kind: Kind) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with member.archive.open(member.info) as compressed, path.open("wb") as extracted:
                # A false size in the header does no harm: zipfile reads no further than that.
                while chunk := compressed.read(1 << 20):
                    extracted.write(chunk)
        except (*_BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise UsageError(f"{member.label} cannot be extracted ({error.strerror})") from error
            path.unlink(missing_ok=True)
            self._refuse(member, f"it cannot be extracted ({error})")
            return False
        if kind is Kind.WEIGHTS:
            self._left_for_weights -= member.info.file_size
        else:
            self._left -= member.info.file_size
        return True


def _empty_folders(names: Sequence[str]) -> list[str]:
    """Return the outermost folders without files, clutter aside; "" if that is the whole archive."""
    full, named = set(), {""}
    for name in names:
        is_folder, clutter = name.endswith("/"), _clutter(name)
        own = PurePosixPath(clutter or name)
        above = set(_above(str(own)))
        named |= above | ({str(own)} if is_folder and not clutter else set())
        full |= set() if is_folder or clutter else above
    empty = named - full
    return sorted(folder for folder in empty if not folder or not empty.intersection(_above(folder)))


def _above(folder: str) -> list[str]:
    """Return the folders that a folder lies in, and "" for the archive."""
    return ["" if str(up) == "." else str(up) for up in PurePosixPath(folder).parents]


def _clutter(name: str) -> str:
    """Return the part of a path that is clutter, with the folders above it; "" if there is none."""
    parts = PurePosixPath(name).parts
    for count, part in enumerate(parts, start=1):
        if is_clutter(part):
            return "/".join(parts[:count]) + ("/" if count < len(parts) else "")
    return ""


def _inside(name: str) -> str:
    """Return a path without ".." where it stays in the archive, as in ``ann/src/../hw.ipynb``."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part != "..":
            parts.append(part)
        elif parts and not name.startswith("/"):
            parts.pop()
        else:
            return name  # it leads out
    return "/".join(parts) + "/" * name.endswith("/") if ".." in name else name


def _normal(name: str) -> str:
    """Return a path without "." and repeated separators."""
    return "/".join(PurePosixPath(name).parts) if not name.startswith("/") else name


def _is_module(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".py" and _is_importable(path.stem)


def _is_importable(part: str) -> bool:
    return part.isidentifier() and part.isascii() and len(part) <= _MAX_IMPORTABLE

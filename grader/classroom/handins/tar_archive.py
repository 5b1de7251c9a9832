"""Tar archives, plain or compressed with gzip, read through the interface of zip archives."""

from __future__ import annotations

import gzip
import stat
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from zipfile import BadZipFile, ZipInfo

from grader.classroom.handins.member_safety import DEVICE

BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile)
_GZIP = b"\x1f\x8b"
_MAX_HEADER = 1 << 20  # bytes of a name or of attributes, which tarfile reads into memory
_EXTRA_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_ZIP_YEARS = range(1980, 2108)


class TooLarge(Exception):
    """An archive that holds more than it may."""


class TarArchive:
    """An open tar archive, with its members described as those of a zip archive: one set of rules holds.

    A compressed archive is unpacked as a whole first, up to a limit: each member is then found without
    reading all that lie before it.

    Args:
        scratch: where a compressed archive is unpacked.
        most: bytes that it may unpack to.
        max_members: how many members it may have.

    Raises:
        TooLarge: it unpacks to more, or has more members.
    """

    def __init__(self, path: Path, scratch: Path, *, most: int, max_members: int) -> None:
        self._tar: tarfile.TarFile | None = None
        self._unpacked = scratch if _starts_with(path, _GZIP) else None
        try:
            if self._unpacked:
                _unpack(path, self._unpacked, most)
            self._tar = tarfile.open(  # noqa: SIM115  closed with this object
                self._unpacked or path, "r:", tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
            )
            self._members = dict(_described(self._tar, max_members))
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def infolist(self) -> list[ZipInfo]:
        """Return a description of each member."""
        return [info for info, _ in self._members.values()]

    def open(self, member: ZipInfo) -> IO[bytes]:
        """Open a member that is a file."""
        opened = self._tar.extractfile(self._members[id(member)][1]) if self._tar else None
        if opened is None:
            raise BadZipFile("it is not a file")
        return opened

    def _close(self) -> None:
        if self._tar:
            self._tar.close()
        if self._unpacked:
            self._unpacked.unlink(missing_ok=True)


def _described(archive: tarfile.TarFile, most: int) -> Iterator[tuple[int, tuple[ZipInfo, tarfile.TarInfo]]]:
    """Yield each member with its description, by the latter's identity: names may occur twice."""
    for count, member in enumerate(archive):
        if count >= most:
            raise TooLarge(f"it has more than {most:,} members, more than any class needs")
        if member.size < 0:
            raise tarfile.ReadError("the size of a member is negative")
        info = _description(member)
        yield id(info), (info, member)


class _Header(tarfile.TarInfo):
    """A header whose names and attributes have a limit: tarfile reads them into memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTRA_HEADERS and self.size > _MAX_HEADER:
            raise tarfile.ReadError("a name in it is longer than any file system allows")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


def _description(member: tarfile.TarInfo) -> ZipInfo:
    """Return what a zip archive would say of a member; its name as CP437, which holds any bytes."""
    name = member.name.encode("utf-8", "surrogateescape").decode("cp437")
    moment = time.localtime(min(max(member.mtime, 0), 2**32))
    date = moment[:6] if moment.tm_year in _ZIP_YEARS else (1980, 1, 1, 0, 0, 0)
    info = ZipInfo(name + "/" * member.isdir(), date_time=date)
    info.file_size = info.compress_size = member.size
    kind = stat.S_IFREG if member.isfile() and not member.issparse() else DEVICE
    kind = stat.S_IFDIR if member.isdir() else stat.S_IFLNK if member.issym() or member.islnk() else kind
    info.external_attr = kind << 16
    return info


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as opened:
        return opened.read(len(start)) == start


def _unpack(path: Path, target: Path, most: int) -> None:
    left = most
    with gzip.open(path) as packed, target.open("wb") as unpacked:
        while chunk := packed.read(1 << 20):
            left -= len(chunk)
            if left < 0:
                raise TooLarge(f"it unpacks to more than {most >> 20:,} MB")
            unpacked.write(chunk)

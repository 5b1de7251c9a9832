"""Extract zip archives from untrusted sources: safe members under generated names, the rest refused."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
MAX_NAME = 1000  # characters of a member's path
MAX_FOLDERS = 30  # in a member's path
_MAX_IMPORTABLE = 100  # characters of a folder or module that keeps its name
SIDECARS = ("submission_metadata.yml", "timestamp.txt")


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """A submitted file.

    Attributes:
        name: its path below what was given to ``grade``, with "/" between folders; archives are folders.
        path: its location; None if only its name is needed.
    """

    name: str
    path: Path | None


class ArchiveExtractor:
    """Extracts notebooks, the files beside them and the platforms' metadata into one folder.

    Attributes:
        refused: a sentence for each archive or member that was not extracted.
    """

    def __init__(self, target: Path) -> None:
        self._target, self._count = target, 0
        self._left, self._left_for_weights = MAX_TOTAL, MAX_TOTAL_WEIGHTS
        self._folders: dict[tuple[Path, str], Path] = {}
        self.refused: list[str] = []

    def extract(self, archive: Path, label: str, depth: int = 1) -> Iterator[SubmittedFile]:
        """Yield the files in ``archive``, named below ``label``; add to ``refused`` what is left out.

        Raises:
            UsageError: the files cannot be written.
        """
        # Member names: zipfile decodes those flagged as UTF-8 and reads all others as CP437. Names in
        # another code page come out as wrong letters, but every byte maps to one, so no name is lost.
        try:
            with zipfile.ZipFile(archive) as opened:
                members = opened.infolist()
                if len(members) > MAX_MEMBERS:
                    raise zipfile.BadZipFile(f"it has {len(members):,} members")
                for member in members:
                    yield from self._member(opened, member, label, depth)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            self.refused.append(f"{label} is not a readable zip archive ({error}); create it again")
        except OSError as error:
            raise UsageError(f"{label} cannot be extracted ({error.strerror or error})") from error

    def _member(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, label: str, depth: int
    ) -> Iterator[SubmittedFile]:
        name = f"{label}/{member.filename}"
        if member.is_dir() or is_clutter(member.filename):
            return
        if reason := _unsafe(member):
            if _is_needed(member.filename):
                self._refuse(name, reason)
            return
        weights = is_checkpoint_name(PurePosixPath(member.filename).name)
        if not (self._has_room_for(member) if weights else _is_needed(member.filename)):
            yield SubmittedFile(name, None)
            return
        if reason := self._too_large(member):
            self._refuse(name, reason)
            return
        path = self._target_of(member, label)
        if not self._write(archive, member, path, name):
            return
        if weights or path.suffix == ".py":  # found beside the notebook when that is read
            yield SubmittedFile(name, None)
        elif not member.filename.lower().endswith(".zip"):
            yield SubmittedFile(name, path)
        elif depth < MAX_DEPTH:
            yield from self.extract(path, name, depth + 1)
        else:
            self._refuse(name, "it is nested inside two other archives")

    def _refuse(self, name: str, reason: str) -> None:
        self.refused.append(f"{_shortened(name)} was refused: {reason}")

    def _has_room_for(self, weights: zipfile.ZipInfo) -> bool:
        return weights.file_size <= min(MAX_WEIGHTS, self._left_for_weights)

    def _too_large(self, member: zipfile.ZipInfo) -> str | None:
        if member.file_size > MAX_BYTES:
            return f"it extracts to more than {MAX_BYTES >> 20} MB"
        if member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * member.compress_size:
            return f"it extracts to more than {MAX_RATIO} times its size, as only zip bombs do"
        if member.file_size > self._left:
            return f"the archives together extract to more than {MAX_TOTAL >> 30} GB"
        return None

    def _target_of(self, member: zipfile.ZipInfo, label: str) -> Path:
        """Return the path to write a member to.

        Folders and modules that Python could import keep their names, and so do checkpoints, since the
        notebook refers to them. All other names are replaced by numbers, so that no name from an archive is
        interpreted by the file system (case, reserved names, length).
        """
        *parents, last = PurePosixPath(member.filename).parts
        folder = self._folder(self._target, f"{label}/")  # each archive has its own
        for parent in parents:
            folder = folder / parent if _is_importable(parent) else self._folder(folder, parent)
        if _is_module(member.filename) or is_checkpoint_name(last):
            return folder / last
        self._count += 1
        return folder / f"{self._count:06}{PurePosixPath(last).suffix.lower()[:6]}"

    def _folder(self, parent: Path, name: str) -> Path:
        return self._folders.setdefault((parent, name), parent / f"folder-{len(self._folders):06}")

    def _write(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(member) as compressed, path.open("wb") as extracted:
                # A false size in the header does no harm: zipfile reads no further than that.
                while chunk := compressed.read(1 << 20):
                    extracted.write(chunk)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, NotImplementedError) as error:
            path.unlink(missing_ok=True)
            self._refuse(name, f"it cannot be extracted ({error})")
            return False
        if is_checkpoint_name(path.name):
            self._left_for_weights -= member.file_size
        else:
            self._left -= member.file_size
        return True


def is_clutter(name: str) -> bool:
    """Return whether this is a file that operating systems and editors leave behind."""
    parts = PurePosixPath(name).parts
    return bool({"__MACOSX", ".ipynb_checkpoints", ".git"} & set(parts)) or parts[-1:] == (".DS_Store",)


def _is_needed(name: str) -> bool:
    is_sidecar = PurePosixPath(name).name in SIDECARS
    return name.lower().endswith((".ipynb", ".zip")) or is_sidecar or _is_module(name)


def _is_module(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".py" and _is_importable(path.stem)


def _is_importable(part: str) -> bool:
    return part.isidentifier() and part.isascii() and len(part) <= _MAX_IMPORTABLE


def _unsafe(member: zipfile.ZipInfo) -> str | None:
    """Return why a member must not be extracted; None if it is safe."""
    name = member.filename
    parts = PurePosixPath(name).parts
    # Windows takes a backslash for a separator and "C:" for a drive.
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or name[1:2] == ":":
        return "its path leads out of the archive"
    if len(name) > MAX_NAME or any(len(part.encode()) > 255 for part in parts):
        return "its name is longer than file systems allow"
    if len(parts) > MAX_FOLDERS:
        return f"it is nested more than {MAX_FOLDERS} folders deep"
    if not name.isprintable():
        return "its name has characters that cannot be printed"
    if stat.S_ISLNK(member.external_attr >> 16):  # the upper half holds the Unix mode
        return "it is a symbolic link, not a file"
    if member.flag_bits & 1:  # bit 0: encrypted
        return "it is protected by a password"
    return None


def _shortened(name: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 160 else f"{printable[:100]}…{printable[-50:]}"

"""Opens zip archives from anybody: what is safe comes out under names of ours, the rest is refused."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.errors import UsageError
from grader.notebook.checkpoints import MAX_BYTES as MAX_WEIGHTS
from grader.notebook.checkpoints import is_weights
from grader.notebook.submission import MAX_BYTES

MEMBERS = 200_000  # a class of a thousand with their repositories
TOTAL = 8 << 30  # bytes, over all archives of a batch
TOTAL_WEIGHTS = 4 << 30  # beside it, so that no notebook is lost for them
RATIO, RATIO_COUNTS_FROM = 100, 20 << 20  # notebooks shrink to a tenth; what shrinks to a hundredth is a bomb
NESTED = 2  # an archive of archives, as Canvas makes where students hand in zips
LONGEST = 1000  # characters of a name
DEEPEST = 30  # folders
_LONGEST_PART = 100  # characters of a folder or module that keeps its name
SIDECARS = ("submission_metadata.yml", "timestamp.txt")


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """A file among those handed in. ``path`` is None where only its name matters."""

    name: str  # with the folders it lay in, below what was given to ``grade``; "/" between them
    path: Path | None


class ArchiveExtractor:
    """Takes notebooks, what lies beside them and tells whose they are out of archives into one folder."""

    def __init__(self, into: Path) -> None:
        self._into, self._count = into, 0
        self._left, self._left_for_weights = TOTAL, TOTAL_WEIGHTS
        self._folders: dict[tuple[Path, str], Path] = {}
        self.refused: list[str] = []

    def unpack(self, archive: Path, label: str, depth: int = 1) -> Iterator[SubmittedFile]:
        """The files in ``archive``, known as ``label``. What is refused is noted in ``refused``."""
        try:
            with zipfile.ZipFile(archive) as opened:
                members = opened.infolist()
                if len(members) > MEMBERS:
                    raise zipfile.BadZipFile(f"it has {len(members):,} members")
                for member in members:
                    yield from self._member(opened, member, label, depth)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            self.refused.append(f"{label} is not an archive that can be read ({error}); zip it once more")
        except OSError as error:
            raise UsageError(f"{label} cannot be unpacked ({error.strerror or error})") from error

    def _member(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, label: str, depth: int
    ) -> Iterator[SubmittedFile]:
        name = f"{label}/{member.filename}"
        if member.is_dir() or is_clutter(member.filename):
            return
        if why := _unsafe(member):
            if _is_wanted(member.filename):
                self.refused.append(f"{_short(name)} was refused: {why}")
            return
        weights = is_weights(PurePosixPath(member.filename).name)
        if not (self._has_room_for(member) if weights else _is_wanted(member.filename)):
            yield SubmittedFile(name, None)
            return
        if why := self._too_large(member):
            self.refused.append(f"{_short(name)} was refused: {why}")
            return
        path = self._place(member, label)
        if not self._write(archive, member, path, name):
            return
        if weights or path.suffix == ".py":
            yield SubmittedFile(name, None)
        elif not member.filename.lower().endswith(".zip"):
            yield SubmittedFile(name, path)
        elif depth < NESTED:
            yield from self.unpack(path, name, depth + 1)
        else:
            self.refused.append(f"{_short(name)} was refused: it is an archive within archives")

    def _has_room_for(self, weights: zipfile.ZipInfo) -> bool:
        return weights.file_size <= min(MAX_WEIGHTS, self._left_for_weights)

    def _too_large(self, member: zipfile.ZipInfo) -> str | None:
        if member.file_size > MAX_BYTES:
            return f"it unpacks to more than {MAX_BYTES >> 20} MB"
        if member.file_size > RATIO_COUNTS_FROM and member.file_size > RATIO * member.compress_size:
            return "it unpacks to more than a hundred times its size, as only zip bombs do"
        if member.file_size > self._left:
            return f"all archives together unpack to more than {TOTAL >> 30} GB"
        return None

    def _place(self, member: zipfile.ZipInfo, label: str) -> Path:
        """Where a member goes: modules and weights keep the name that the notebook knows them by, all else
        gets one of ours.
        """
        *parents, last = PurePosixPath(member.filename).parts
        folder = self._folder(self._into, f"{label}/")  # a zip's folders are never another's
        for parent in parents:
            folder = folder / parent if _is_importable(parent) else self._folder(folder, parent)
        if _is_module(member.filename) or is_weights(last):
            return folder / last
        self._count += 1
        return folder / f"{self._count:06}{PurePosixPath(last).suffix.lower()[:6]}"

    def _folder(self, inside: Path, name: str) -> Path:
        return self._folders.setdefault((inside, name), inside / f"folder-{len(self._folders):06}")

    def _write(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(member) as packed, path.open("wb") as plain:
                while chunk := packed.read(1 << 20):  # never beyond the size that was just checked
                    plain.write(chunk)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, NotImplementedError) as error:
            path.unlink(missing_ok=True)
            self.refused.append(f"{_short(name)} was refused: it cannot be unpacked ({error})")
            return False
        if is_weights(path.name):
            self._left_for_weights -= member.file_size
        else:
            self._left -= member.file_size
        return True


def is_clutter(name: str) -> bool:
    """Whether this is what operating systems and editors leave behind."""
    parts = PurePosixPath(name).parts
    return bool({"__MACOSX", ".ipynb_checkpoints", ".git"} & set(parts)) or parts[-1:] == (".DS_Store",)


def _is_wanted(name: str) -> bool:
    is_sidecar = PurePosixPath(name).name in SIDECARS
    return name.lower().endswith((".ipynb", ".zip")) or is_sidecar or _is_module(name)


def _is_module(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".py" and _is_importable(path.stem)


def _is_importable(part: str) -> bool:
    return part.isidentifier() and part.isascii() and len(part) <= _LONGEST_PART


def _unsafe(member: zipfile.ZipInfo) -> str | None:
    name = member.filename
    parts = PurePosixPath(name).parts
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or name[1:2] == ":":
        return "its name leads out of the archive"
    if len(name) > LONGEST or any(len(part.encode()) > 255 for part in parts):
        return "its name is longer than any disk allows"
    if len(parts) > DEEPEST:
        return f"it lies deeper than {DEEPEST} folders"
    if not name.isprintable():
        return "its name has characters that cannot be printed"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link, not a file"
    if member.flag_bits & 1:
        return "it is locked with a password"
    return None


def _short(name: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= 160 else f"{shown[:100]}…{shown[-50:]}"

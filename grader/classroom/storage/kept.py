"""Hand-ins and the rubrics that judged them, kept by content beside the gradebook.

With the seeds and options in each result, this is all that a verdict depends on, so that it can be reproduced
after the download is gone and the rubric has changed.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.errors import UsageError
from grader.extraction.local_modules import companion_files, content_digest
from grader.files import read_handed_in, replacing
from grader.notebook.submission import file_digest
from grader.rubric import Rubric

FOLDER = "kept"
_NOTEBOOK = "handed-in"  # the name of every kept notebook, before its suffix; no module can bear it
_SKIPPED = {"__pycache__", "audit", "kit"}  # of a rubric: none decides a verdict


class KeptFiles:
    """The folder ``kept`` below the results: an archive for each notebook and for each rubric.

    Every method raises UsageError where a file cannot be read or written.
    """

    def __init__(self, out: Path) -> None:
        self._folder = out / FOLDER

    def has_notebook(self, digest: str) -> bool:
        """Return whether the notebook with this digest is kept."""
        return self._notebook(digest).exists()

    def keep_notebook(self, digest: str, path: Path) -> None:
        """Keep the notebook at ``path``, with the files beside it that grading reads.

        Args:
            digest: its ``content_digest``.
        """
        if self.has_notebook(digest):
            return
        try:
            name = _NOTEBOOK + path.suffix.lower()
            members = {name: read_handed_in(path), **companion_files(path)}
        except OSError:
            return  # an unreadable file was graded as such; there is no content to keep
        _write(self._notebook(digest), members.items())

    def copy_notebook(self, digest: str, other: KeptFiles) -> None:
        """Keep a notebook that is kept in another folder."""
        if self.has_notebook(digest):
            return
        path = self._notebook(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as draft:
                shutil.copyfile(other._notebook(digest), draft)
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be copied to {path} ({error.strerror})") from error

    def restore_notebook(self, digest: str, target: Path) -> Path:
        """Write a kept notebook and the files beside it into the folder ``target``; return its path."""
        _extract(self._notebook(digest), target, "the notebook was graded before hand-ins were kept")
        path = next(target.glob(f"{_NOTEBOOK}.*"), target / _NOTEBOOK)
        if digest not in (content_digest(path), file_digest(path)):
            raise UsageError(f"{self._notebook(digest)} was changed after it was kept; restore a backup")
        return path

    def keep_handout(self, handout: Path) -> None:
        """Keep the notebook that students were given."""
        path = self._notebook(file_digest(handout))
        if not path.exists():
            _write(path, [(_NOTEBOOK + handout.suffix.lower(), _read(handout))])

    def keep_rubric(self, digest: str, rubric: Rubric) -> None:
        """Keep the rubric's folder, without its audit, under the digest that results name it by."""
        path = self._rubric(digest)
        if path.exists():
            return
        members = dict(_members(rubric.source))
        if (
            rubric.extends
        ):  # the rubric that it extends is found beside its own rules, where it may be already
            members |= {f"{rubric.extends}/{name}": data for name, data in _members(rubric.folder)}
        _write(path, members.items())

    def restore_rubric(self, digest: str, target: Path) -> Rubric:
        """Load a kept rubric from a copy in the folder ``target``."""
        _extract(self._rubric(digest), target, "the rubric was used before rubrics were kept")
        return Rubric.load(str(target))

    def _notebook(self, digest: str) -> Path:
        return self._folder / "notebooks" / f"{digest}.zip"

    def _rubric(self, digest: str) -> Path:
        return self._folder / "rubrics" / f"{digest}.zip"


def _members(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a rubric's files, without its audit."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and not _SKIPPED & set(name.parts):
            yield name.as_posix(), _read(file)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); make it readable") from error


def _write(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip archive atomically."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
            for name, data in members:
                # A fixed date: equal contents give equal archives.
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, compresslevel=1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); free some disk space or choose another --out"
        ) from error


def _extract(path: Path, target: Path, reason: str) -> None:
    if not path.exists():
        raise UsageError(
            f"{path} does not exist: {reason}, or it was removed; grade the hand-in again with --regrade, "
            "and all that its verdicts depend on is kept"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"{path} cannot be read ({error}); restore a backup") from error

"""Write a wheel, the file that pip installs: the packages, and what they are called and need."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.files import replacing

_WHEEL = b"Wheel-Version: 1.0\nGenerator: grade kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a date for all files, so that the same content gives the same bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The metadata that pip reads from a wheel.

    Attributes:
        name, version: of the distribution.
        summary: one line.
        requires: what it needs, such as "torch>=2.4".
        requires_python: such as ">=3.11".
        commands: console scripts, "module:function" by name.
    """

    name: str
    version: str
    summary: str
    requires: Sequence[str]
    requires_python: str
    commands: Mapping[str, str]

    @property
    def stem(self) -> str:
        """Name and version as file names have them."""
        return f"{self.name.replace('-', '_')}-{self.version}"


def write_wheel(folder: Path, distribution: Distribution, files: Mapping[str, bytes]) -> Path:
    """Write a wheel of pure Python into a folder, and return its path.

    Args:
        files: contents by path, as they are installed.

    Raises:
        OSError: the file cannot be written.
    """
    info = f"{distribution.stem}.dist-info"
    content = {
        **dict(sorted(files.items())),
        f"{info}/METADATA": _metadata(distribution).encode(),
        f"{info}/WHEEL": _WHEEL,
        f"{info}/entry_points.txt": _entry_points(distribution).encode(),
    }
    content[f"{info}/RECORD"] = _record(content, f"{info}/RECORD").encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{distribution.stem}-py3-none-any.whl"
    with replacing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            member = zipfile.ZipInfo(name, _EARLIEST)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return path


def _metadata(distribution: Distribution) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {distribution.name}",
        f"Version: {distribution.version}",
        f"Summary: {distribution.summary}",
        f"Requires-Python: {distribution.requires_python}",
        *(f"Requires-Dist: {each}" for each in distribution.requires),
    ]
    return "\n".join(lines) + "\n"


def _entry_points(distribution: Distribution) -> str:
    return "\n".join(["[console_scripts]", *(f"{k} = {v}" for k, v in distribution.commands.items())]) + "\n"


def _record(content: Mapping[str, bytes], own: str) -> str:
    """Return the list of files with their digests and sizes, which pip verifies."""
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    return "\n".join([*rows, f"{own},,"]) + "\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

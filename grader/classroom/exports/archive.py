"""Zip archives of exported files, the same bytes for the same files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files by name."""
    data = io.BytesIO()
    with ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)  # without a date
    return data.getvalue()

"""Files that a TA hands in with a form."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import UploadFile

from grader.errors import UsageError
from grader.files import file_name
from grader.review.app import Call


@contextmanager
def uploaded(call: Call, field: str) -> Iterator[Path]:
    """Provide a form's file under its own name in a folder that lasts as long as the block.

    Raises:
        UsageError: no file was chosen; and what the block raises, without the folder's name.
    """
    file = call.form.get(field)
    if not isinstance(file, UploadFile) or not file.filename:
        raise UsageError("choose a file first")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, file_name(Path(file.filename).name) or "table.csv")
        path.write_bytes(file.file.read())
        try:
            yield path
        except UsageError as error:
            raise UsageError(str(error).replace(f"{folder}/", "")) from error

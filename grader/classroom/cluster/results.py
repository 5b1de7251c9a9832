"""Results of shards: one compressed JSON file for each notebook, complete in itself.

The plan's key seals each of them, so that a grade that was changed on its way is not entered.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.classroom.storage.results import ResultInputs
from grader.errors import UsageError
from grader.files import replacing
from grader.model import Figure, Grade, Verdict, figure_from_json, grade_from_json
from grader.pipeline import JudgedNotebook

FOLDER = "results"  # below a shard's --out
_SUFFIX = ".json.gz"
_SEAL = "seal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResult:
    """A shard's result for one notebook.

    Attributes:
        inputs: what the result depends on.
        only: the criteria that were judged; all of the plan's where it is empty.
        finished: when it was judged, as ISO 8601 in UTC, to the microsecond: the first of several counts.
    """

    inputs: ResultInputs
    only: tuple[str, ...]
    finished: str
    readable: bool
    grade: Grade
    figures: tuple[Figure, ...]

    @property
    def judged(self) -> JudgedNotebook:
        """The result as the judge gave it."""
        return JudgedNotebook(grade=self.grade, figures=self.figures, readable=self.readable)

    @property
    def is_failed(self) -> bool:
        """True if the grader itself failed; any other result is then preferred."""
        has_errors = any(each.verdict is Verdict.ERROR for each in self.grade.criteria)
        return self.readable and has_errors and not self.grade.review


def write_result(out: Path, result: ShardResult, key: bytes) -> None:
    """Write a result below ``out``, atomically.

    Args:
        key: seals it (``Plan.seal_key``).

    Raises:
        UsageError: it cannot be written.
    """
    data = {
        "inputs": asdict(result.inputs),
        "only": list(result.only),
        "finished": result.finished,
        "readable": result.readable,
        "grade": result.grade.as_json(),
        "figures": [asdict(figure) for figure in result.figures],
    }
    read = json.loads(json.dumps(data))  # with text as keys, as it will be read
    sealed = {**read, _SEAL: _seal(read, key)}
    path = out / FOLDER / f"{result.inputs.notebook}{_SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_bytes(gzip.compress(json.dumps(sealed).encode(), compresslevel=3, mtime=0))
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another --out") from error


def read_result(path: Path, key: bytes) -> ShardResult:
    """Read a result.

    Args:
        key: that it was sealed with.

    Raises:
        ValueError: it was damaged or changed, or sealed with another key.
        OSError: it cannot be read.
    """
    try:
        data: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        if not hmac.compare_digest(data.pop(_SEAL), _seal(data, key)):
            raise ValueError("it was changed after it was judged, or another user made its plan")
        return ShardResult(
            inputs=ResultInputs(**data["inputs"]),
            only=tuple(data["only"]),
            finished=data["finished"],
            readable=data["readable"],
            grade=grade_from_json(data["grade"]),
            figures=tuple(figure_from_json(figure) for figure in data["figures"]),
        )
    except (EOFError, zlib.error, KeyError, TypeError, AttributeError, gzip.BadGzipFile) as error:
        raise ValueError(str(error)) from error


def _seal(data: Mapping[str, Any], key: bytes) -> str:
    content = json.dumps(data, sort_keys=True).encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def find_result(out: Path, notebook: str) -> Path:
    """Return where a shard leaves the result of a notebook."""
    return out / FOLDER / f"{notebook}{_SUFFIX}"


def results_in(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the files with results below some folders, by notebook.

    Raises:
        UsageError: a folder does not exist, or holds no results of shards.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; name the folders that shards wrote with --out")
        files = [*_files(folder)]
        if not files and not any(folder.glob("shard-*.json")):
            raise UsageError(
                f"{folder} holds no results of shards; name the folders that `grade --shard` wrote with --out"
            )
        for path in files:
            found[path.name.removesuffix(_SUFFIX)].append(path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / FOLDER).glob(f"*{_SUFFIX}"))


def best_of(results: Sequence[ShardResult]) -> ShardResult:
    """Return the result that counts: one in which the grader did not fail, then the first to be finished."""
    return min(results, key=lambda each: (each.is_failed, each.finished, json.dumps(each.grade.as_json())))

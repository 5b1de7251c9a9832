"""How often notebooks share work: ``python tests/benchmarks/bench_sharing.py [FOLDER …] [--rubric NAME]``.

For each folder the notebooks are taken in the order of their names, as if graded one after another. A hit is
a notebook whose cache key an earlier one of the same folder already had: for the short training, for the
samples, and for each single definition, to show what keeps keys apart. Nothing is trained. What a key also
holds of a training's plan follows from the code of a correct solution, so it is left out here.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from grader.checks.isolated_work import IsolatedWork
from grader.checks.session import Judge
from grader.extraction.extract import extract
from grader.judging.run import request
from grader.notebook.submission import read_notebook
from grader.options import Options
from grader.rubric import Rubric
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.zygote import Zygote

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
WORK = {
    "training": ("UNet", "train", "NoiseDiffuser"),
    "samples": ("generate_samples", "NoiseDiffuser"),
    **{name: (name,) for name in ("NoiseDiffuser", "UNet", "train", "generate_samples")},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[SUBMISSIONS])
    parser.add_argument("--rubric", default="ddpm")
    arguments = parser.parse_args()
    rubric = Rubric.load(arguments.rubric)
    for folder in arguments.folders:
        notebooks = [_keys(path, rubric) for path in sorted(folder.glob("*.ipynb"))]
        print(f"\n{folder}: {len(notebooks)} notebooks")
        for work in WORK:
            counts = Counter(keys[work] for keys in notebooks if work in keys)
            hits = counts.total() - len(counts)
            groups = ", ".join(str(count) for _, count in counts.most_common() if count > 1)
            print(f"{work:>17}: {hits:3} hits of {counts.total()}; groups of equal code: {groups or 'none'}")


def _keys(path: Path, rubric: Rubric) -> dict[str, str]:
    """Return the cache key of each work whose definitions the notebook has."""
    found = extract(read_notebook(path, path.stem), rubric.wanted, rubric.shapes)
    asked = request(rubric, found, Options(), Path("outcome"), secret=b"")
    source = WorkerSource(**{name: asked[name] for name in ("statements", "modules", "needs", "names")})
    judge = cast(Judge, SimpleNamespace(rubric=rubric, request=asked))
    student = Student(zygote=cast(Zygote, None), source=source)  # no worker starts, as nothing is called

    def key(parts: Any) -> str:
        return IsolatedWork.of(judge, student, parts, {}).key

    return {work: key(parts) for work, parts in WORK.items() if not set(parts) & set(found.missing)}


if __name__ == "__main__":
    main()

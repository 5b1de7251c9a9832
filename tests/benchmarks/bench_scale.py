"""Measure what a large class costs beside judging: plan, merge, list, exports, pages.

Usage: ``python tests/benchmarks/bench_scale.py FOLDER [SIZE]``.

The sample notebooks are planned and judged once with ``--quick``. The class consists of notebooks made from
them: other operators, cells left out, a tenth copied from a neighbour. Their results are those of the
sample with other verdicts, written as shards write them. ``FOLDER`` keeps everything; what is there already
is used again, so one step can be measured alone by removing its output.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import usage

from grader.classroom.cluster.plan import Plan
from grader.classroom.cluster.results import ShardResult, read_result, write_result
from grader.model import CriterionResult, Verdict

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
SAMPLES = ("alice", "bob", "carol")
_SHARDS = 40
_COPIES = 0.1  # of the class


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("size", nargs="?", type=int, default=1000)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    notebooks, plan, shards, out = (folder / name for name in ("class", "plan", "shards", "reports"))
    folder.mkdir(parents=True, exist_ok=True)
    if not notebooks.exists():
        _write_class(notebooks, folder / "roster.csv", arguments.size)
    if not plan.exists():
        roster = ("--roster", str(folder / "roster.csv"), "--due", "2026-03-01")
        _measure(
            "plan", "plan", str(notebooks), *roster, "--quick", "--shards", str(_SHARDS), "--out", str(plan)
        )
    if not shards.exists():
        _write_results(Plan.read(plan), shards, folder / "samples")
    if not out.exists():
        _measure("merge", "merge", str(shards), "--plan", str(plan), "--out", str(out))
    _measure("merge again", "merge", str(shards), "--plan", str(plan), "--out", str(out))
    _measure("list", "list", "--out", str(out))
    _measure("list --failing", "list", "--failing", "unet.skip_level1", "--out", str(out))
    _measure("show", "show", "student00017", "--out", str(out))
    for name in ("csv", "json", "canvas", "nbgrader"):
        target = folder / f"export-{name}"
        _measure(f"export {name}", "export", "--format", name, "--out", str(out), "--to", str(target))
    for path in (out / "index.html", out / "gradebook.sqlite", plan / "plan.json"):
        print(f"{path.name:<20} {path.stat().st_size / 1e6:8.1f} MB")


def _measure(name: str, *arguments: str) -> None:
    used = usage.of_grade(arguments, every=0.25)
    print(
        f"{name:<20} {used.seconds:8.1f} s, {used.processor:8.1f} CPU s, {used.own_peak:6.0f} MB", flush=True
    )


def _write_class(folder: Path, roster: Path, size: int) -> None:
    draw = random.Random(28)
    folder.mkdir()
    samples = [json.loads((SUBMISSIONS / f"{name}.ipynb").read_text()) for name in SAMPLES]
    before, rows = samples[0], ["Name,Login"]
    for number in range(size):
        name = f"student{number:05}"
        rows.append(f"Student {number:05},{name}")
        if number == 0 or draw.random() >= _COPIES:
            before = _varied(draw.choice(samples), draw)
        title = {"cell_type": "markdown", "metadata": {}, "source": f"By {name}"}
        (folder / f"{name}.ipynb").write_text(json.dumps({**before, "cells": [title, *before["cells"]]}))
    roster.write_text("\n".join(rows) + "\n")


def _varied(sample: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return a notebook with other operators and cells left out, so that most fingerprints differ."""

    def other(source: str) -> str:
        return re.sub(r"(?<= )[-+*/](?= )", lambda _: draw.choice("+-*/@%"), source)

    cells = [{**cell, "source": other("".join(cell["source"]))} for cell in sample["cells"]]
    return {**sample, "cells": [cell for cell in cells if draw.random() > 0.1]}


def _write_results(plan: Plan, out: Path, samples: Path) -> None:
    draw = random.Random(29)
    real = list(_judged(samples, plan.seal_key))
    started = time.monotonic()
    for shard in plan.shards:
        for each in shard:
            result = draw.choice(real)
            criteria = tuple(_with_another_verdict(criterion, draw) for criterion in result.grade.criteria)
            submission = {**result.grade.submission, "name": each.name, "path": each.path}
            grade = replace(result.grade, criteria=criteria, submission=submission)
            write_result(out, replace(result, inputs=plan.inputs(each.notebook), grade=grade), plan.seal_key)
    print(f"(results written in {time.monotonic() - started:.0f} s)", file=sys.stderr)


def _judged(folder: Path, key: bytes) -> Iterator[ShardResult]:
    """Yield the results of the sample notebooks, judged by the real command."""
    if not folder.exists():
        paths = [str(SUBMISSIONS / f"{name}.ipynb") for name in SAMPLES]
        usage.of_grade(["plan", *paths, "--quick", "--shards", "1", "--out", str(folder / "plan")])
        usage.of_grade(["--shard", "1/1", "--plan", str(folder / "plan"), "--out", str(folder / "shard")])
    for path in sorted((folder / "shard" / "results").iterdir()):
        yield read_result(path, key)


def _with_another_verdict(result: CriterionResult, draw: random.Random) -> CriterionResult:
    if draw.random() < 0.8:
        return result
    fails = result.verdict is Verdict.PASS
    credit = 0.0 if fails else 1.0
    verdict = Verdict.FAIL if fails else Verdict.PASS
    return replace(result, verdict=verdict, credit=credit, earned=credit * result.possible)


if __name__ == "__main__":
    main()

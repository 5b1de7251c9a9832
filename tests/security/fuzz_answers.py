"""Fuzz the judge with strange but well-formed answers: ``fuzz_answers.py FIRST COUNT [all]``.

Judges the notebook alice once for each change of an answer (see ``strange_answers``), and prints
a line of JSON for each: the change, and the messages of criteria at which the grader failed. ``all``
includes the criterion that samples images, which takes most of the time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from random import Random

import torch

_ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / "tests/support"))

from strange_answers import Strange, draw, strange_judges  # noqa: E402

from grader.judging import prefork_host  # noqa: E402
from grader.model import Verdict  # noqa: E402
from grader.options import Options  # noqa: E402
from grader.pipeline import judge_notebook  # noqa: E402
from grader.report import page  # noqa: E402
from grader.rubric import Rubric  # noqa: E402
from grader.sandbox.zygote import Zygote  # noqa: E402

_RUBRIC = Rubric.load("ddpm")
# Each group is judged by itself: its values arrive at places of its own.
_GROUPS = {
    "diffuser": ("schedule", "forward"),
    "network": ("unet",),
    "train": ("train",),
    "sampler": ("sample",),
}
_OURS = ("The grader failed", "Not checked")  # answers that contradict each other go to a person, rightly
_SLOW = {"train.learns", "sample.quality"}


def main() -> None:
    first, count = map(int, sys.argv[1:3])
    prefork_host._warm_up()
    with Zygote() as zygote, tempfile.TemporaryDirectory() as folder:
        os.environ["STRANGE_SITES"] = str(Path(folder) / "sites.json")
        groups = {name: _criteria(starts) for name, starts in _GROUPS.items()}
        if "all" in sys.argv:
            groups["samples"] = ("sample.quality",)
        sites = {}
        for name, criteria in groups.items():
            _judge(zygote, None, criteria)
            sites[name] = json.loads(Path(os.environ["STRANGE_SITES"]).read_text())
        for seed in range(first, first + count):
            name = Random(f"group {seed}").choice(sorted(groups))  # not by the seed that draws the place
            strange = draw(sites[name], seed)
            errors = _judge(zygote, strange, groups[name])
            print(json.dumps({"seed": seed, "change": str(strange), "errors": errors}), flush=True)


def _criteria(starts: tuple[str, ...]) -> tuple[str, ...]:
    ids = [criterion.id for criterion in _RUBRIC.criteria]
    return tuple(id for id in ids if id.partition(".")[0] in starts and id not in _SLOW)


def _judge(zygote: Zygote, strange: Strange | None, criteria: tuple[str, ...]) -> list[str]:
    options = Options(quick=True, only=criteria, device="cpu")
    with strange_judges(zygote, strange) as start:
        notebook = _ROOT / "submissions/alice.ipynb"
        judged = judge_notebook(notebook, "alice", _RUBRIC, options, lambda event: None, start)
    page.render(judged.grade, judged.figures, _RUBRIC.exercises)
    return [
        result.message
        for result in judged.grade.criteria
        if result.verdict is Verdict.ERROR and result.message.startswith(_OURS)
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

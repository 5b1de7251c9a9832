"""The process that judges a kernel's cells. It prints a JSON object a line: what it does, at last the result.

Run as ``python -P -m grader.magic.process NOTEBOOK …`` with the options of ``grade``. An object
has the key ``check`` or ``progress`` while it works, at the end ``error``, or ``page`` (the HTML of the
report) and ``summary``. It ends when its standard input does, which nothing is written to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from grader.commands.self_check import read_arguments
from grader.errors import GraderError
from grader.files import scratch_folder
from grader.judging.prefork import judge_starter
from grader.pipeline import judge_notebook
from grader.report import page
from grader.report.summary import summary

_WIDTH = 100
_NAME = "your notebook"


def main(argv: Sequence[str]) -> None:
    """Judge a notebook and print what happens."""
    try:
        path, rubric, options, _ = read_arguments(argv)
        chosen = rubric.only(options.only)
        if options.quick and all(criterion.needs_training for criterion in chosen):
            options = replace(options, quick=False)  # these alone can be asked in no other way
        with scratch_folder(), judge_starter(options.layers) as start:
            judged = judge_notebook(path, _NAME, rubric, options, _say, start)
    except GraderError as error:
        _say({"error": str(error)})
        return
    grade = replace(judged.grade, submission={**judged.grade.submission, "path": ""})  # the file will be gone
    text = summary(grade, rubric.exercises, width=_WIDTH, colour=False)
    _say({"page": page.render(grade, judged.figures, rubric.exercises), "summary": text})


def _say(event: Mapping[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def _end_with_caller() -> None:
    """Interrupt this process when whoever holds the other end of standard input closes it, or is gone."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=_end_with_caller, daemon=True).start()
    main(sys.argv[1:])

"""``grade --watch NOTEBOOK``: grade again on every save, but only what the change touches."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from grader.commands.progress import progress
from grader.errors import NotebookError
from grader.extraction.student_source import StudentSource
from grader.files import check_writable, scratch_folder
from grader.judging.prefork import judge_starter
from grader.model import Listing, Verdict
from grader.options import Options
from grader.pipeline import GradedNotebook, JudgedNotebook, judge_notebook, read_source, write_graded
from grader.report.last_run import saved_at
from grader.rubric import Rubric
from grader.text import line
from grader.written_answers import Answer

_POLL_SECONDS = 0.3


def watch(
    path: Path,
    name: str,
    rubric: Rubric,
    options: Options,
    arguments: Namespace,
    show: Callable[[GradedNotebook], None],
) -> None:
    """Grade a notebook, and again after every change, until Ctrl-C.

    Args:
        show: prints a result.

    Raises:
        UsageError: the output folder is not writable.
    """
    check_writable(arguments.out)
    last: JudgedNotebook | None = None
    code: Mapping[str, str] = {}
    try:
        with scratch_folder(), judge_starter(options.layers) as start:
            while True:
                saved = saved_at(path)
                try:
                    _, source = read_source(path, name, rubric, options)
                except NotebookError as error:
                    _tell(f"{line(path.name)} cannot be read, so it is not graded: {error}")
                else:
                    before, code = code, _code_of(source, rubric)
                    touched = touched_criteria(rubric, options, last, before, code)
                    if touched:
                        with progress(
                            line(path.name), quiet=arguments.quiet, verbose=arguments.verbose
                        ) as on:
                            chosen = replace(options, only=touched) if last else options
                            judged = judge_notebook(path, name, rubric, chosen, on, start)
                        last = merged(last, judged) if last else judged
                        show(write_graded(last, rubric, arguments.out, saved))
                        sys.stdout.flush()
                    else:
                        _tell("Saved; nothing that is graded has changed.")
                _tell(f"Waiting for {line(path.name)} to be saved. Ctrl-C ends this.")
                _wait_for_change(path, saved)
    except KeyboardInterrupt:
        _tell("")


def touched_criteria(
    rubric: Rubric,
    options: Options,
    last: JudgedNotebook | None,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> tuple[str, ...]:
    """Return the ids of the criteria to judge again after a change; none if no definition has changed.

    Judged again are those that check a changed definition or no one in particular, those that train, and
    those that had not been checked, for which the cause may be gone.

    Args:
        before, after: the code that each definition depends on.
    """
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    if last is None or not changed:
        return () if last else tuple(criterion.id for criterion in rubric.only(options.only))
    undecided = {
        result.id for result in last.grade.criteria if result.verdict in (Verdict.BLOCKED, Verdict.ERROR)
    }
    return tuple(
        criterion.id
        for criterion in rubric.only(options.only)
        if criterion.id in undecided
        or criterion.needs_training
        or not criterion.code
        or criterion.code.partition(".")[0] in changed
    )


def merged(last: JudgedNotebook, judged: JudgedNotebook) -> JudgedNotebook:
    """Return a result in which the criteria that were judged again replace those of the run before."""
    if not (last.readable and judged.readable):
        return judged
    again = {result.id: result for result in judged.grade.criteria}
    environment = {key: value for key, value in judged.grade.environment.items() if key != "only"}
    if "only" in last.grade.environment:
        environment["only"] = last.grade.environment["only"]
    criteria = tuple(again.get(result.id, result) for result in last.grade.criteria)
    provisional = judged.grade.provisional or any(one.verdict is Verdict.ERROR for one in criteria)
    kept = [
        figure
        for figure in last.figures
        if not isinstance(figure, Listing | Answer) and again.keys().isdisjoint(figure.criteria)
    ]
    grade = replace(judged.grade, criteria=criteria, environment=environment, provisional=provisional)
    return JudgedNotebook(grade=grade, figures=(*judged.figures, *kept), readable=True)


def _code_of(source: StudentSource, rubric: Rubric) -> Mapping[str, str]:
    """Return the code that each wanted definition depends on; local modules belong to all."""
    modules = "\n".join(one.source for module in source.modules.values() for one in module.statements)
    return {
        name: "\n".join([modules, *(source.statements[index].source for index in source.needs.get(name, ()))])
        for name in rubric.wanted
    }


def _wait_for_change(path: Path, saved: datetime | None) -> None:
    """Wait until the file is there with another time; editors replace a file when they save it."""
    while (now := saved_at(path)) is None or now == saved:
        time.sleep(_POLL_SECONDS)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

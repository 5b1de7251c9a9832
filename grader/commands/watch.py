"""``grade --watch NOTEBOOK``: grade again on every save, but only what the change touches."""

from __future__ import annotations

import ast
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from grader.commands.progress import progress
from grader.errors import NotebookError
from grader.extraction.statements import Statement
from grader.extraction.student_source import StudentSource
from grader.files import check_writable, scratch_folder
from grader.judging.prefork import judge_starter
from grader.model import Listing, Verdict
from grader.notebook.submission import Submission
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
                    submission, source = read_source(path, name, rubric, options)
                except NotebookError as error:
                    _tell(f"{line(path.name)} cannot be read, so it is not graded: {error}")
                else:
                    before, code = code, {**code_of(source, rubric), **answers_of(submission)}
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
    """Return the ids of the criteria to judge again after a change; none if nothing of theirs has changed.

    Judged again after a change of code are those that check a changed definition or no one in particular,
    those that train, and those that had not been checked, for which the cause may be gone.

    Args:
        before, after: the code that each definition depends on, and written answers by criterion.
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
        if criterion.id in changed
        or (
            changed.intersection(rubric.wanted)
            and (
                criterion.id in undecided
                or criterion.needs_training
                or not criterion.code
                or criterion.code.partition(".")[0] in changed
            )
        )
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


def code_of(source: StudentSource, rubric: Rubric) -> Mapping[str, str]:
    """Return the code that each wanted definition depends on; local modules belong to all.

    A definition also depends on a class that it may get an instance of: it uses a name of that class's own.
    """
    modules = "\n".join(one.source for module in source.modules.values() for one in module.statements)
    needed = {name: [source.statements[i] for i in source.needs.get(name, ())] for name in rubric.wanted}
    used = {name: _attributes(statements, owned=False) for name, statements in needed.items()}
    owned = {name: _attributes(statements, owned=True) for name, statements in needed.items()}
    return {
        name: "\n".join(
            [
                modules,
                *(statement.source for statement in needed[name]),
                *(
                    statement.source
                    for other in rubric.wanted
                    if other != name and used[name] & owned[other]
                    for statement in needed[other]
                ),
            ]
        )
        for name in rubric.wanted
    }


def answers_of(submission: Submission) -> Mapping[str, str]:
    """Return the answers that a person grades, as text to compare, by criterion."""
    return {id: repr(answer) for id, answer in submission.answers.items()}


def _attributes(statements: Sequence[Statement], *, owned: bool) -> set[str]:
    """Return the attributes that code uses, or those that its classes own: methods and what is assigned."""
    found: set[str] = set()
    for node in (node for statement in statements for node in ast.walk(statement.node)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) is owned:
            found.add(node.attr)
        elif isinstance(node, ast.ClassDef) and owned:
            found |= {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def _wait_for_change(path: Path, saved: datetime | None) -> None:
    """Wait until the file is there with another time; editors replace a file when they save it."""
    while (now := saved_at(path)) is None or now == saved:
        time.sleep(_POLL_SECONDS)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

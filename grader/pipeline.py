"""Grade one notebook: read, extract, judge, score, and write its result and report."""

from __future__ import annotations

import functools
import json
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.errors import NotebookError
from grader.extraction.extract import extract
from grader.extraction.handout import read_handout
from grader.extraction.listing import listing
from grader.extraction.student_source import StudentSource
from grader.files import check_writable, file_name, scratch_folder, write
from grader.judging import score
from grader.judging.accidents import judge_again_after_accident
from grader.judging.not_begun import without_given_points
from grader.judging.prefork import judge_starter
from grader.judging.process import StartJudge, start_fresh
from grader.judging.review import review_reason
from grader.judging.run import run_judge
from grader.model import Figure, Grade, Verdict, figure_from_json
from grader.notebook.submission import Submission, file_digest, read_notebook
from grader.options import EventListener, Options, Outcome, ProgressEvent
from grader.report import figures, page
from grader.report.last_run import Run, compare_with_last, saved_at
from grader.rubric import Rubric
from grader.seeds import Seeds, seeds_for


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedNotebook:
    """The grade of one file, and the figures for its report."""

    grade: Grade
    figures: tuple[Figure, ...]
    readable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedNotebook(JudgedNotebook):
    """A judged notebook with the two files written for it, and the comparison with the run before."""

    run: Run
    json_path: Path
    html_path: Path


def grade_notebook(
    path: Path, name: str, rubric: Rubric, options: Options, out: Path, on_event: EventListener
) -> GradedNotebook:
    """Grade one notebook and write ``<name>.json`` and ``<name>.html`` into ``out``.

    A file that cannot be read as a notebook gets a report too, which gives the reason.

    Raises:
        UsageError: ``out`` is not writable.
    """
    check_writable(out)
    preload = functools.cache(figures.preload)

    def preload_and_pass_on(event: ProgressEvent) -> None:
        # Only once the judge sends events: before that its own imports would compete for the cores.
        preload()
        on_event(event)

    with scratch_folder(), judge_starter(options.layers) as start:
        saved = saved_at(path)
        judged = judge_notebook(path, name, rubric, options, preload_and_pass_on, start)
    return write_graded(judged, rubric, out, saved)


def write_graded(judged: JudgedNotebook, rubric: Rubric, out: Path, saved: datetime | None) -> GradedNotebook:
    """Write a notebook's result and report, named after it.

    Args:
        saved: when the notebook was last written.

    Raises:
        UsageError: a file cannot be written.
    """
    name = judged.grade.submission["name"]
    json_path, html_path = out / f"{file_name(name)}.json", out / f"{file_name(name)}.html"
    run = compare_with_last(judged.grade, saved, json_path)
    write(json_path, json_text(judged.grade, run=run.as_json()))
    write(html_path, page.render(judged.grade, judged.figures, rubric.exercises, run=run))
    return GradedNotebook(
        grade=judged.grade,
        figures=judged.figures,
        readable=judged.readable,
        run=run,
        json_path=json_path,
        html_path=html_path,
    )


def judge_notebook(
    path: Path,
    name: str,
    rubric: Rubric,
    options: Options,
    on_event: EventListener,
    start: StartJudge = start_fresh,
    seeds: Seeds | None = None,
) -> JudgedNotebook:
    """Grade one notebook without writing files.

    Args:
        start: starts the judge's process.
        seeds: used where the options give no seed; by default, those that this machine's key gives.

    Raises:
        UsageError: the rubric cannot judge with these options, for example because data is missing.
    """
    started = time.monotonic()
    options = replace(options, data=options.data or rubric.data.default)
    try:
        _check_is_a_file(path)
        submission, source = read_source(path, name, rubric, options)
        if options.seed is None:
            seeds = seeds or seeds_for(submission.sha256)
            options = replace(options, seed=seeds.grade)
        else:
            seeds = Seeds(grade=options.seed, trainings=str(options.seed).encode())
        extracted = time.monotonic()

        def judge(options: Options) -> Outcome:
            return judge_again_after_accident(
                lambda: run_judge(rubric, source, options, on_event, start, seeds.trainings)
            )

        outcome = judge(options)
        if options.device == "auto" and (failure := outcome.environment.get("device_failure")):
            options = replace(options, device="cpu")
            outcome = judge(options)
            outcome.notes.append(f"Everything was graded again on the CPU, because {failure}.")
        seconds = {
            "extraction": round(extracted - started, 3),
            "total": round(time.monotonic() - started, 3),
        }
        grade = score.grade(submission, source, rubric, outcome, options, seconds)
        handout = read_handout(options.handout)
        begun = without_given_points(grade.criteria, rubric.criteria, source, handout)
        grade = replace(grade, criteria=begun)
        if not any(result.verdict is Verdict.ERROR for result in grade.criteria):
            results = () if options.only else grade.criteria
            review = review_reason(submission, source, results, handout)
            grade = replace(grade, provisional=grade.provisional or bool(review), review=review)
        code = listing(submission, source, rubric.criteria)
        answers = score.answers_to_show(submission, rubric.only(options.only))
        figures = (code, *answers, *(figure_from_json(figure) for figure in outcome.figures))
        return JudgedNotebook(grade=grade, figures=figures, readable=True)
    except NotebookError as error:
        digest = file_digest(path)
        grade = score.unreadable(str(path), name, digest, rubric, str(error), options)
        return JudgedNotebook(grade=grade, figures=(), readable=False)


def json_text(
    grade: Grade, final: Mapping[str, Any] | None = None, run: Mapping[str, str] | None = None
) -> str:
    """Return the contents of the JSON result file.

    Args:
        final: the final mark, if the result is in a gradebook.
        run: when the notebook was graded and saved, if it is not.
    """
    data = {**grade.as_json(), **({"final": final} if final else {}), **({"run": run} if run else {})}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _check_is_a_file(path: Path) -> None:
    """Refuse links, which may lead to another student's work, and pipes, whose reading may never end."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise NotebookError(f"the file cannot be read ({error.strerror})") from error
    if stat.S_ISLNK(mode):
        raise NotebookError("this is a link to another file; hand in the file itself")
    if not stat.S_ISREG(mode):
        raise NotebookError("this is not a regular file")


def read_source(path: Path, name: str, rubric: Rubric, options: Options) -> tuple[Submission, StudentSource]:
    """Read a notebook and extract its definitions.

    Raises:
        NotebookError: it cannot be read.
    """
    try:
        submission = read_notebook(path, name, rubric.answer_places)
        return submission, extract(submission, rubric.wanted, rubric.shapes, dict(options.mapped))
    except (RuntimeError, MemoryError) as error:  # RecursionError is a RuntimeError
        raise NotebookError("the notebook is nested too deeply to be read") from error

"""``grade reproduce STUDENT``: judge a kept hand-in again under its original conditions, and compare."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.storage.gradebook import GradebookEntry
    from grader.classroom.storage.kept import KeptFiles
    from grader.model import Grade
    from grader.options import Options
    from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Judge a student's kept notebook by the kept rubric, and print where the verdicts differ.

    Returns:
        0 if every verdict comes out again, else 1.

    Raises:
        UsageError: the student is unknown, or what was handed in is not kept.
    """
    from grader.classroom.gradings import with_gradings
    from grader.classroom.people.lookup import find_student
    from grader.classroom.storage.gradebook import Gradebook
    from grader.classroom.storage.kept import KeptFiles
    from grader.commands.progress import progress
    from grader.files import scratch_folder, write
    from grader.judging.marking import remark
    from grader.pipeline import grade_notebook, json_text
    from grader.report import page
    from grader.report.summary import score
    from grader.text import line

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        entry = book.entry(find_student(book, arguments.student))
        marking = book.marking()
        titles = (book.setting("rubric") or {}).get("exercises", {})
    if entry.grade is None or entry.inputs is None:
        raise UsageError(f"nothing that {line(entry.person.name)} handed in has been graded")
    key, kept = entry.person.key, KeptFiles(arguments.out)
    to = arguments.to or arguments.out / "reproduced"
    with scratch_folder() as scratch:
        rubric = kept.restore_rubric(entry.inputs.rubric, scratch / "kept_rubric")
        path = kept.restore_notebook(entry.inputs.notebook, scratch / "handed_in")
        with progress(line(key), quiet=arguments.quiet, verbose=False) as on_event:
            options = replace(_options(entry, rubric), handout=_handout(entry, kept, scratch / "handout"))
            graded = grade_notebook(path, key, rubric, options, to, on_event)
    then, now = entry.grade, graded.grade
    if marking:  # the gradebook's points and words may be newer than those of the kept rubric
        now = remark(now, marking, readable=graded.readable, judged_by=entry.inputs.rubric)
        now = with_gradings(now, entry.adjustments, {each.id: each for each in marking.criteria})
        exercises = {**rubric.exercises, **{int(number): title for number, title in titles.items()}}
        write(graded.json_path, json_text(now))
        write(graded.html_path, page.render(now, graded.figures, exercises))
    print(f"Judged then: {score(then.earned, then.possible)}, now: {score(now.earned, now.possible)}")
    for name, old, new in _environment_changes(entry, now):
        print(f"  {name} was {old}, is now {new}")
    differences = _differences(then, now)
    for sentence in differences:
        print(f"  {sentence}")
    print(f"{len(differences)} verdicts differ." if differences else "Every verdict came out again.")
    print(f"Report: {graded.html_path}")
    return NOT_GRADED if differences else GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade reproduce",
        description="Judge a student's kept notebook again, by the rubric, options and seeds of its result, "
        "and compare the verdicts. The gradebook is not changed.",
    )
    parser.add_argument("student", help="the student's report name, real name, login, e-mail address or id")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="folder for the new report (reproduced, below --out)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print no progress")
    return parser


def _options(entry: GradebookEntry, rubric: Rubric) -> Options:
    """Return the options that a stored result was judged with, its seeds included."""
    from grader.classroom.storage.cache_key import options_from
    from grader.sandbox.isolation import required_isolation

    assert entry.inputs is not None
    assert entry.grade is not None
    options = options_from(json.loads(entry.inputs.settings))
    run = entry.grade.environment
    seeds = {name: run[name] for name in ("seed", "training_seed") if run.get(name) is not None}
    isolation = required_isolation(several=True, unsafe=False)
    return replace(options, **seeds, isolation=isolation, data=rubric.data.resolve(options.data))


def _handout(entry: GradebookEntry, kept: KeptFiles, target: Path) -> Path | None:
    """Return the notebook that students were given when a stored result was judged."""
    assert entry.inputs is not None
    digest = json.loads(entry.inputs.settings).get("handout")
    return kept.restore_notebook(digest, target) if digest else None


def _environment_changes(entry: GradebookEntry, now: Grade) -> list[tuple[str, str, str]]:
    from grader.version import grader_version

    assert entry.inputs is not None
    assert entry.grade is not None
    then = {"grader": entry.inputs.grader, **entry.grade.environment}
    today = {"grader": grader_version(), **now.environment}
    names = ("grader", "python", "torch", "device")
    return [(n, str(then.get(n)), str(today.get(n))) for n in names if then.get(n) != today.get(n)]


def _differences(then: Grade, now: Grade) -> list[str]:
    """Return a sentence for each criterion whose verdict or credit is another one."""
    old = {result.id: (result.verdict.value, round(result.credit, 6)) for result in then.criteria}
    new = {result.id: (result.verdict.value, round(result.credit, 6)) for result in now.criteria}
    changed = (id for id in dict.fromkeys([*old, *new]) if old.get(id) != new.get(id))
    return [f"{id} was {_named(old.get(id))}, is now {_named(new.get(id))}" for id in changed]


def _named(verdict: tuple[str, float] | None) -> str:
    return f"{verdict[0]} ({verdict[1]:.0%} of its points)" if verdict else "not judged"

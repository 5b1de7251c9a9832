"""Make a plan: everything that a run over a class decides, up to the notebooks that have to be judged."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from grader.classroom.batch import Batch
from grader.classroom.class_options import ClassOptions
from grader.classroom.cluster.node import node_facts
from grader.classroom.cluster.plan import FILE, Plan, PlannedNotebook
from grader.classroom.intake import INTAKE, enter_people, take_in
from grader.classroom.progress import ProgressDisplay
from grader.classroom.scheduler import Task
from grader.classroom.storage.cache_key import result_inputs
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.classroom.storage.run_settings import tell
from grader.classroom.storage.store import NAME
from grader.classroom.storage.term import backup
from grader.errors import UsageError
from grader.files import check_writable, scratch_folder
from grader.notebook.submission import file_digest
from grader.options import Options
from grader.pipeline import JudgedNotebook
from grader.rubric import Rubric
from grader.seeds import seed_for, training_key
from grader.version import grader_version


def make_plan(
    paths: Sequence[str],
    rubric: Rubric,
    options: Options,
    class_options: ClassOptions,
    *,
    shards: int,
    gradebook: Path | None,
) -> Plan:
    """Plan the run that ``grade PATHS`` would be, and write the plan into ``class_options.out``.

    People, attempts and groups are found in a copy of the gradebook, by the functions of that run.

    Args:
        gradebook: folder with the gradebook that the results will be merged into; None for a new one.

    Raises:
        UsageError: there is nothing to grade, or the plan cannot be written.
    """
    folder = class_options.out
    if (folder / FILE).exists():
        raise UsageError(
            f"there is a plan in {folder} already, which shards may be using; choose another --out"
        )
    if gradebook and not (gradebook / NAME).exists():
        raise UsageError(f"there is no gradebook in {gradebook}; leave --gradebook out for a new one")
    check_writable(folder)
    with scratch_folder() as scratch:
        copy, files = scratch / "gradebook", scratch / "files"
        copy.mkdir()
        files.mkdir()
        if gradebook:
            backup(gradebook / NAME, copy / NAME)
        intake = take_in(paths, rubric, options, replace(class_options, out=copy), files)
        with Gradebook(copy, create=True) as book:
            after = last_intake(book)
            enrolment = enter_people(book, intake, rubric)
            quiet = replace(class_options, quiet=True)
            planner = _Planner(book, rubric, options, quiet, enrolment.students, intake.digests)
            planner.grade()
        labels: dict[str, str] = {}
        for label, digest in intake.digests.items():
            labels.setdefault(digest, label)  # of equal ones, the first
        planned = [_planned(task, labels[task.digest], planner, options) for task in planner.tasks]
        plan = Plan(
            folder=folder,
            grader=grader_version(),
            rubric={**rubric.as_json(), "named": rubric.named, "judging": rubric.judging_digest},
            settings=json.loads(result_inputs("", rubric, options).settings),
            training_key=training_key().hex() if options.seed is None else str(options.seed).encode().hex(),
            regrade=class_options.regrade,
            after=after,
            machine=node_facts(options),
            intake=intake,
            shards=split(
                [(task.name, each) for task, each in zip(planner.tasks, planned, strict=True) if each], shards
            ),
        )
    plan.write()
    return plan


def last_intake(book: Gradebook) -> str | None:
    """Return what tells whether a gradebook has had another run in the meantime; None for a new one."""
    run = book.setting("run")
    return book.setting(INTAKE) or (f"run {run}" if run else None)


class _Planner(Batch):
    """A batch that notes what has to be judged."""

    tasks: Sequence[Task] = ()

    def judge(
        self, tasks: Sequence[Task], display: ProgressDisplay
    ) -> Generator[tuple[Task, JudgedNotebook]]:
        """Note the tasks, and keep their notebooks."""
        self.tasks = tasks
        for task in tasks:
            self.keep(task.digest, task.path)
        yield from ()

    def publish(self, entry: GradebookEntry) -> None:
        """Print and write nothing."""

    def has_kept(self, task: Task) -> bool:
        """Return whether the notebook of a task could be read."""
        return self._kept.has_notebook(task.digest)


def _planned(task: Task, label: str, planner: _Planner, options: Options) -> PlannedNotebook | None:
    if not planner.has_kept(task):
        tell(f"{label} cannot be read and is in no shard; make it readable and plan again")
        return None
    return PlannedNotebook(
        notebook=task.digest,
        name=task.name,
        path=label,
        seed=seed_for(file_digest(task.path)) if options.seed is None else options.seed,
        only=task.only,
    )


def split(
    notebooks: Sequence[tuple[str, PlannedNotebook]], shards: int
) -> tuple[tuple[PlannedNotebook, ...], ...]:
    """Distribute notebooks over shards of similar size; those of one student stay together.

    Args:
        notebooks: each with its student.
    """
    own: dict[str, list[PlannedNotebook]] = {}
    for student, each in notebooks:
        own.setdefault(student, []).append(each)
    parts: list[list[PlannedNotebook]] = [[] for _ in range(shards)]
    for _, together in sorted(own.items(), key=lambda item: (-len(item[1]), item[0])):
        min(parts, key=len).extend(together)
    return tuple(tuple(part) for part in parts)

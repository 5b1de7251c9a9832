"""Judge one shard of a plan, and leave a complete result of each notebook."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.classroom.cluster.node import differences, node_facts, strong_isolation
from grader.classroom.cluster.plan import Plan, PlannedNotebook
from grader.classroom.cluster.results import ShardResult, find_result, read_result, write_result
from grader.classroom.progress import progress_display
from grader.classroom.scheduler import Task, default_jobs, run_tasks
from grader.classroom.storage.run_settings import tell
from grader.classroom.storage.store import timestamp
from grader.errors import UsageError
from grader.files import check_writable, scratch_folder, write
from grader.options import Options
from grader.pipeline import JudgedNotebook
from grader.rubric import Rubric
from grader.seeds import Seeds


def grade_shard(plan: Plan, number: int, out: Path, jobs: int | None, *, quiet: bool) -> bool:
    """Judge the notebooks of a shard that have no result in ``out`` yet.

    Args:
        number: of the shard, from 1.
        jobs: notebooks at once; None for as many as the machine can run.

    Returns:
        True if no result is provisional.

    Raises:
        UsageError: this node cannot grade as planned, or something cannot be read or written.
        KeyboardInterrupt: Ctrl-C was pressed; ``out`` holds all finished results.
    """
    check_writable(out)
    with scratch_folder() as scratch:
        rubric = plan.load_rubric(scratch)
        options = replace(plan.options(rubric, scratch), isolation=strong_isolation())
        shard = plan.shards[number - 1]
        missing = [each for each in shard if not _is_done(plan, each, out)]
        facts = node_facts(options)
        unlike = differences(plan.machine, facts)
        tell(*(f"{facts['host']}: {difference}" for difference in unlike))
        manifest = {
            "shard": f"{number}/{len(plan.shards)}",
            "node": {**facts, "differs": unlike},
            "notebooks": [each.notebook for each in shard],
        }
        path = out / f"shard-{number}.json"
        write(path, json.dumps({**manifest, "finished": None}, indent=1) + "\n")
        if not quiet:
            done = len(shard) - len(missing)
            print(f"grade: shard {number}: {done} of {len(shard)} results are in {out}", file=sys.stderr)
        is_provisional = _judge(plan, missing, rubric, options, out, jobs, facts, scratch, quiet=quiet)
        write(path, json.dumps({**manifest, "finished": timestamp()}, indent=1) + "\n")
        if not quiet:
            print(f"grade: shard {number} is complete in {out}", file=sys.stderr)
        return not is_provisional


def tasks_of(plan: Plan, notebooks: Sequence[PlannedNotebook], scratch: Path) -> list[Task]:
    """Return the tasks for planned notebooks, which are extracted into ``scratch``.

    Raises:
        UsageError: a notebook is missing in the plan, or was changed.
    """
    trainings = bytes.fromhex(plan.training_key)
    return [
        Task(
            each.notebook,
            _restored(plan, each, scratch / "notebooks" / each.notebook),
            each.name,
            each.only,
            Seeds(grade=each.seed, trainings=trainings),
        )
        for each in notebooks
    ]


def _restored(plan: Plan, planned: PlannedNotebook, target: Path) -> Path:
    try:
        return plan.kept.restore_notebook(planned.notebook, target)
    except UsageError as error:
        raise UsageError(
            f"the plan in {plan.folder} does not hold {planned.path} as it was planned; copy the whole "
            "folder again from where it was made"
        ) from error


def shard_result(
    plan: Plan, planned: PlannedNotebook, judged: JudgedNotebook, facts: Mapping[str, Any]
) -> ShardResult:
    """Return what is left of a judged notebook, with the names of the plan and facts about the node."""
    node = {"node": facts["host"], "instructions": facts["instructions"]}
    grade = replace(
        judged.grade,
        submission={**judged.grade.submission, "path": planned.path},
        rubric=plan.rubric_as_json(),
        environment={**judged.grade.environment, **node},
    )
    return ShardResult(
        inputs=plan.inputs(planned.notebook),
        only=planned.only,
        finished=datetime.now(UTC).isoformat(timespec="microseconds"),
        readable=judged.readable,
        grade=grade,
        figures=judged.figures,
    )


def _judge(
    plan: Plan,
    missing: Sequence[PlannedNotebook],
    rubric: Rubric,
    options: Options,
    out: Path,
    jobs: int | None,
    facts: Mapping[str, Any],
    scratch: Path,
    *,
    quiet: bool,
) -> bool:
    """Judge notebooks and write their results; return whether one is provisional."""
    planned = {each.notebook: each for each in missing}
    tasks = tasks_of(plan, missing, scratch)
    jobs = min(jobs or default_jobs(options.device), len(tasks)) or 1
    is_provisional = False
    with (
        progress_display(len(tasks), quiet=quiet) as display,
        closing(run_tasks(tasks, rubric, options, jobs, display)) as finished,
    ):
        for task, judged in finished:
            write_result(out, shard_result(plan, planned[task.digest], judged, facts), plan.seal_key)
            is_provisional |= judged.grade.provisional
            display.on_result(provisional=judged.grade.provisional)
    return is_provisional


def _is_done(plan: Plan, planned: PlannedNotebook, out: Path) -> bool:
    """Return whether a whole result for this plan is there, in which the grader did not fail.

    Raises:
        UsageError: it is one of another plan, whose results would be overwritten.
    """
    path = find_result(out, planned.notebook)
    if not path.exists():
        return False
    try:
        result = read_result(path, plan.seal_key)
    except (OSError, ValueError):
        return False  # cut off, damaged or changed: judged again
    if result.inputs != plan.inputs(planned.notebook):
        raise UsageError(
            f"{path} was graded with another rubric, grader or settings than planned; choose another --out"
        )
    return result.only == planned.only and not result.is_failed

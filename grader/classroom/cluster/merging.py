"""Merge the results of shards into a gradebook, as a batch enters its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from grader.classroom.batch import Batch
from grader.classroom.class_options import ClassOptions
from grader.classroom.cluster.plan import Plan
from grader.classroom.cluster.planning import last_intake
from grader.classroom.cluster.results import ShardResult, best_of, read_result, results_in
from grader.classroom.intake import enter_people
from grader.classroom.pages.reports import STUDENT_FOLDER
from grader.classroom.printed import print_grade
from grader.classroom.progress import ProgressDisplay
from grader.classroom.scheduler import Task
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.classroom.storage.results import ResultInputs
from grader.classroom.storage.run_settings import tell
from grader.classroom.storage.store import batch_lock
from grader.errors import UsageError
from grader.files import check_writable, scratch_folder
from grader.pipeline import JudgedNotebook
from grader.text import line, listed


def merge_shards(plan: Plan, folders: Sequence[Path], class_options: ClassOptions) -> bool:
    """Enter what shards left in ``folders`` into the gradebook, and say what is missing.

    The order of folders and merges does not matter: a result that is there already is not entered again.

    Returns:
        True if every planned notebook has a result, every file was accepted, no grade is provisional, and no
        claims about people contradict.

    Raises:
        UsageError: the results are not this plan's, or the gradebook has been graded into since it was made.
    """
    out, found = class_options.out, results_in(folders)
    tell(*_on_nodes(folders))
    check_writable(out / STUDENT_FOLDER)
    with scratch_folder() as scratch, batch_lock(out), Gradebook(out, create=True) as book:
        _check_is_current(plan, book)
        rubric = plan.load_rubric(scratch)
        options = plan.options(rubric, scratch)
        enrolment = enter_people(book, plan.intake, rubric)
        class_options = replace(class_options, regrade=plan.regrade, handout=options.handout)
        merge = _Merge(book, rubric, options, class_options, enrolment.students, plan.intake.digests)
        merge.read_from(plan, found)
        merge.run()
        missing = merge.missing()
        tell(*plan.intake.collected.refused, *merge.problems, *_on_missing(plan, missing))
        accepted = not plan.intake.collected.refused and not enrolment.conflicts
        return accepted and not missing and not merge.is_provisional


class _Merge(Batch):
    """A batch whose results come from shards."""

    def read_from(self, plan: Plan, files: Mapping[str, Sequence[Path]]) -> None:
        """Set where results and notebooks are read from."""
        self._plan, self._files = plan, files
        self.problems: list[str] = []

    def judge(
        self, tasks: Sequence[Task], display: ProgressDisplay
    ) -> Generator[tuple[Task, JudgedNotebook]]:
        """Yield the tasks that shards have judged, each with its result."""
        for task in tasks:
            if result := self._result_for(task):
                yield task, result.judged

    def publish(self, entry: GradebookEntry) -> None:
        """Print a grade; the reports are written at the end, by several processes."""
        print_grade(entry, as_json=self._class_options.json)

    def store(self, task: Task, judged: JudgedNotebook) -> int:
        """Store a result, unless an earlier merge has."""
        inputs = self._plan.inputs(task.digest)
        return self._book.find_equal(inputs, judged.grade) or super().store(task, judged)

    def missing(self) -> dict[str, list[str]]:
        """Return the students who lack a result, by notebook."""
        lacking: dict[str, list[str]] = defaultdict(list)
        for student in self._students:
            for attempt in self._counting(student):
                if (digest := self._digests[attempt.label]) not in self._results:
                    lacking[digest].append(student.key)
        return lacking

    def _result_for(self, task: Task) -> ShardResult | None:
        wanted, usable = self._plan.inputs(task.digest), []
        for path in self._files.get(task.digest, ()):
            try:
                result = read_result(path, self._plan.seal_key)
            except (OSError, ValueError) as error:
                self.problems.append(f"{path} is damaged ({error}) and was passed over; run its shard again")
                continue
            if result.inputs != wanted:
                raise UsageError(
                    f"{path} was graded with another {_changed(result, wanted)} than the plan in "
                    f"{self._plan.folder} says; merge it with its own plan, or run the shard again"
                )
            if result.only == task.only:
                usable.append(result)
        return best_of(usable) if usable else None

    def keep(self, digest: str, path: Path) -> None:
        """Copy a notebook as the plan keeps it."""
        self._kept.copy_notebook(digest, self._plan.kept)

    def keep_code(self, digest: str, path: Path) -> None:
        """Read a notebook's code from the plan's copy."""
        with TemporaryDirectory() as folder:
            super().keep_code(digest, self._plan.kept.restore_notebook(digest, Path(folder)))


def _check_is_current(plan: Plan, book: Gradebook) -> None:
    """Refuse a gradebook that knows newer hand-ins or rules than the plan, which would take their place.

    Raises:
        UsageError: it was graded into since the plan was made.
    """
    if last_intake(book) not in (None, plan.after, plan.intake.digest):
        folder = book.path.parent
        raise UsageError(
            f"{folder} was graded into after the plan in {plan.folder} was made, which may not know the "
            f"newest hand-ins and rules; plan again with --gradebook {folder}, and merge the same folders by "
            "that plan"
        )


def _changed(result: ShardResult, wanted: ResultInputs) -> str:
    have, want = asdict(result.inputs), asdict(wanted)
    return " and ".join(name for name in want if have[name] != want[name])


def _on_missing(plan: Plan, missing: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each shard that lacks results, and one on all.

    Args:
        missing: the students who lack a result, by notebook.
    """
    by_shard: dict[int | None, list[str]] = defaultdict(list)
    for digest, students in missing.items():
        by_shard[plan.shard_of.get(digest)] += map(line, students)
    sentences = []
    for number, names in sorted(by_shard.items(), key=lambda item: item[0] or 0):
        where = f"shard {number}" if number else "no shard"
        sentences.append(f"{where} has no result for {listed(sorted(names))}")
    if missing:
        count = f"{len(missing)} of {sum(map(len, plan.shards))} planned notebooks have no result"
        sentences.append(f"{count}; run these shards again, and merge their folders")
    return sentences


def _on_nodes(folders: Sequence[Path]) -> list[str]:
    """Return what shards found to differ on their nodes from the machine that made the plan."""
    shards: dict[str, list[str]] = defaultdict(list)
    for path in (path for folder in folders for path in sorted(folder.glob("shard-*.json"))):
        try:
            node, shard = (json.loads(path.read_bytes())[name] for name in ("node", "shard"))
            for difference in node["differs"]:
                shards[f"{line(node['host'])}: {line(difference)}"].append(shard.partition("/")[0])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # what it says about a node is no more than a remark
    return [f"{what} (shard {', '.join(dict.fromkeys(numbers))})" for what, numbers in shards.items()]

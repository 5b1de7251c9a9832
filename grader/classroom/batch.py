"""Grade a class: collect submissions, grade what the gradebook lacks, write reports and the class page."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.classroom import accounting, classpage, similarity
from grader.classroom.cache_key import describe_changes, result_inputs
from grader.classroom.collect import CollectedSubmissions, collect
from grader.classroom.deadlines import Deadline, kept_deadline, settle, store_deadline
from grader.classroom.gradebook import Gradebook, GradebookEntry, ResultInputs
from grader.classroom.progress import ProgressDisplay, progress_display
from grader.classroom.reports import STUDENT_FOLDER, mark_text, refresh_reports
from grader.classroom.roster import StudentAttempts, match, people_on, read_roster
from grader.classroom.scheduler import Task, default_jobs, run_tasks
from grader.classroom.selection import Selector
from grader.classroom.store import batch_lock
from grader.classroom.students import Attempt
from grader.extraction.handout import read_handout
from grader.extraction.local_modules import content_digest
from grader.files import check_writable, scratch_folder
from grader.model import CriterionResult, Grade
from grader.options import Options
from grader.pipeline import JudgedNotebook
from grader.report.summary import points, score
from grader.rubric import Rubric
from grader.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOptions:
    """How to grade a class, in addition to ``Options`` for each notebook.

    Attributes:
        jobs: notebooks at once; None for as many as the machine can run.
        best: count the best attempt of each student rather than the latest.
        fresh: grade again what the gradebook already holds.
        late: settings of the late rule on the command line, as text; they override all others.
        zip_names: encoding of names in zip archives that do not give it.
    """

    out: Path
    jobs: int | None = None
    roster: Path | None = None
    best: bool = False
    fresh: bool = False
    late: Mapping[str, str] = field(default_factory=dict)
    handout: Path | None = None
    zip_names: str | None = None
    json: bool = False
    quiet: bool = False


def grade_class(paths: Sequence[str], rubric: Rubric, options: Options, class_options: ClassOptions) -> bool:
    """Grade everything in ``paths`` that has no result in the gradebook yet.

    Returns:
        True if every file was accepted and no grade is provisional.

    Raises:
        UsageError: there is nothing to grade, or the output cannot be written.
        KeyboardInterrupt: Ctrl-C was pressed; the gradebook and the class page hold all finished results.
    """
    out = class_options.out
    deadline = settle(class_options.late, rubric.settings, kept_deadline(out))
    if not class_options.quiet:
        print(f"grade: {deadline.sentence}", file=sys.stderr)
    with scratch_folder() as scratch:
        roster = read_roster(class_options.roster) if class_options.roster else []
        people = people_on(roster)
        handout = read_handout(class_options.handout)
        selector = Selector(rubric.wanted, handout, rubric.shapes, dict(options.mapped))
        collected = collect(
            paths,
            scratch,
            rubric.wanted,
            selector=selector,
            roster=[entry.claim for entry in roster],
            zip_names=class_options.zip_names,
        )
        summary = [] if class_options.quiet else [accounting.summary(collected.files)]
        for sentence in (*collected.refused, *collected.notes, *summary):
            print(f"grade: {clean(sentence)}", file=sys.stderr)
        check_writable(out / STUDENT_FOLDER)
        with batch_lock(out), Gradebook(out, create=True) as book:
            remarked = _store_settings(book, rubric, deadline, collected)
            students = match(collected.attempts, people)
            on_roster = {person.key for person in people}
            batch = _Batch(book, rubric, options, class_options, students, on_roster)
            try:
                batch.grade()
            except KeyboardInterrupt:
                batch.finish(remarked)
                raise
            batch.finish(remarked)
            return not collected.refused and not batch.is_provisional


def _store_settings(
    book: Gradebook, rubric: Rubric, deadline: Deadline, collected: CollectedSubmissions
) -> list[str]:
    """Store what the other commands need to know of this batch; return whose mark a new late rule changes."""
    with book.transaction():
        rubric_json = {"id": rubric.id, "title": rubric.title, "exercises": dict(rubric.exercises)}
        total = round(sum(criterion.points for criterion in rubric.criteria), 2)
        book.set_setting("rubric", {**rubric_json, "total": total})
        book.set_setting("refused", list(collected.refused))
        book.set_setting("notes", list(collected.notes))
        book.set_setting("files", accounting.as_json(collected.files))
        book.set_setting("boundaries", rubric.settings.get("boundaries", classpage.BOUNDARIES))
        return store_deadline(book, deadline)


class _Batch:
    """One run over a class.

    Students are recorded one by one, each in a transaction, as soon as all of their counting attempts have a
    result. Whatever ends the run, the next one starts where it stopped.
    """

    def __init__(
        self,
        book: Gradebook,
        rubric: Rubric,
        options: Options,
        class_options: ClassOptions,
        students: Sequence[StudentAttempts],
        on_roster: set[str],
    ) -> None:
        self._book, self._rubric, self._options = book, rubric, options
        self._class_options, self._students, self._on_roster = class_options, students, on_roster
        self._digests = {
            attempt.label: content_digest(attempt.path)
            for student in students
            for attempt in self._counting(student)
        }
        self._results: dict[str, int] = {}  # ids by digest
        self._known = {person.key for person in book.people()}
        self.is_provisional = False

    def _counting(self, student: StudentAttempts) -> Sequence[Attempt]:
        """Return the attempts that may count: all of them, or the latest."""
        return student.attempts if self._class_options.best else student.attempts[-1:]

    def _inputs(self, digest: str) -> ResultInputs:
        return result_inputs(digest, self._rubric, self._options)

    def grade(self) -> None:
        """Record students with known results, grade the others, and record each as results arrive."""
        known = 0 if self._class_options.fresh else self._reuse()
        waiting: dict[str, list[StudentAttempts]] = defaultdict(list)  # by digest of an ungraded notebook
        for student in self._students:
            missing = {self._digests[a.label] for a in self._counting(student)} - set(self._results)
            for digest in missing:
                waiting[digest].append(student)
            if not missing:
                self._record(student)
        tasks = self._tasks(waiting)
        jobs = self._class_options.jobs or default_jobs(self._options.device)
        if not self._class_options.quiet:
            print(f"grade: {known} of {known + len(tasks)} results are in the gradebook", file=sys.stderr)
        with progress_display(len(tasks), quiet=self._class_options.quiet) as display:
            jobs = min(jobs, len(tasks)) or 1
            # closing: an exception here must also stop the running judges, which the generator's exit does.
            with closing(run_tasks(tasks, self._rubric, self._options, jobs, display)) as finished:
                for task, judged in finished:
                    self._add_result(task, judged, waiting[task.digest], display)

    def _reuse(self) -> int:
        """Look up known results, and return their number."""
        for digest in set(self._digests.values()):
            if (result := self._book.find_result(self._inputs(digest))) is not None:
                self._results[digest] = result
        return len(self._results)

    def _tasks(self, waiting: Mapping[str, Sequence[StudentAttempts]]) -> list[Task]:
        paths = self._paths()
        return [Task(digest, paths[digest], students[0].person.key) for digest, students in waiting.items()]

    def _paths(self) -> dict[str, Path]:
        return {self._digests[a.label]: a.path for each in self._students for a in self._counting(each)}

    def _add_result(
        self, task: Task, judged: JudgedNotebook, waiting: Sequence[StudentAttempts], display: ProgressDisplay
    ) -> None:
        """Store a result, and record the students who waited for nothing else."""
        with self._book.transaction():
            self._results[task.digest] = self._book.add_result(
                self._inputs(task.digest), judged.grade, judged.figures, readable=judged.readable
            )
        similarity.save_fingerprints(self._book, task.digest, task.path)
        for student in waiting:
            if all(self._digests[attempt.label] in self._results for attempt in self._counting(student)):
                self._record(student)
        display.on_result(provisional=judged.grade.provisional)

    def _record(self, student: StudentAttempts) -> None:
        """Store the attempt that counts for a student, print the grade and any changes, write the reports."""
        key, fields = student.person.key, self._fields(student)
        before = self._book.entry(key) if key in self._known else None
        if before and all(getattr(before, name) == value for name, value in fields.items()):
            after = before
        else:
            with self._book.transaction():
                self._book.save_student(**fields)
                after = self._book.entry(key)
                self._log_changes(before, after)
        if after.grade:
            self.is_provisional |= after.grade.provisional
        self._print(after)
        refresh_reports(self._book, after, self._class_options.out)

    def _fields(self, student: StudentAttempts) -> dict[str, Any]:
        """Return what the gradebook should hold of a student, as fields of ``GradebookEntry``."""
        person, attempts = student.person, self._counting(student)
        fields = {"person": person, "on_roster": person.key in self._on_roster}
        if not attempts:
            return fields
        counting = self._best(attempts)
        return {
            **fields,
            "label": counting.label,
            "attempts": len(student.attempts),
            "handed_in": counting.handed_in or person.handed_in,
            "is_late": counting.is_late,
            "result": self._results[self._digests[counting.label]],
        }

    def _best(self, attempts: Sequence[Attempt]) -> Attempt:
        """Return the attempt that earned most; the latest of equal ones."""
        if len(attempts) == 1:
            return attempts[0]

        def earned(attempt: Attempt) -> float:
            return self._book.grade(self._results[self._digests[attempt.label]]).earned

        return max(reversed(attempts), key=earned)

    def _log_changes(self, before: GradebookEntry | None, after: GradebookEntry) -> None:
        """Log which verdicts changed and why, and print them."""
        key = after.person.key
        if after.result is None or (before and before.result == after.result):
            return
        assert after.grade is not None
        assert after.inputs is not None
        if before is None or before.grade is None or before.inputs is None:
            self._book.log_change(key, "graded", None, points(after.grade.earned), "first graded")
            return
        then, now = before.grade, after.grade
        why = describe_changes(before.inputs, after.inputs, then.environment, now.environment)
        self._book.log_change(key, "graded", points(then.earned), points(now.earned), why)
        for id, old, new in _differences(then, now):
            self._book.log_change(key, id, old, new, why)
            print(f"{key}: {id} was {old}, is now {new} (changed: {why})")

    def _print(self, entry: GradebookEntry) -> None:
        if entry.grade is None:
            return
        if self._class_options.json:
            final = entry.mark.as_json()
            print(json.dumps({**entry.grade.as_json(), "student": entry.person.key, "final": final}))
            return
        provisional = "  PROVISIONAL" if entry.grade.provisional else ""
        print(f"{entry.person.key:<32} {mark_text(entry):>11}{provisional}", flush=True)

    def finish(self, remarked: Sequence[str] = ()) -> None:
        """Compare the class for similar code, write the class page, and print its path.

        Args:
            remarked: keys of students whose mark a new late rule changed, so that their reports do.
        """
        out = self._class_options.out
        for key in remarked:
            refresh_reports(self._book, self._book.entry(key), out)
        similarity.compare_class(self._book, self._paths(), self._class_options.handout, out)
        page = classpage.write_page(self._book, out)
        if not self._class_options.json:
            print(f"\nClass page: {page}\nGradebook: {self._book.path}")


def _differences(before: Grade, after: Grade) -> Iterator[tuple[str, str, str]]:
    """Yield id, old and new verdict of each criterion that changed."""
    old_results = {result.id: result for result in before.criteria}
    new_results = {result.id: result for result in after.criteria}
    for id in dict.fromkeys([*old_results, *new_results]):
        old, new = _verdict(old_results.get(id)), _verdict(new_results.get(id))
        if old != new:
            yield id, old, new


def _verdict(result: CriterionResult | None) -> str:
    return f"{result.verdict.value} {score(result.earned, result.possible)}" if result else "not graded"

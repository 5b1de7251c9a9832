"""Grade a class: collect submissions, grade what the gradebook lacks, write reports and the class page."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from grader.classroom.class_options import ClassOptions
from grader.classroom.intake import enter_people, take_in
from grader.classroom.pages import classpage, known_solutions, similarity
from grader.classroom.pages.reports import STUDENT_FOLDER, refresh_all_reports, refresh_reports
from grader.classroom.people.enrolment import StudentAttempts
from grader.classroom.people.students import Attempt
from grader.classroom.printed import print_grade, print_lists
from grader.classroom.progress import ProgressDisplay, progress_display
from grader.classroom.scheduler import Task, default_jobs, run_tasks
from grader.classroom.storage.additions import Addition, find_addition, with_addition
from grader.classroom.storage.cache_key import result_inputs
from grader.classroom.storage.editions import find_current, find_kept, mixed_editions
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry, ResultInputs
from grader.classroom.storage.kept import KeptFiles
from grader.classroom.storage.run_settings import tell
from grader.classroom.storage.store import batch_lock, current_user, timestamp
from grader.classroom.storage.stored_attempts import StoredAttempt
from grader.classroom.storage.verdict_changes import log_changes
from grader.classroom.timing import unknown_times
from grader.files import check_writable, scratch_folder
from grader.options import Options
from grader.pipeline import JudgedNotebook
from grader.rubric import Rubric

_AT_ONCE = 200  # students with their grades in memory


def grade_class(
    paths: Sequence[str],
    rubric: Rubric,
    options: Options,
    class_options: ClassOptions,
    kind: type[Batch] | None = None,
) -> bool:
    """Grade everything in ``paths`` that has no result in the gradebook yet.

    Args:
        kind: by default, a batch that publishes what it grades.

    Returns:
        True if every file was accepted, no grade is provisional, and no claims about people contradict.

    Raises:
        UsageError: there is nothing to grade, or the output cannot be written.
        KeyboardInterrupt: Ctrl-C was pressed; the gradebook and the class page hold all finished results.
    """
    out = class_options.out
    with scratch_folder() as scratch:
        intake = take_in(paths, rubric, options, class_options, scratch)
        check_writable(out / STUDENT_FOLDER)
        with batch_lock(out), Gradebook(out, create=True) as book:
            enrolment = enter_people(book, intake, rubric)
            batch = (kind or Batch)(book, rubric, options, class_options, enrolment.students, intake.digests)
            batch.run()
            return not intake.collected.refused and not batch.is_provisional and not enrolment.conflicts


class Batch:
    """One run over a class.

    Students are recorded as soon as all of their counting attempts have a result, those with new results one
    by one. Whatever ends the run, the next one starts where it stopped.
    """

    def __init__(
        self,
        book: Gradebook,
        rubric: Rubric,
        options: Options,
        class_options: ClassOptions,
        students: Sequence[StudentAttempts],
        digests: Mapping[str, str],
        *,
        entered: bool = False,
    ) -> None:
        self._book, self._rubric, self._options = book, rubric, options
        self._class_options, self._students = class_options, students
        self._best = book.setting("attempt") == "best"
        self._run = book.next_run()
        self._entered = f"{timestamp()} {current_user()}" if entered else None
        self._digests = digests  # by label
        self._results: dict[str, int] = {}  # ids by digest
        self._additions: dict[str, Addition] = {}  # by digest
        self._kept = KeptFiles(class_options.out)
        self.is_provisional = False

    def _counting(self, student: StudentAttempts) -> list[Attempt]:
        """Return the attempts that may count: all of them, or the latest."""
        attempts = [attempt for _, attempt in student.attempts]
        return attempts if self._best else attempts[-1:]

    def _inputs(self, digest: str) -> ResultInputs:
        return result_inputs(digest, self._rubric, self._options)

    def run(self) -> None:
        """Grade, and bring all pages up to date, after Ctrl-C as well."""
        try:
            self.grade()
        except KeyboardInterrupt:
            self.finish()
            raise
        self.finish()

    def grade(self) -> None:
        """Record students with known results, grade the others, and record each as results arrive."""
        self._kept.keep_rubric(self._inputs("").rubric, self._rubric)
        if self._options.handout:
            self._kept.keep_handout(self._options.handout)
        known = 0 if self._class_options.fresh else self._reuse()
        waiting: dict[str, list[StudentAttempts]] = defaultdict(list)  # by digest of an ungraded notebook
        complete: list[StudentAttempts] = []
        unknown: list[StudentAttempts] = []
        submitters = self._book.submitters()
        for student in self._students:
            missing = {self._digests[a.label] for a in self._counting(student)} - set(self._results)
            for digest in missing:
                waiting[digest].append(student)
            if not missing:
                complete.append(student)
            elif student.key not in submitters:
                unknown.append(student)
        with self._book.transaction():  # so that nobody is said to have handed in nothing
            for student in unknown:
                self._save(student)
        self._record(complete)
        tasks = self._tasks(waiting)
        if not self._class_options.quiet:
            results = f"{known} of {known + len(tasks)} results are in the gradebook"
            print(f"grade: {results}{self._on_equal_notebooks()}", file=sys.stderr)
        with (
            progress_display(len(tasks), quiet=self._class_options.quiet) as display,
            # closing: an exception here must also stop the running judges, which the generator's exit does.
            closing(self.judge(tasks, display)) as finished,
        ):
            for task, judged in finished:
                self._add_result(task, judged, waiting[task.digest], display)
        self._release()

    def judge(
        self, tasks: Sequence[Task], display: ProgressDisplay
    ) -> Generator[tuple[Task, JudgedNotebook]]:
        """Yield each task with its result, as soon as there is one."""
        jobs = self._class_options.jobs or default_jobs(self._options.device)
        return run_tasks(tasks, self._rubric, self._options, min(jobs, len(tasks)) or 1, display)

    def store(self, task: Task, judged: JudgedNotebook) -> int:
        """Store a result, and return its id."""
        inputs = self._inputs(task.digest)
        return self._book.add_result(inputs, judged.grade, judged.figures, readable=judged.readable)

    def keep(self, digest: str, path: Path) -> None:
        """Keep a notebook, so that its verdicts can be reproduced."""
        self._kept.keep_notebook(digest, path)

    def keep_code(self, digest: str, path: Path) -> None:
        """Keep the code of a graded notebook, to be compared with others'."""
        similarity.save_fingerprints(self._book, digest, path)

    def _on_equal_notebooks(self) -> str:
        """Return why there are fewer results than notebooks, in brackets; "" if there are as many."""
        labels = {a.label for each in self._students for a in self._counting(each)}
        digests = {self._digests[label] for label in labels}
        return f" ({len(labels)} notebooks, some of equal content)" if len(digests) < len(labels) else ""

    def _reuse(self) -> int:
        """Look up known results, and return their number."""
        find = find_current if self._class_options.regrade else find_kept
        paths = self._paths()
        for digest in set(self._digests.values()):
            if (result := find(self._book, self._inputs(digest), self._rubric)) is not None:
                self._results[digest] = result
                if digest in paths:
                    self.keep(digest, paths[digest])
            elif (lacking := self._addition_to(digest)) is not None:
                self._additions[digest] = lacking
        return len(self._results)

    def _addition_to(self, digest: str) -> Addition | None:
        """Return a kept result that lacks new criteria alone; None if there is none, or with ``--only``."""
        if self._options.only:
            return None
        return find_addition(self._book, self._inputs(digest), self._rubric)

    def _tasks(self, waiting: Mapping[str, Sequence[StudentAttempts]]) -> list[Task]:
        paths = self._paths()
        lacking = {digest: addition.missing for digest, addition in self._additions.items()}
        return [
            Task(digest, paths[digest], students[0].key, lacking.get(digest, ()))
            for digest, students in waiting.items()
        ]

    def _paths(self) -> dict[str, Path]:
        return {self._digests[a.label]: a.path for each in self._students for a in self._counting(each)}

    def _add_result(
        self, task: Task, judged: JudgedNotebook, waiting: Sequence[StudentAttempts], display: ProgressDisplay
    ) -> None:
        """Store a result, and record the students who waited for nothing else."""
        if task.only:
            judged = with_addition(self._book, self._additions[task.digest], judged, self._rubric)
        with self._book.transaction():
            self._results[task.digest] = self.store(task, judged)
        self.keep(task.digest, task.path)
        self.keep_code(task.digest, task.path)
        ready = [
            student
            for student in waiting
            if all(self._digests[attempt.label] in self._results for attempt in self._counting(student))
        ]
        self._record(ready)
        display.on_result(provisional=judged.grade.provisional)

    def _record(self, students: Sequence[StudentAttempts]) -> None:
        """Store attempts with their results, print grades and changes, and write the reports."""
        for start in range(0, len(students), _AT_ONCE):
            self._record_some(students[start : start + _AT_ONCE])

    def _record_some(self, students: Sequence[StudentAttempts]) -> None:
        entries = []
        with self._book.transaction():
            for student in students:
                before = self._book.entry(student.key)
                self._save(student)
                after = self._book.entry(student.key)
                log_changes(self._book, before, after)
                entries.append(after)
        for entry in entries:
            if entry.grade:
                self.is_provisional |= entry.grade.provisional
            self.publish(entry)

    def _release(self) -> None:
        """Take hand-ins from those who had them before somebody decided whose they are."""
        with self._book.transaction():
            for record, label in self._book.release_attempts(self._run):
                self._book.log_change(
                    record, "hand-in", label, None, "this run found it to be somebody else's"
                )

    def _save(self, student: StudentAttempts) -> None:
        for record, attempts in student.by_record().items():
            stored = [
                StoredAttempt(
                    person=record,
                    run=self._run,
                    first_run=self._run,
                    label=attempt.label,
                    notebook=self._digests[attempt.label],
                    number=attempt.number,
                    handed_in=attempt.handed_in,
                    unread_time=attempt.unread_time,
                    is_late=attempt.is_late,
                    group=attempt.group,
                    entered=self._entered,
                    result=self._results.get(self._digests[attempt.label]),
                )
                for attempt in attempts
            ]
            self._book.save_attempts(record, stored)

    def publish(self, entry: GradebookEntry) -> None:
        """Print the grade of a student, and write the reports."""
        if entry.grade is not None:
            print_grade(entry, as_json=self._class_options.json)
        refresh_reports(self._book, entry, self._class_options.out)

    def finish(self) -> None:
        """Bring all reports up to date, compare the class for similar code, and write the class page."""
        out = self._class_options.out
        refresh_all_reports(self._book, out, self._class_options.jobs or default_jobs("cpu"))
        tell(*mixed_editions(self._book, self._book.entries()))
        similarity.compare_class(self._book, self._paths(), self._class_options.handout, out)
        known_solutions.compare_with_solutions(self._book, self._rubric, self._class_options.handout)
        if self._book.late_rule():
            tell(*unknown_times.sentences_on(self._book.entries()))
        page = classpage.write_page(self._book, out)
        if not self._class_options.json:
            print()
            print_lists(self._book)
            print(f"Class page: {page}\nGradebook: {self._book.path}")

"""Grades a class: what was handed in, less what the gradebook knows already; then reports and class page."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.classroom import classpage, editions, similarity
from grader.classroom.cache_key import inputs, what_changed
from grader.classroom.gradebook import Gradebook, GradebookEntry, ResultInputs
from grader.classroom.intake import Intake, collect
from grader.classroom.marks import LateRule
from grader.classroom.progress import ProgressDisplay, watch
from grader.classroom.roster import StudentAttempts, match, read_roster
from grader.classroom.scheduler import Task, default_jobs, run
from grader.classroom.store import only_batch
from grader.classroom.students import Attempt
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
    """How to grade a class, besides how to grade a notebook."""

    out: Path
    jobs: int | None = None
    roster: Path | None = None
    best: bool = False  # of several attempts; else the latest counts
    fresh: bool = False
    late: LateRule | None = None
    handout: Path | None = None
    json: bool = False
    quiet: bool = False


def grade_class(paths: Sequence[str], rubric: Rubric, options: Options, orders: ClassOptions) -> bool:
    """Grade everything in ``paths`` that the gradebook in ``orders.out`` does not know yet.

    Returns:
        Whether everything handed in was graded, and no grade is provisional.

    Raises:
        UsageError: there is nothing to grade, or nothing can be written.
        KeyboardInterrupt: stopped; what was finished is in the gradebook and on the class page.
    """
    with scratch_folder() as scratch:
        people = read_roster(orders.roster) if orders.roster else []
        logins = {login for person in people if (login := person.ids.get("login"))}
        intake = collect(paths, scratch, rubric.wanted, logins)
        for sentence in (*intake.refused, *intake.notes):
            print(f"grade: {clean(sentence)}", file=sys.stderr)
        check_writable(orders.out / editions.STUDENT)
        with only_batch(orders.out), Gradebook(orders.out, create=True) as book:
            _remember(book, rubric, _late_rule(rubric, orders), intake)
            handed = match(intake.attempts, people)
            on_roster = {person.key for person in people}
            batch = _Batch(book, rubric, options, orders, handed, on_roster)
            try:
                batch.grade()
            except KeyboardInterrupt:
                batch.conclude()
                raise
            batch.conclude()
            return not intake.refused and not batch.is_provisional


def _late_rule(rubric: Rubric, orders: ClassOptions) -> LateRule | None:
    if orders.late is None and "late" in rubric.settings:
        return LateRule.from_settings(rubric.settings["late"])
    return orders.late


def _remember(book: Gradebook, rubric: Rubric, late: LateRule | None, intake: Intake) -> None:
    """What the other commands need to know of this batch."""
    with book.transaction():
        book.keep("rubric", {"id": rubric.id, "title": rubric.title, "exercises": dict(rubric.exercises)})
        book.keep("late", late.as_json() if late else book.setting("late"))
        book.keep("refused", list(intake.refused))
        book.keep("notes", list(intake.notes))
        book.keep("boundaries", rubric.settings.get("boundaries", classpage.BOUNDARIES))


class _Batch:
    """One run over a class."""

    def __init__(
        self,
        book: Gradebook,
        rubric: Rubric,
        options: Options,
        orders: ClassOptions,
        handed: Sequence[StudentAttempts],
        on_roster: set[str],
    ) -> None:
        self._book, self._rubric, self._options, self._orders = book, rubric, options, orders
        self._handed, self._on_roster = handed, on_roster
        self._digests = {
            attempt.label: content_digest(attempt.path) for one in handed for attempt in self._counting(one)
        }
        self._results: dict[str, int] = {}  # by digest
        self._known = {person.key for person in book.people()}
        self.is_provisional = False

    def _counting(self, handed: StudentAttempts) -> Sequence[Attempt]:
        return handed.attempts if self._orders.best else handed.attempts[-1:]

    def _inputs(self, digest: str) -> ResultInputs:
        return inputs(digest, self._rubric, self._options)

    def grade(self) -> None:
        """Settle whom the gradebook knows, grade the others, and settle each as the result comes in."""
        known = 0 if self._orders.fresh else self._reuse()
        waiting: dict[str, list[StudentAttempts]] = defaultdict(list)  # by what is still to be graded
        for one in self._handed:
            missing = {self._digests[a.label] for a in self._counting(one)} - set(self._results)
            for digest in missing:
                waiting[digest].append(one)
            if not missing:
                self._settle(one)
        tasks = self._tasks(waiting)
        jobs = self._orders.jobs or default_jobs(self._options.device)
        if not self._orders.quiet:
            print(f"grade: {known} of {known + len(tasks)} results are in the gradebook", file=sys.stderr)
        with watch(len(tasks), quiet=self._orders.quiet) as shown:
            jobs = min(jobs, len(tasks)) or 1
            with closing(run(tasks, self._rubric, self._options, jobs, shown)) as finished:
                for task, judged in finished:
                    self._keep(task, judged, waiting[task.digest], shown)

    def _reuse(self) -> int:
        for digest in set(self._digests.values()):
            if (result := self._book.find(self._inputs(digest))) is not None:
                self._results[digest] = result
        return len(self._results)

    def _tasks(self, waiting: Mapping[str, Sequence[StudentAttempts]]) -> list[Task]:
        paths = {self._digests[a.label]: a.path for one in self._handed for a in self._counting(one)}
        return [Task(digest, paths[digest], handed[0].person.key) for digest, handed in waiting.items()]

    def _keep(
        self, task: Task, judged: JudgedNotebook, waiting: Sequence[StudentAttempts], shown: ProgressDisplay
    ) -> None:
        """Write a result down, and whatever it decides."""
        with self._book.transaction():
            self._results[task.digest] = self._book.add_result(
                self._inputs(task.digest), judged.grade, judged.figures, readable=judged.readable
            )
        similarity.remember(self._book, task.digest, task.path)
        for one in waiting:
            if all(self._digests[attempt.label] in self._results for attempt in self._counting(one)):
                self._settle(one)
        shown.count(failing=judged.grade.provisional)

    def _settle(self, handed: StudentAttempts) -> None:
        """Write down what counts for a student, say what changed, and write the reports."""
        key, entry = handed.person.key, self._entry(handed)
        before = self._book.standing(key) if key in self._known else None
        if before and all(getattr(before, name) == value for name, value in entry.items()):
            after = before
        else:
            with self._book.transaction():
                self._book.enter(**entry)
                after = self._book.standing(key)
                self._note_changes(before, after)
        if after.grade:
            self.is_provisional |= after.grade.provisional
        self._say(after)
        refresh_editions(self._book, after, self._orders.out)

    def _entry(self, handed: StudentAttempts) -> dict[str, Any]:
        """What the gradebook is to hold of a student, as fields of a standing."""
        person, attempts = handed.person, self._counting(handed)
        known = {"person": person, "on_roster": person.key in self._on_roster}
        if not attempts:
            return known
        counts = self._best(attempts)
        return {
            **known,
            "label": counts.label,
            "attempts": len(handed.attempts),
            "handed_in": counts.handed_in or person.handed_in,
            "is_late": counts.late,
            "result": self._results[self._digests[counts.label]],
        }

    def _best(self, attempts: Sequence[Attempt]) -> Attempt:
        """The attempt that earned most; of equals, the latest."""
        if len(attempts) == 1:
            return attempts[0]

        def earned(attempt: Attempt) -> float:
            return self._book.grade(self._results[self._digests[attempt.label]]).earned

        return max(reversed(attempts), key=earned)

    def _note_changes(self, before: GradebookEntry | None, after: GradebookEntry) -> None:
        """Into the audit trail, and to the TA: which verdicts changed, and why."""
        key = after.person.key
        if after.result is None or (before and before.result == after.result):
            return
        assert after.grade is not None
        assert after.inputs is not None
        if before is None or before.grade is None or before.inputs is None:
            self._book.note(key, "graded", None, points(after.grade.earned), "first graded")
            return
        then, now = before.grade, after.grade
        why = what_changed(before.inputs, after.inputs, then.environment, now.environment)
        self._book.note(key, "graded", points(then.earned), points(now.earned), why)
        for id, was, became in _differences(then, now):
            self._book.note(key, id, was, became, why)
            print(f"{key}: {id} was {was}, is {became} (changed: {why})")

    def _say(self, after: GradebookEntry) -> None:
        if after.grade is None:
            return
        if self._orders.json:
            print(json.dumps({**after.grade.as_json(), "student": after.person.key}))
            return
        counts = editions.final(after.mark)
        judged = score(after.grade.earned, after.grade.possible)
        more = f", {counts} after adjustments" if after.mark.lines else ""
        flags = "  PROVISIONAL" if after.grade.provisional else ""
        print(f"{after.person.key:<32} {judged:>11}{more}{flags}", flush=True)

    def conclude(self) -> None:
        """The pairs whose code is alike, the class page, and where it is."""
        where = {self._digests[a.label]: a.path for one in self._handed for a in self._counting(one)}
        similarity.compare(self._book, where, self._orders.handout, self._orders.out)
        page = classpage.write_page(self._book, self._orders.out)
        if not self._orders.json:
            print(f"\nClass page: {page}\nGradebook: {self._book.path}")


def refresh_editions(book: Gradebook, standing: GradebookEntry, out: Path) -> None:
    """Write a student's reports where they are missing, or say something else than the gradebook."""
    if standing.grade is None or standing.result is None:
        return
    made_from = editions.stamp(standing, edition="1")
    if book.stamp(standing.person.key) == made_from and editions.exist(standing, out):
        return
    exercises = {int(number): title for number, title in book.setting("rubric")["exercises"].items()}
    editions.write_editions(standing, book.figures(standing.result), exercises, out)
    book.set_stamp(standing.person.key, made_from)


def _differences(then: Grade, now: Grade) -> Iterator[tuple[str, str, str]]:
    was = {result.id: result for result in then.criteria}
    became = {result.id: result for result in now.criteria}
    for id in dict.fromkeys([*was, *became]):
        old, new = _verdict(was.get(id)), _verdict(became.get(id))
        if old != new:
            yield id, old, new


def _verdict(result: CriterionResult | None) -> str:
    return f"{result.verdict.value} {score(result.earned, result.possible)}" if result else "not asked"

"""Random classes, played against the command: nobody's grade reaches another, and nobody is missing unsaid.

The machine plays several weeks of a course: downloads of several platforms, rosters in any order or none,
namesakes, groups, resubmissions, adjustments, extensions, merges and splits. After each step it exports the
class and compares every row with ``Model``, which knows identifiers only. Judging is replaced where a class
run hands its notebooks over, so that a step takes a fraction of a second.
"""

from __future__ import annotations

import csv
import random
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from classes import content, run
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stub_judge import one_criterion_rubric, run_here

from grader.classroom.handins.collect import CollectedSubmissions, collect
from grader.classroom.people.identity import Claim

NAMES = ("Max Miller", "Ida Ober", "Min Kim", "Zoë Ann Ng")  # few, so that namesakes are common
PLATFORMS = ("canvas", "moodle", "gradescope")
DUE = "2026-03-01T12:00:00+00:00"
IN_TIME, TOO_LATE = "2026-03-01 10:00:00.000000000 Z", "2026-03-02 18:00:00.000000000 Z"  # two days begun
Ids = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Student:
    """Somebody as the world knows them; the grader sees some of the identifiers at a time."""

    name: str
    number: int

    def ids(self, *kinds: str) -> Ids:
        """Return the identifiers of these kinds."""
        return frozenset((kind, self.value(kind)) for kind in kinds)

    def value(self, kind: str) -> str:
        """Return the identifier of a kind; no value of one kind equals one of another."""
        forms = {
            "canvas": f"{1000 + self.number}",
            "sis": f"S{self.number:04}",
            "login": f"ab{self.number}cd",
            "email": f"p{self.number}@uni.example",
            "moodle": f"{500 + self.number}",
        }
        return forms[kind]


KINDS = ("canvas", "sis", "login", "email", "moodle")
SEEN_IN = {"canvas": ("canvas",), "moodle": ("moodle",), "gradescope": ("email", "sis")}  # of a download
COLUMNS = {  # of rosters
    "canvas": ("canvas", "sis", "login"),
    "moodle": ("moodle", "email"),
    "university": ("sis", "login", "email"),
    "names": (),  # nothing tells namesakes apart
}


@dataclass
class Model:
    """Who has which mark, by identifiers alone: those that were seen together are one person's."""

    seen: list[Ids] = field(default_factory=list)
    merged: list[Ids] = field(default_factory=list)  # by hand, newest last
    work: list[tuple[int, Ids, int, bool]] = field(default_factory=list)  # run, whose, points, late
    acts: list[tuple[str, Ids]] = field(default_factory=list)  # adjustments: kind, whose

    def parts(self) -> list[Ids]:
        parts: list[Ids] = []
        for ids in [*self.seen, *self.merged]:
            joined = ids.union(*(part for part in parts if part & ids))
            parts = [part for part in parts if not part & joined] + [joined]
        return parts

    def of(self, ids: Ids) -> list[Ids]:
        return [part for part in self.parts() if part & ids]

    def mark(self, part: Ids) -> float | str | None:
        acts = [kind for kind, whose in self.acts if whose & part]
        attempts = [(run, points, late) for run, whose, points, late in self.work if whose & part]
        if "excuse" in acts:
            return "EX"
        added = 0.5 * acts.count("add")
        if not attempts:
            return added or None
        _, points, late = max(attempts)
        return round((points + added) * (0.8 if late and "extend" not in acts else 1.0), 2)


class ClassMachine(RuleBasedStateMachine):
    """A course of a few students over several runs of the command."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.out = self.root / "reports"
        self.rubric = one_criterion_rubric(self.root / "tiny")
        self.model, self.runs, self.points = Model(), 0, 0
        self.students: list[Student] = []
        self.claims: dict[Student, set[Ids]] = {}  # what was seen of each student at once

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=6))
    def enrol(self, names: list[str]) -> None:
        self.students = [Student(name, number) for number, name in enumerate(names, start=1)]

    # Runs of the command

    def grade(self, *arguments: str | Path) -> tuple[int, str]:
        """Run ``grade`` in this process and return its exit code and everything that it printed."""
        ran = run_here(self.out, *arguments)
        note(f"grade {' '.join(map(str, arguments))}\n{ran.err}{ran.out}")
        assert "Traceback" not in ran.err
        return ran.code, ran.err + ran.out

    def chosen(self, data: st.DataObject, least: int = 1) -> list[Student]:
        """Return some students, in any order."""
        chosen = data.draw(st.lists(st.sampled_from(self.students), min_size=least, unique=True), "students")
        return list(data.draw(st.permutations(chosen), "order"))

    @rule(data=st.data(), platform=st.sampled_from(PLATFORMS), roster=st.sampled_from([None, *COLUMNS]))
    def hand_in(self, data: st.DataObject, platform: str, roster: str | None) -> None:
        """Students hand in, or again, on one platform, and the TA grades the download."""
        groups = _groups(self.chosen(data), data) if platform == "gradescope" else None
        folder = self.root / f"run{self.runs}"
        arguments: list[str | Path] = []
        if roster:
            arguments += ["--roster", self.write_roster(roster, data)]
        self.runs += 1
        for members in groups or [[student] for student in self.chosen(data)]:
            self.points += 1
            is_late = platform == "gradescope" and data.draw(st.booleans(), "late")
            self.write_download(folder, platform, members, is_late=is_late)
            for member in members:
                ids = member.ids(*SEEN_IN[platform])
                self.see(member, ids)
                self.model.work.append((self.runs, ids, self.points, is_late))
        code, text = self.grade(folder, "--rubric", self.rubric, "--due", DUE, "-q", *arguments)
        assert code in (0, 1), text

    def see(self, student: Student, ids: Ids) -> None:
        """Record that these identifiers were seen together."""
        if ids:
            self.model.seen.append(ids)
        self.claims.setdefault(student, set()).add(ids)

    def write_download(
        self, folder: Path, platform: str, members: Sequence[Student], *, is_late: bool
    ) -> None:
        first = members[0]
        name = {
            "canvas": f"{_canvas_name(first)}_{first.value('canvas')}_{7000 + self.points}_hw.ipynb",
            "moodle": f"{first.name}_{first.value('moodle')}_assignsubmission_file_/hw.ipynb",
            "gradescope": f"submission_{self.points}/hw.ipynb",
        }[platform]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(f"answer = {self.points}"))
        if platform == "gradescope":
            lines = [f"submission_{self.points}:", "  :submitters:"]
            for each in members:
                lines += [f"  - :name: {each.name}", f"    :sid: {each.value('sis')}"]
                lines += [f"    :email: {each.value('email')}"]
            lines += [f"  :created_at: {TOO_LATE if is_late else IN_TIME}", ""]
            with (folder / "submission_metadata.yml").open("a", encoding="utf-8") as metadata:
                metadata.write("\n".join(lines))

    def write_roster(self, kind: str, data: st.DataObject) -> Path:
        """Write a roster with some of the students, in any order."""
        students = self.chosen(data)
        path = self.root / f"roster{self.runs}.csv"
        for student in students:
            self.see(student, student.ids(*COLUMNS[kind]))
        headers = {
            "canvas": ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"],
            "moodle": ["Identifier", "Full name", "Email address", "Grade", "Last modified (grade)"],
            "university": ["Name", "SIS User ID", "Login", "Email"],
            "names": ["Name"],
        }
        rows = {
            "canvas": [
                [_last_first(s), s.value("canvas"), s.value("sis"), s.value("login"), "A"] for s in students
            ],
            "moodle": [
                [f"Participant {s.value('moodle')}", s.name, s.value("email"), "", "-"] for s in students
            ],
            "university": [[s.name, s.value("sis"), s.value("login"), s.value("email")] for s in students],
            "names": [[s.name] for s in students],
        }
        _write_csv(path, [headers[kind], *rows[kind]])
        return path

    # What a TA does

    @precondition(lambda self: self.model.seen)
    @rule(data=st.data(), kind=st.sampled_from(["add", "add", "extend", "excuse"]))
    def adjust(self, data: st.DataObject, kind: str) -> None:
        """A TA adjusts the grade of somebody, named by any identifier that was seen."""
        part = data.draw(st.sampled_from(self.model.parts()), "whose")
        id = data.draw(st.sampled_from(sorted(part)), "identifier")
        how = {
            "add": ["total", "+0.5"],
            "extend": ["--until", "2026-03-05T12:00:00+00:00"],
            "excuse": ["--excuse"],
        }
        code, text = self.grade("adjust", id[1], *how[kind], "--because", "so it is")
        assert code == 0, text
        self.model.acts.append((kind, frozenset([id])))

    @precondition(lambda self: self.torn())
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """A TA knows that two of the people are one student."""
        one, two = data.draw(st.sampled_from(self.torn()), "who")
        code, text = self.grade("people", "merge", min(one)[1], min(two)[1], "--because", "by her card")
        assert code in (0, 1), text
        self.model.merged.append(one | two)

    @precondition(lambda self: self.model.merged)
    @rule()
    def undo(self) -> None:
        """The TA was wrong, or thinks so: each record has its own again."""
        code, text = self.grade("people", "undo", "--because", "by mistake")
        assert code in (0, 1), text
        self.model.merged.pop()

    def torn(self) -> list[tuple[Ids, Ids]]:
        """Return the first two parts of each student who is known as several people."""
        parts = [self.model.of(student.ids(*KINDS)) for student in self.students]
        return [(each[0], each[1]) for each in parts if len(each) > 1]

    @precondition(lambda self: self.runs and self.runs % 4 == 0)
    @rule()
    def list_for_real(self) -> None:
        """The installed command reads the same gradebook, and lists as many people as this process does."""
        code, text = self.grade("list")
        ran = run(self.out, "list")
        assert (ran.code, ran.out.strip()) == (code, text.strip())

    # What must hold

    @precondition(lambda self: self.runs)
    @invariant()
    def every_canvas_row_is_its_owners(self) -> None:
        order = random.Random(self.runs).sample(self.students, len(self.students))
        rows = [[_last_first(s), s.value("canvas"), s.value("sis"), s.value("login"), "A", ""] for s in order]
        header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "HW (555)"]
        self.check_export("canvas", [header, *rows], ("canvas", "sis", "login"), order, "HW (555)")

    @precondition(lambda self: self.runs)
    @invariant()
    def every_moodle_row_is_its_owners(self) -> None:
        order = random.Random(self.points).sample(self.students, len(self.students))
        rows = [
            [f"Participant {s.value('moodle')}", s.name, s.value("email"), "", "1000.00", "-"] for s in order
        ]
        header = [
            "Identifier",
            "Full name",
            "Email address",
            "Grade",
            "Maximum grade",
            "Last modified (grade)",
        ]
        self.check_export("moodle", [header, *rows], ("moodle", "email"), order, "Grade")

    def check_export(
        self,
        format: str,
        theirs: list[list[str]],
        kinds: Sequence[str],
        order: Sequence[Student],
        column: str,
    ) -> None:
        """Export into a downloaded table, and compare each row with the model."""
        _write_csv(self.root / "theirs.csv", theirs)
        target = self.root / "exported.csv"
        target.unlink(missing_ok=True)
        extra = ["--assignment", column] if format == "canvas" else []
        code, text = self.grade(
            "export", "--format", format, "--theirs", self.root / "theirs.csv", "--to", target, *extra
        )
        double = [s for s in order if len(self.model.of(s.ids(*kinds))) > 1]
        if code and double:
            assert not target.exists()
            return
        assert code == 0, text
        with target.open(encoding="utf-8-sig", newline="") as file:
            cells = [row[column] for row in csv.DictReader(file)]
        for student, cell in zip(order, cells, strict=True):
            parts = self.model.of(student.ids(*kinds))
            marks = {_as_cell(self.model.mark(part)) for part in parts}
            if format == "moodle":  # has no word for an excuse
                marks = {"" if mark == "EX" else mark for mark in marks}
            self.check_row(student, cell, parts, marks, text)

    def check_row(
        self, student: Student, cell: str, parts: Sequence[Ids], marks: set[str], text: str
    ) -> None:
        """Assert that a cell holds the student's own mark, or nothing where that is not certain."""
        note(f"{student}: {cell!r}, {parts}")
        if len(parts) == 1 and self.is_certain(student, parts[0]):
            assert {cell} == marks
        elif cell:
            assert cell in marks
        elif marks - {""} and len(parts) == 1:
            assert student.name.split()[-1] in text or any(value in text for _, value in parts[0])

    def is_certain(self, student: Student, part: Ids) -> bool:
        """Return whether no claim outside of this part bears the student's name."""
        for other, claims in self.claims.items():
            if other.name == student.name and any(not ids & part for ids in claims):
                return False
        return True


def _groups(students: Sequence[Student], data: st.DataObject) -> list[list[Student]]:
    """Split students into groups of up to three."""
    rest, groups = list(students), []
    while rest:
        size = data.draw(st.integers(1, 3), "size of a group")
        groups.append(rest[:size])
        rest = rest[size:]
    return groups


def _as_cell(mark: float | str | None) -> str:
    if mark is None:
        return ""
    return mark if isinstance(mark, str) else f"{mark:.2f}".rstrip("0").rstrip(".")


def _last_first(student: Student) -> str:
    first, _, last = student.name.rpartition(" ")
    return f"{last}, {first}"


def _canvas_name(student: Student) -> str:
    return _last_first(student).replace(", ", "").replace(" ", "").casefold()


def _write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


_SETTINGS = settings(
    max_examples=12,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,  # the same game every time, so that CI fails for a change alone
    suppress_health_check=list(HealthCheck),
)
ClassMachine.TestCase.settings = _SETTINGS
TestRandomClasses = ClassMachine.TestCase


@pytest.mark.slow
def test_a_long_game_finds_nothing() -> None:
    run_state_machine_as_test(ClassMachine, settings=settings(_SETTINGS, max_examples=40))


def _only_the_first_member(*arguments: Any, **named: Any) -> CollectedSubmissions:
    collected = collect(*arguments, **named)
    alone = tuple(replace(each, members=each.members[:1]) for each in collected.attempts)
    return replace(collected, attempts=alone)


def _everybody_anew(self: Any, claim: Claim) -> int:
    record: int = self._make(claim, self._origin).id
    return record


def _by_the_order_of_names(self: Any, claim: Claim) -> int:
    home: int = self._by_name(claim, self._origin, 0)
    self._directory.give(home, claim.identifiers)
    return home


FAULTS = {
    "only the first of a group has the grade": ("grader.classroom.intake.collect", _only_the_first_member),
    "a later roster or download makes everybody anew": (
        "grader.classroom.people.claims._Placing._by_identifiers",
        _everybody_anew,
    ),
    "namesakes are told apart by nothing": (
        "grader.classroom.people.claims._Placing._by_identifiers",
        _by_the_order_of_names,
    ),
    "a match by name is exported like any other": (
        "grader.classroom.exports.matching.is_certain",
        lambda *_: True,
    ),
    "an adjustment reaches whoever has the name": (
        "grader.classroom.storage.entry_store.identifiers_by_name",
        lambda *_: frozenset(),
    ),
    "identifiers do not join records": (
        "grader.classroom.people.directory.Directory.are_proven_one",
        lambda *_: True,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_back_is_found(fault: str) -> None:
    target, replacement = FAULTS[fault]
    game = settings(_SETTINGS, max_examples=400, phases=[Phase.generate])
    with patch(target, replacement), pytest.raises(AssertionError):
        run_state_machine_as_test(ClassMachine, settings=game)

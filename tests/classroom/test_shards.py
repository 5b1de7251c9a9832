"""A class graded on several machines: ``grade plan``, ``grade --shard`` and ``grade merge``."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from classes import gradebook_rows, notebook, run, tiny_rubric
from conftest import Ran
from report_samples import grade

from grader import seeds
from grader.classroom.cluster import node
from grader.classroom.cluster.plan import PlannedNotebook
from grader.classroom.cluster.planning import split
from grader.classroom.cluster.results import ShardResult
from grader.classroom.storage.results import ResultInputs
from grader.model import Verdict
from grader.sandbox.isolation import Isolation

SHARDS = 3
ROSTER = "Name,Login\nAda Lovelace,ada\nBob Ross,bob\nCyd Charisse,cyd\nDan Brown,dan\nEve Moneypenny,eve\n"


class Machines:
    """A class, a plan of it, and the folders of its shards, all below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.plan, self.reports = folder, folder / "plan", folder / "reports"
        self.rubric = tiny_rubric(folder / "rubric")
        self.submissions = folder / "class"
        # Canvas's names: two attempts of ada's, and cyd is late.
        for name, answer in {
            "adalovelace_11_101_hw": 41,
            "adalovelace_11_102_hw-1": 42,
            "bobross_12_103_hw": 4242,
            "charissecyd_LATE_13_104_hw": 40,
            "brown_14_105_hw": 39,
        }.items():
            notebook(self.submissions / f"{name}.ipynb", f"answer = {answer}")

    def make_plan(self, *options: str | Path, out: Path | None = None) -> Ran:
        return run(
            out or self.plan,
            "plan",
            self.submissions,
            "--rubric",
            self.rubric,
            "--shards",
            str(SHARDS),
            *options,
        )

    def grade(self, number: int, out: Path | None = None, *options: str) -> Ran:
        return run(out or self.shard(number), "--shard", f"{number}/{SHARDS}", "--plan", self.plan, *options)

    def grade_all(self) -> list[Path]:
        assert [self.grade(number).code for number in range(1, SHARDS + 1)] == [0] * SHARDS
        return [self.shard(number) for number in range(1, SHARDS + 1)]

    def merge(self, *folders: Path, reports: Path | None = None, plan: Path | None = None) -> Ran:
        return run(reports or self.reports, "merge", *folders, "--plan", plan or self.plan)

    def shard(self, number: int) -> Path:
        return self.folder / f"shard{number}"

    def edit_plan(self, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.plan / "plan.json"
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))


@pytest.fixture(name="machines")
def make_machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


@pytest.fixture(name="another_key")
def use_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Provide a function after whose call this process has the seed key of another machine."""

    def change() -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another home"))
        seeds._key.cache_clear()

    yield change
    monkeypatch.undo()
    seeds._key.cache_clear()


def test_shards_give_the_gradebook_that_one_machine_gives(
    machines: Machines, another_key: Callable[[], None]
) -> None:
    """People, attempts, lateness, marks, verdicts and seeds are equal, though the nodes have another key."""
    roster = machines.folder / "roster.csv"
    roster.write_text(ROSTER)
    options = ("--roster", roster, "--due", "2026-03-01", "--late", "10", "--attempt", "best")
    alone = machines.folder / "alone"
    assert run(alone, machines.submissions, "--rubric", machines.rubric, *options).code == 0
    assert machines.make_plan(*options).code == 0
    another_key()
    shards = machines.grade_all()
    assert machines.merge(*shards).code == 0

    assert _contents(machines.reports) == _contents(alone)
    assert _results(machines.reports) == _results(alone)
    assert len(_results(alone)) == 5


def test_merges_of_overlapping_shards_in_any_order_change_nothing(machines: Machines) -> None:
    machines.make_plan()
    one, two, three = machines.grade_all()
    machines.merge(three, one, two)
    once = _contents(machines.reports), gradebook_rows(machines.reports, "SELECT * FROM result")
    page = (machines.reports / "index.html").read_text()
    for folders in ((two, three), (one, two, three, one)):
        assert machines.merge(*folders).code == 0
    assert (_contents(machines.reports), gradebook_rows(machines.reports, "SELECT * FROM result")) == once
    assert (machines.reports / "index.html").read_text() == page

    other = machines.folder / "other"
    for folder in (one, two, three):
        machines.merge(folder, reports=other)
    assert _contents(other) == once[0]


def test_missing_results_are_named_and_merged_later(machines: Machines) -> None:
    machines.make_plan()
    one, two, three = machines.grade_all()
    name = _planned(machines, 2)[0]["name"]

    ran = machines.merge(one, three)
    assert ran.code == 1
    assert f"shard 2 has no result for {name}" in ran.err
    assert "planned notebooks have no result; run these shards again" in ran.err
    assert f"{name} " not in ran.out

    ran = machines.merge(two)
    assert ran.code == 0
    assert f"{name} " in ran.out


def test_a_shard_that_was_killed_goes_on_where_it_stopped(machines: Machines) -> None:
    machines.make_plan()
    machines.grade(1)
    done = {path: path.stat().st_mtime_ns for path in (machines.shard(1) / "results").iterdir()}
    first, *_ = done
    first.write_bytes(first.read_bytes()[:50])  # cut off by a full disk

    ran = machines.grade(1)
    assert ran.code == 0
    assert f"shard 1: {len(done) - 1} of {len(done)} results" in ran.err
    assert {path for path in done if path.stat().st_mtime_ns != done[path]} == {first}
    gzip.decompress(first.read_bytes())


def test_a_damaged_result_is_named_and_costs_nobody_else_a_grade(machines: Machines) -> None:
    machines.make_plan()
    shards = machines.grade_all()
    damaged = next((shards[0] / "results").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-9])
    ran = machines.merge(*shards)
    assert ran.code == 1
    assert f"{damaged} is damaged" in ran.err
    assert len(_results(machines.reports)) == 3


def test_another_result_takes_the_place_of_one_in_which_the_grader_failed(machines: Machines) -> None:
    notebook(machines.submissions / "falk_15_106_hw.ipynb", "answer = 'crash'")
    machines.make_plan()
    failed = next(n for n in range(1, SHARDS + 1) if "falk" in str(_planned(machines, n)))
    assert machines.grade(failed).code == 1
    for _ in range(2):
        machines.merge(machines.shard(failed))
    query = "SELECT count(*) FROM result WHERE grade LIKE '%falk%'"
    assert gradebook_rows(machines.reports, query) == [(1,)]

    assert machines.grade(failed, machines.folder / "again").code == 1  # it fails again, at another time
    machines.merge(machines.folder / "again", machines.shard(failed))
    assert gradebook_rows(machines.reports, query) == [(1,)]


def test_a_plan_is_readable_for_its_owner_and_holds_no_key(machines: Machines) -> None:
    machines.make_plan()
    path = machines.plan / "plan.json"
    assert path.stat().st_mode & 0o077 == 0
    assert seeds._key().hex() not in path.read_text()
    assert machines.make_plan().code == 2  # shards may be using it


def test_a_shard_with_another_rubric_is_refused(machines: Machines) -> None:
    machines.make_plan("--quick")
    shutil.rmtree(machines.rubric)  # as on a node, which has the plan alone
    assert machines.grade(1).code == 0
    [kept] = (machines.plan / "kept" / "rubrics").iterdir()
    tiny_rubric(machines.folder / "changed", right="41")
    shutil.make_archive(str(kept.with_suffix("")), "zip", machines.folder / "changed")
    ran = machines.grade(2)
    assert (ran.code, "was changed after the plan was made" in ran.err) == (2, True)


def test_a_shard_with_another_version_of_the_grader_is_refused(machines: Machines) -> None:
    machines.make_plan()
    machines.edit_plan(lambda data: data.update(grader="0.0.1+abc"))
    for ran in (machines.grade(1), machines.merge(machines.folder)):
        assert (ran.code, "was made for the grader 0.0.1+abc" in ran.err) == (2, True)


def test_options_beside_a_shard_are_refused(machines: Machines) -> None:
    machines.make_plan()
    ran = machines.grade(1, None, "--quick")
    assert (ran.code, "--quick: with --shard the plan decides" in ran.err) == (2, True)
    ran = run(machines.shard(1), "--shard", "4/3", "--plan", machines.plan)
    assert (ran.code, "the plan has the shards 1/3 to 3/3, not 4/3" in ran.err) == (2, True)


def test_results_with_other_settings_are_refused(machines: Machines) -> None:
    machines.make_plan()
    shards = machines.grade_all()
    quick = machines.folder / "quick"
    machines.make_plan("--quick", out=quick)
    ran = machines.merge(*shards, plan=quick)
    assert (ran.code, "was graded with another settings than the plan" in ran.err) == (2, True)


def test_results_count_for_a_later_plan_with_more_hand_ins(machines: Machines) -> None:
    """Nothing is graded twice when somebody hands in late and the class is planned again."""
    machines.make_plan()
    shards = machines.grade_all()
    notebook(machines.submissions / "late_19_109_hw.ipynb", "answer = 7")
    later = machines.folder / "later"
    machines.make_plan(out=later)
    ran = machines.merge(*shards, plan=later)
    assert (ran.code, "has no result for late" in ran.err) == (1, True)
    assert len(_results(machines.reports)) == 4


def test_a_plan_older_than_the_gradebook_is_refused(machines: Machines) -> None:
    """It would take the newest hand-ins from those who have them."""
    machines.make_plan()
    shards = machines.grade_all()
    notebook(machines.submissions / "adalovelace_11_110_hw-2.ipynb", "answer = 1")
    assert run(machines.reports, machines.submissions, "--rubric", machines.rubric).code == 0
    before = _contents(machines.reports)
    ran = machines.merge(*shards)
    assert (ran.code, "was graded into after the plan" in ran.err) == (2, True)
    assert _contents(machines.reports) == before

    later = machines.folder / "later"
    ran = machines.make_plan("--gradebook", machines.reports, out=later)
    assert "0 notebooks to judge" in ran.out
    assert machines.merge(*shards, plan=later).code == 0
    assert _contents(machines.reports) == before


def test_a_node_below_strong_is_refused_by_name(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    machines.make_plan()
    monkeypatch.setattr(node, "measure", lambda: Isolation(missing={"landlock": "too old a kernel"}))
    monkeypatch.setattr("platform.node", lambda: "gpu07")
    ran = machines.grade(1)
    assert (ran.code, "gpu07 grades nothing: its isolation is none" in ran.err) == (2, True)
    assert "landlock: too old a kernel" in ran.err
    assert not (machines.shard(1) / "results").exists()


def test_a_node_that_computes_otherwise_is_told_at_once_and_with_the_merge(machines: Machines) -> None:
    def change(data: dict[str, Any]) -> None:
        data["machine"].update(torch="1.0", results=[value * 1.001 for value in data["machine"]["results"]])

    machines.make_plan()
    machines.edit_plan(change)
    ran = machines.grade(2)
    assert ran.code == 0
    for told in (ran.err, machines.merge(machines.shard(2)).err):
        assert "its arithmetic differs by up to 0.001" in told
        assert "instead of 1.0" in told


def test_the_attempts_of_one_student_stay_in_one_shard() -> None:
    notebooks = [
        (f"student{n % 40}", PlannedNotebook(notebook=str(n), name="", path="", seed=n)) for n in range(97)
    ]
    parts = split(notebooks, 6)
    shard_of = {each.notebook: number for number, part in enumerate(parts) for each in part}
    assert sorted(shard_of) == sorted(str(n) for n in range(97))
    for student in range(40):
        assert len({shard_of[str(n)] for n in range(97) if n % 40 == student}) == 1
    assert max(map(len, parts)) - min(map(len, parts)) <= 2


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, False),
        ({"sample.formula": {"verdict": Verdict.FAIL, "earned": 0.0, "credit": 0.0}}, False),
        ({"sample.formula": {"verdict": Verdict.OPEN, "earned": 0.0, "credit": 0.0}}, False),
        ({"sample.formula": {"verdict": Verdict.ERROR, "earned": 0.0, "credit": 0.0}}, True),
    ],
)
def test_only_a_failure_of_the_grader_asks_for_another_result(changes: dict[str, Any], fails: bool) -> None:
    """What a person has to grade is open in every result, so another one would be no better."""
    inputs = ResultInputs(notebook="n", rubric="r", grader="g", settings="{}")
    judged = grade(changes=changes)
    result = ShardResult(inputs=inputs, only=(), finished="", readable=True, grade=judged, figures=())
    assert result.is_failed is fails


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data["grade"]["criteria"][1].update(verdict="pass", credit=3.0, earned=24.0),
        lambda data: data["grade"]["criteria"][1].update(earned=float("nan"), credit=float("nan")),
        lambda data: data["grade"]["criteria"].pop(),
        lambda data: data["grade"].update(environment=None),
        lambda data: data.pop("seal"),
    ],
)
def test_a_result_that_was_edited_is_passed_over_and_named(
    machines: Machines, edit: Callable[[dict[str, Any]], object]
) -> None:
    """Else whoever has a node's folder gives points, or one bad number ends every later run."""
    machines.make_plan()
    shards = machines.grade_all()
    edited = next((shards[0] / "results").iterdir())
    _edit(edited, edit)
    ran = machines.merge(*shards)
    assert (ran.code, f"{edited} is damaged" in ran.err) == (1, True)
    assert len(_results(machines.reports)) == 3

    assert machines.grade(1).code == 0  # judges it again
    assert machines.merge(*shards).code == 0
    assert len(_results(machines.reports)) == 4


def test_a_result_copied_to_another_students_notebook_is_passed_over(machines: Machines) -> None:
    machines.make_plan()
    shards = machines.grade_all()
    source, target = (next((shard / "results").iterdir()) for shard in shards[:2])
    target.write_bytes(source.read_bytes())
    _edit(target, lambda data: data["inputs"].update(notebook=target.name.partition(".")[0]))
    ran = machines.merge(*shards)
    assert (ran.code, f"{target} is damaged (it was changed after it was judged" in ran.err) == (1, True)


def test_a_plan_older_than_the_due_date_in_the_gradebook_is_refused(machines: Machines) -> None:
    """It would take back the late rule of a later run, and with it everybody's penalty."""
    machines.make_plan()
    shards = machines.grade_all()
    assert machines.merge(*shards).code == 0
    due = ("--due", "2026-03-01", "--late", "50")
    run(machines.reports, machines.submissions, "--rubric", machines.rubric, *due)
    rule = "SELECT value FROM meta WHERE name LIKE '%late'"
    before = gradebook_rows(machines.reports, rule)
    ran = machines.merge(*shards)
    assert (ran.code, "newest hand-ins and rules; plan again with" in ran.err) == (2, True)
    assert gradebook_rows(machines.reports, rule) == before


def test_a_plan_that_was_copied_in_part_says_so(machines: Machines) -> None:
    machines.make_plan()
    planned = _planned(machines, 1)[0]
    (machines.plan / "kept" / "notebooks" / f"{planned['notebook']}.zip").unlink()
    ran = machines.grade(1)
    assert (ran.code, f"does not hold {planned['path']} as it was planned" in ran.err) == (2, True)


@pytest.mark.filterwarnings("error:Duplicate name")
def test_a_plan_holds_both_rubrics_where_one_extends_the_other(machines: Machines) -> None:
    """Nodes and the merge have neither; the merge keeps them in the gradebook once more."""
    child = machines.folder / "child"
    child.mkdir()
    (child / "rubric.toml").write_text(
        'extends = "../rubric"\n[[criterion]]\nid = "answer.right"\npoints = 3\n'
    )
    base, machines.rubric = machines.rubric, child
    assert machines.make_plan().code == 0
    shutil.rmtree(child)
    shutil.rmtree(base)
    assert machines.merge(*machines.grade_all()).code == 0
    assert all("'possible': 5" in str(mark) for _, mark in _contents(machines.reports)["marks"])


def _planned(machines: Machines, number: int) -> list[dict[str, Any]]:
    shards = json.loads((machines.plan / "plan.json").read_text())["shards"]
    return list(shards[number - 1])


def _contents(out: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return who is who, who handed in what, and what is in the reports, without ids of rows and runs."""
    attempts = """
        SELECT person.key, label, attempt.notebook, number, attempt.handed_in, late, team, result.grade
        FROM attempt JOIN person ON person.id = attempt.person JOIN result ON result.id = attempt.result
        ORDER BY person.key, label"""
    rows = gradebook_rows(out, attempts)
    return {
        "people": gradebook_rows(out, "SELECT key, name, on_roster FROM person ORDER BY key"),
        "identifiers": gradebook_rows(
            out,
            "SELECT key, kind, value FROM identifier JOIN person ON id = person ORDER BY key, kind, value",
        ),
        "attempts": [(*row[:-1], _verdicts(str(row[-1]))) for row in rows],
        "marks": [
            (path.name, str(json.loads(path.read_text())["final"])) for path in sorted(out.glob("*.json"))
        ],
    }


def _results(out: Path) -> list[tuple[object, ...]]:
    """Return the results, with seeds and figures, without times and names of machines."""
    query = "SELECT notebook, rubric, grader, settings, grade, figures FROM result ORDER BY notebook"
    return [(*row[:4], _verdicts(str(row[4])), row[5]) for row in gradebook_rows(out, query)]


def _verdicts(grade: str) -> str:
    data = json.loads(grade)
    environment = {k: v for k, v in data["environment"].items() if k not in ("node", "instructions")}
    criteria = [{**each, "seconds": 0} for each in data["criteria"]]
    kept = {"rubric": data["rubric"], "notes": data["notes"], "extraction": data["extraction"]}
    return json.dumps({**kept, "environment": environment, "criteria": criteria}, sort_keys=True)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(gzip.decompress(path.read_bytes()))
    change(data)
    path.write_bytes(gzip.compress(json.dumps(data).encode()))

"""The real command on the sample notebooks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import SUBMISSIONS, Command

TIMES = {"seconds", "run"}
GRADE = str(Path(sys.executable).with_name("grade"))


def test_alice_earns_everything(grade: Command) -> None:
    """A correct solution that follows the paper gets every point, exit code 0 and both files."""
    ran = grade(SUBMISSIONS / "alice.ipynb", "--quick")
    result = ran.grade("alice")
    assert ran.code == 0, ran.err
    assert (result["earned"], result["possible"]) == (96, 96)
    assert {criterion["verdict"] for criterion in result["criteria"]} == {"pass"}
    for heading in ("Forward diffusion", "Network and training", "Sampling", "96 / 96"):
        assert heading in ran.out
    assert "<!doctype html>" in ran.page("alice").lower()


def test_bob_loses_points_for_his_three_mistakes(grade: Command) -> None:
    """Three typical mistakes cost three criteria, and the summary says why."""
    ran = grade(SUBMISSIONS / "bob.ipynb", "--quick")
    lost = {c["id"]: c["earned"] for c in ran.grade("bob")["criteria"] if c["earned"] < c["possible"]}
    assert lost == {"forward.noise_coefficient": 2.5, "unet.skip_level1": 0, "train.zero_grad": 0}
    assert "Is a square root missing?" in " ".join(ran.out.split())
    assert "no skip connection at 28 x 28" in " ".join(ran.out.split())
    assert ran.code == 0  # the exit code says that he was graded, whatever his marks


def test_carol_is_graded_by_the_handouts_formulation(grade: Command) -> None:
    """The conventions of the handout's code earn full points, and the report names the formulation."""
    ran = grade(SUBMISSIONS / "carol.ipynb", "--quick")
    result = ran.grade("carol")
    readings = {c["id"]: c["reading"] for c in result["criteria"]}
    assert result["earned"] == result["possible"] == 96
    assert readings["forward.image_coefficient"] == "handout-code"
    assert "takes the square root of ᾱ twice" in ran.page("carol")


def test_the_blank_handout_earns_nothing(grade: Command) -> None:
    """Every criterion has a message, and nothing is an error of the grader."""
    ran = grade(SUBMISSIONS / "handout.ipynb", "--quick")
    result = ran.grade("handout")
    assert ran.code == 0
    assert not result["provisional"]
    assert result["earned"] == 0
    assert {c["verdict"] for c in result["criteria"] if c["exercise"] == 1} <= {"fail", "blocked"}
    assert all(criterion["message"] for criterion in result["criteria"])


@pytest.mark.slow
def test_two_runs_give_the_same_result(grade: Command) -> None:
    """Apart from times, the JSON result of a notebook is always the same."""
    first = grade(SUBMISSIONS / "carol.ipynb", "--quick").grade("carol")
    second = grade(SUBMISSIONS / "carol.ipynb", "--quick").grade("carol")
    assert _without_times(first) == _without_times(second)


def test_json_goes_to_standard_output(grade: Command) -> None:
    """``--json`` prints the result and nothing else."""
    ran = grade(SUBMISSIONS / "alice.ipynb", "--quick", "--json", "-q", "--only", "schedule")
    assert json.loads(ran.out) == ran.grade("alice")
    assert [criterion["id"] for criterion in json.loads(ran.out)["criteria"]] == [
        "schedule.betas",
        "schedule.alphas",
        "schedule.alpha_bar",
    ]
    assert ran.err == ""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "points"), [("alice", 100), ("carol", 100), ("bob", 88.5)])
def test_a_full_grade_trains_and_samples(grade: Command, name: str, points: float) -> None:
    """With the short training all hundred points count; carol's takes two calls of ``train``."""
    ran = grade(SUBMISSIONS / f"{name}.ipynb", "--seed", "5:9")
    result = ran.grade(name)
    assert (result["earned"], result["possible"]) == (points, 100), ran.out
    assert result["seconds"]["training"] > 0
    assert "Losses of the short training" in ran.page(name)
    learnt = next(one["actual"] for one in result["criteria"] if one["id"] == "train.learns")
    steps = int(learnt.removesuffix(" steps").rpartition(" ")[2])
    own_train = name != "bob"
    assert ("After 100 steps train was called again" in ran.page(name)) is (own_train and steps > 100)


def _without_times(result: dict[str, object]) -> dict[str, object]:
    criteria = [{k: v for k, v in c.items() if k not in TIMES} for c in result["criteria"]]  # type: ignore[attr-defined]
    return {key: value for key, value in result.items() if key not in TIMES} | {"criteria": criteria}


@pytest.mark.parametrize("after", [None, "sampling"], ids=["while Python imports", "while it samples"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere judges are not forked")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, after: str | None) -> None:
    """Every process ends, temporary files are removed, and no half-written result remains."""
    temporary, reports = tmp_path / "temporary", tmp_path / "reports"
    temporary.mkdir()
    options = ["--quick", "--verbose", "--out", str(reports)]
    grading = psutil.Popen(
        [GRADE, str(SUBMISSIONS / "alice.ipynb"), *options],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # CI's shell may ignore it
    )
    while len(grading.children()) < 2:  # both processes that import
        time.sleep(0.01)
    if after:
        next(line for line in grading.stderr if after in line)
    descendants = grading.children(recursive=True)
    grading.send_signal(signal.SIGINT)
    _, errors = grading.communicate(timeout=60)
    assert grading.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("grade: interrupted")
    _, alive = psutil.wait_procs(descendants, timeout=10)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)
    assert list(temporary.iterdir()) == []
    assert not list(reports.glob("*.json"))

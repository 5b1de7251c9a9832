"""On a GPU, verdicts are those of the CPU, and a submission that fills it harms no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SUBMISSIONS, Command, Ran

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]

HOG = """
    global _held
    _held = []
    try:
        while True:
            _held.append(torch.empty(64 << 20, dtype=torch.uint8, device=device))
    except torch.OutOfMemoryError:
        __import__("time").sleep(20)
        _held.append(torch.empty(1 << 30, dtype=torch.uint8, device=device))
"""


def _verdicts(ran: Ran, name: str) -> dict[str, tuple[str, float]]:
    return {one["id"]: (one["verdict"], one["earned"]) for one in ran.grade(name)["criteria"]}


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_the_verdicts_are_those_of_the_cpu(grade: Command, name: str) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        ran = grade(SUBMISSIONS / f"{name}.ipynb", "--device", device, "--seed", "0:0")
        assert ran.grade(name)["environment"]["device"] == device, ran.err
        found[device] = _verdicts(ran, name)
    assert found["cuda"] == found["cpu"]


@pytest.mark.parametrize("options", [["--quick"], ["--part", "1/25"]], ids=["quick", "with training"])
def test_the_audit_passes(grade: Command, options: list[str]) -> None:
    """As on the CPU: every mutant fails its own criterion and no other, and right solutions lose nothing."""
    ran = grade("audit", "--device", "cuda", "--jobs", "8", *options)
    assert ran.code == 0, ran.out + ran.err


def test_a_submission_that_fills_the_gpu_harms_no_other(grade: Command, tmp_path: Path) -> None:
    """It holds all memory that it can get while another submission is graded."""
    folder = tmp_path / "class"
    folder.mkdir()
    shutil.copy(SUBMISSIONS / "alice.ipynb", folder / "alice.ipynb")
    hog = json.loads((SUBMISSIONS / "alice.ipynb").read_text())
    cell = next(cell for cell in hog["cells"] if "def generate_samples" in "".join(cell["source"]))
    before, name, after = "".join(cell["source"]).partition("def generate_samples")
    arguments, end, body = after.partition("):")
    cell["source"] = before + name + arguments + end + HOG + body
    (folder / "hog.ipynb").write_text(json.dumps(hog))
    ran = grade(folder, "--device", "cuda", "--jobs", "2", "--quick")
    assert ran.code == 1, ran.out + ran.err  # the hog is provisional: a TA has to look
    assert {verdict for verdict, _ in _verdicts(ran, "alice").values()} == {"pass"}
    undecided = {id for id, (verdict, _) in _verdicts(ran, "hog").items() if verdict != "pass"}
    assert undecided
    assert all(id.startswith("sample.") for id in undecided)
    assert all(verdict in ("pass", "error") for verdict, _ in _verdicts(ran, "hog").values())

"""Nothing copied from a kit, or loaded from where it is installed, earns a point at hand-in."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.kit.build import build_kit
from grader.options import Options
from grader.rubric import Rubric

ROOT = Path(__file__).parents[2]
COPIED = (
    *("reference/schedule.py", "reference/split.py", "reference/mnist.py", "reference/digits.py"),
    *("reference/diffuser.py", "reference/readings.py", "rubrics/ddpm/closed_form.py"),
)
# The handout's names around what is copied, where the names differ.
ADAPTED = """
import torch

class NoiseDiffuser(ReadingDiffuser):
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        super().__init__(start_beta, end_beta, total_steps, device, reading=PAPER)

class UNet(torch.nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.denoiser = ClosedFormDenoiser()

    def forward(self, x, t):
        return self.denoiser(x, t)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    kit = build_kit(Rubric.load("ddpm"), folder)
    with zipfile.ZipFile(kit.wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def _cells(installed: Path, diffuser: Path) -> list[str]:
    """Return the kit's definitions as cells, which read its data where it is installed."""
    cells = []
    for name in COPIED:
        text = (diffuser if name.endswith("/diffuser.py") else installed / name).read_text()
        lines = [
            line for line in text.splitlines() if not line.startswith(("from reference", "from __future__"))
        ]
        text = "\n".join(lines).replace("Path(__file__)", f"Path({str(installed / name)!r})")
        text = text.replace("class NoiseDiffuser", "class Base").replace("(NoiseDiffuser)", "(Base)")
        cells.append(text.replace("NoiseDiffuser(**", "Base(**"))
    return [*cells, ADAPTED]


def test_what_is_copied_from_a_kit_earns_nothing(installed: Path, warm: WarmGrader) -> None:
    cells = _cells(installed, installed / "reference" / "diffuser.py")
    grade = warm.grade(notebook(cells), Options(quick=True))
    assert {each.id: each.message for each in grade.criteria if each.earned > 0} == {}


def test_the_references_diffuser_copied_in_the_same_way_earns_its_exercise(
    installed: Path, warm: WarmGrader
) -> None:
    """Otherwise the test above could not fail."""
    cells = _cells(installed, ROOT / "reference" / "diffuser.py")
    grade = warm.grade(notebook(cells), Options(quick=True))
    assert sum(each.earned for each in grade.criteria if each.exercise == 1) == 28

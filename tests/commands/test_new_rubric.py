"""``grade new-rubric`` and the author's guide: what they say works, word for word."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from classes import grade_here, run  # noqa: F401  the fixture `grade`
from conftest import Command

from grader import cli

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "rubric-authors.md").read_text(encoding="utf-8")
# A block of the guide, with the file it belongs to where the text before it names one.
_BLOCK = re.compile(r"(?:In\s+`([^`]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_new_rubric_grades_its_example_with_full_points(grade: Command, tmp_path: Path) -> None:
    folder = tmp_path / "hw_2"
    assert cli.main(["new-rubric", str(folder)]) == 0
    ran = grade(folder / "example.ipynb", "--rubric", folder)
    assert ran.code == 0, ran.out + ran.err
    result = ran.grade("example")
    assert (result["earned"], result["possible"], result["rubric"]["id"]) == (10, 10, "hw_2")
    assert [row["verdict"] for row in result["criteria"]] == ["pass"] * 4
    assert len(result["criteria"][1]["measured"]["centre"]) == 3


@pytest.mark.parametrize("name", ["hw-2", "2nd", "class", "a b"])
def test_a_name_that_modules_cannot_have_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["new-rubric", str(tmp_path / name)]) == 2
    assert f"such as homework_2; not '{name}'" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_an_existing_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw_2").mkdir()
    assert cli.main(["new-rubric", str(tmp_path / "hw_2")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert list((tmp_path / "hw_2").iterdir()) == []


def test_every_step_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run, and blocks for a file are added to it, in the order of the text."""
    monkeypatch.chdir(tmp_path)
    steps = GUIDE.partition("## From handout to audited rubric")[2].partition("\n## ")[0]
    audits = []
    for file, language, text in _BLOCK.findall(steps):
        if file:
            with Path(file).open("a") as target:
                target.write("\n" + text)
        elif language == "sh":
            for command in text.splitlines():
                words = shlex.split(command)
                if words[0] != "grade":
                    subprocess.run(words, check=True)
                    continue
                more = [] if words[1] == "new-rubric" else ["--out", "reports"]
                more += ["--jobs", "1"] if words[1] == "audit" else []
                assert cli.main([*words[1:], *more]) == 0, command
                if words[1] == "audit":
                    audits.append(json.loads(Path("reports/audit.json").read_text()))
        elif language == "text":
            said = text
    assert [len(trials) for trials in audits] == [4, 5]
    assert "Mutants caught on the right criterion: 2 of 2" in said
    assert not any(trial["unnamed"] for trial in audits[-1])

"""Standard output that cannot be written: a full disk behind it, or a reader that has left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from classes import command, gradebook, gradebook_rows, tiny_rubric, write_class
from report_samples import grade

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="a device that is always full exists on Linux only")


def run_into(output: Path, *arguments: str | Path) -> tuple[int, str]:
    with output.open("w") as file:
        ran = subprocess.run(
            command(*arguments), stdout=file, stderr=subprocess.PIPE, text=True, timeout=600, check=False
        )
    return ran.returncode, ran.stderr


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gradebook(tmp_path_factory.mktemp("class") / "out", {"ann": grade()})


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "ann"), ("export", "--format", "csv"), ("export", "--format", "json")]
)
def test_a_full_disk_behind_a_command_gets_one_sentence(out: Path, arguments: tuple[str, ...]) -> None:
    code, said = run_into(FULL, *arguments, "--out", out)
    assert code == 2
    assert said == (
        "grade: standard output cannot be written (No space left on device); what was printed is lost, what "
        "was written to files is there\n"
    )


def test_a_full_disk_behind_the_output_stops_no_class(tmp_path: Path) -> None:
    notebooks = write_class(tmp_path / "class", ann=42, ben=41)
    rubric, out = tiny_rubric(tmp_path / "tiny"), tmp_path / "out"
    code, said = run_into(FULL, notebooks, "--rubric", rubric, "--out", out, "--quiet")
    assert code == 1
    assert said.count("standard output could not be written") == 1
    assert len(gradebook_rows(out, "SELECT * FROM result")) == 2
    assert (out / "index.html").exists()


def test_a_target_on_a_full_disk_gets_one_sentence(out: Path) -> None:
    code, said = run_into(Path("/dev/null"), "export", "--format", "csv", "--to", FULL, "--out", out)
    assert (code, said) == (2, "grade: cannot write /dev/full (No space left on device)\n")


def test_a_reader_that_leaves_early_is_no_error(out: Path) -> None:
    ran = subprocess.Popen(
        command("list", "--out", out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert ran.stdout is not None
    assert ran.stderr is not None
    ran.stdout.close()
    assert ran.stderr.read() == ""
    assert ran.wait() == 1

"""Submissions are read as data: no link is followed, no pipe waited for, no file name trusted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from grader.extraction.extract import extract
from grader.files import file_name
from grader.notebook.submission import read_notebook

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
GRADE = str(Path(sys.executable).with_name("grade"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as POSIX has them")


def grade(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [GRADE, *map(str, arguments), "--only", "schedule", "--out", str(folder / "reports")]
    environment = os.environ | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_links_and_pipes_in_a_class_are_refused(tmp_path: Path) -> None:
    """Links are refused, a pipe gets a report that says so, and the honest notebook gets its grade."""
    folder = tmp_path / "class"
    folder.mkdir()
    shutil.copy(SUBMISSIONS / "alice.ipynb", folder / "honest.ipynb")
    (tmp_path / "neighbour.ipynb").write_bytes((SUBMISSIONS / "alice.ipynb").read_bytes())
    (folder / "link.ipynb").symlink_to(tmp_path / "neighbour.ipynb")
    (folder / "passwd.ipynb").symlink_to("/etc/passwd")
    (folder / "dangling.ipynb").symlink_to("/nowhere")
    (folder / "endless.ipynb").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "folder.ipynb").mkdir()
    ran = grade(folder, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    results = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "reports").glob("*.json")}
    assert results.pop("honest")["earned"] == 10
    assert set(results) == {"pipe"}
    assert results["pipe"]["earned"] == 0
    assert "regular file" in results["pipe"]["notes"][0]
    for name in ("link", "passwd", "dangling", "endless"):
        assert f"class/{name}.ipynb was refused: it is a symbolic link, not a file" in ran.stderr
    written = (path for path in (tmp_path / "reports").rglob("*") if path.is_file())
    assert not any(b"root:" in path.read_bytes() for path in written)


def test_a_file_name_neither_colours_the_terminal_nor_leaves_the_folder(tmp_path: Path) -> None:
    """Each notebook gets its page and its result, under a printable name."""
    names = ["\x1b[31mred", "a\nb", "\u202eevil", "caf\udce9", "x" * 240, "-rf", ".hidden", "a\\b:c*?"]
    folder = tmp_path / "class"
    folder.mkdir()
    for name in names:
        (folder / f"{name}.ipynb").write_text("not a notebook")
    ran = grade(folder, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert not {"\x1b", "\u202e"} & set(ran.stdout + ran.stderr)
    written = sorted(path.name for path in (tmp_path / "reports").glob("*.html") if path.name != "index.html")
    written += sorted(path.name for path in (tmp_path / "reports").glob("*.json"))
    assert len(written) == 2 * len(names)
    assert all(file.isprintable() and not file.startswith((".", "-")) for file in written)


def test_invisible_characters_in_file_names_are_shown_nowhere(tmp_path: Path) -> None:
    """A name of nothing else is shown as its code points."""
    invisible = "\u3164\u061c\u200c\u034f\u2800\ufe0f\U000e0041\u00ad\u3000"
    folder = tmp_path / "class"
    folder.mkdir()
    for number, character in enumerate(invisible):
        (folder / f"ada{number}{character}b.ipynb").write_text("not a notebook")
    (folder / "\u3164.ipynb").write_text("not a notebook")
    ran = grade(folder, folder=tmp_path)
    command = [GRADE, "list", "--out", tmp_path / "reports"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pages = [path.name + path.read_text() for path in (tmp_path / "reports").glob("*.html")]
    assert len(pages) == len(invisible) + 2
    assert not set(invisible) & set("".join([ran.stdout, ran.stderr, listed, *pages]))
    assert "U+3164" in listed


@pytest.mark.parametrize("name", ["alice", "Müller, Zoë (2)", "a.b-c_d+e=f", "学生"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", "..", "con\x00", "", "a" * 5000, "\udcff", "é" * 200])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    safe = file_name(name)
    assert "/" not in safe
    assert safe not in ("", ".", "..")
    assert len(safe.encode()) < 220
    assert file_name(name + "x") != safe


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000 + ")" * 5000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "+".join("1" * 50_000),
        "x = " + "a." * 50_000 + "b",
        "x = " + "[" * 200 + "]" * 200,
        "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 120)),
        "lambda: " * 5000 + "0",
        "f(" * 3000 + ")" * 3000,
        "x = '" + "\\N{" * 10_000 + "'",
        "class A:\n" * 90 + " pass",
        "\x00",
        "x = 1\n" * 19_000,
        "@a\n" * 20_000 + "def f(): pass",
    ],
    ids=range(13),
)
def test_code_that_python_cannot_parse_affects_only_its_cell(tmp_path: Path, source: str) -> None:
    """The definitions of all other cells are found."""
    book = nbformat.read(SUBMISSIONS / "alice.ipynb", 4)
    book.cells.append(nbformat.v4.new_code_cell(source))
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(book))
    wanted = ("NoiseDiffuser", "UNet", "train", "generate_samples")
    assert extract(read_notebook(path, "student"), wanted).missing == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metadata": {"deep": _nested(800)}}, "no code cells"),
        ({"cells": [{"cell_type": "code", "source": "x = 1\n" * 500_000}]}, "at most 2 MB of code"),
        ({"cells": [{"cell_type": "code", "source": "x = 1;" * 30_000}]}, "defines no NoiseDiffuser"),
        ({"cells": [{"cell_type": "code", "source": "!ls\n" * 600}]}, "defines no NoiseDiffuser"),
        (
            {"cells": [{"cell_type": "code", "source": "x", "metadata": {"deep": _nested(800)}}]},
            "defines no NoiseDiffuser",
        ),
    ],
)
def test_a_notebook_that_strains_its_parser_is_provisional(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    """It has no work beyond the handout's, so a person must look (exit code 1); the grader does not fail."""
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], **change}))
    ran = grade(path, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    result = json.loads((tmp_path / "reports" / "student.json").read_text())
    assert result["earned"] == 0
    assert result["provisional"]
    assert sentence in " ".join(ran.stdout.split())


BROKEN = "        raise ValueError('a\\ud800\\x1b[31m')"


def test_a_lone_surrogate_in_an_error_is_replaced(tmp_path: Path) -> None:
    """JSON and Python can hold lone surrogates, which UTF-8 cannot encode."""
    book = nbformat.read(SUBMISSIONS / "alice.ipynb", 4)
    for cell in book.cells:
        if "class NoiseDiffuser" in cell.source:
            cell.source = "class NoiseDiffuser:\n    def __init__(self, *_, **__):\n" + BROKEN
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(book))
    ran = grade(path, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "ValueError: a?" in ran.stdout
    assert "\x1b" not in ran.stdout

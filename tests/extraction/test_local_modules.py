"""Local modules: files beside the notebook, %%writefile cells and %run scripts."""

from __future__ import annotations

import ast
from collections import Counter
from functools import partial
from pathlib import Path

import nbformat
import pytest
from ddpm_cells import DIFFUSER, IMPORTS, SAMPLE, TRAIN, UNET, extract_cells

from grader.audit.corpus import notebook
from grader.extraction.local_modules import content_digest
from grader.extraction.student_source import StudentSource


@pytest.fixture
def extract(tmp_path: Path) -> partial[StudentSource]:
    return partial(extract_cells, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "from parts import UNet",
        "from parts import *",
        "from .parts import UNet",
        "import parts\nUNet = parts.UNet",
    ],
)
def test_a_module_beside_the_notebook_is_found_without_its_top_level_loops(extract, line):
    files = {
        "parts.py": f"{IMPORTS}\nfrom .deeper import *\n{UNET}\nfor i in range(9**9):\n    pass",
        "deeper.py": "A = 1",
    }
    source = extract(IMPORTS, line, DIFFUSER, TRAIN, SAMPLE, files=files)
    assert source.missing == ()
    assert set(source.modules) == {"parts", "deeper"}
    assert not any("range(9**9)" in statement.source for statement in source.modules["parts"].statements)
    assert "from deeper import *" in [statement.source for statement in source.modules["parts"].statements]


def test_a_definition_is_called_by_the_name_it_is_imported_under(extract):
    files = {"parts.py": f"{IMPORTS}\n{UNET.replace('UNet', 'Network')}"}
    source = extract(IMPORTS, "from parts import Network as Model", DIFFUSER, TRAIN, SAMPLE, files=files)
    assert source.names["UNet"] == "Model"


def test_a_definition_in_a_module_has_its_file_and_line(extract):
    source = extract("from parts import UNet", files={"parts.py": f"{IMPORTS}\n{UNET}"})
    assert [(each.cell, each.line) for each in source.definitions] == [("parts.py", 3)]


def test_a_module_in_a_package_is_reached_by_its_dotted_name(extract):
    source = extract("import pkg.net", files={"pkg/__init__.py": "", "pkg/net.py": f"{IMPORTS}\n{UNET}"})
    assert source.names["UNet"] == "pkg.net.UNet"
    assert set(source.modules) == {"pkg", "pkg.net"}


def test_a_relative_import_inside_a_package_stays_relative(extract):
    files = {"pkg/__init__.py": "from .net import *", "pkg/net.py": f"{IMPORTS}\n{UNET}"}
    source = extract("from pkg import UNet", files=files)
    assert [statement.source for statement in source.modules["pkg"].statements] == ["from .net import *"]


def test_the_digest_of_a_notebook_covers_the_modules_beside_it(tmp_path):
    path = tmp_path / "student.ipynb"
    nbformat.write(notebook(["from parts import UNet"]), path)
    (tmp_path / "parts.py").write_text(UNET)
    first = content_digest(path)
    (tmp_path / "unused.py").write_text("x = 1")
    assert content_digest(path) == first
    (tmp_path / "parts.py").write_text(f"{UNET}\n")
    assert content_digest(path) != first


def test_writefile_makes_a_module_and_run_is_a_star_import(extract):
    source = extract(f"%%writefile net.py\n{IMPORTS}\n{UNET}", "%run net.py", DIFFUSER, TRAIN, SAMPLE)
    assert source.missing == ()
    assert [(each.cell, each.line) for each in source.definitions if each.name == "UNet"] == [(1, 4)]


def test_a_package_is_written_in_cells_and_a_file_may_be_continued(extract):
    cells = [
        f"%%writefile pkg/net.py\n{IMPORTS}\nfrom .parts import WIDTH",
        f"%%writefile -a pkg/net.py\n\n{UNET}",
        "%%writefile pkg/parts.py\nWIDTH = 1",
        "%%writefile pkg/__init__.py\nfrom .net import UNet",
        "from pkg import UNet",
    ]
    source = extract(*cells, DIFFUSER, TRAIN, SAMPLE)
    assert set(source.modules) == {"pkg", "pkg.net", "pkg.parts"}
    assert [(each.cell, each.line) for each in source.definitions if each.name == "UNet"] == [(2, 3)]
    assert source.files["pkg/net.py"].startswith(IMPORTS)
    assert source.files["pkg/net.py"].endswith(f"{UNET}\n")


def test_a_written_folder_without_init_is_a_package(extract):
    source = extract(f"%%writefile lib/net.py\n{IMPORTS}\n{UNET}", "from lib.net import UNet")
    assert set(source.modules) == {"lib", "lib.net"}


@pytest.mark.parametrize(
    "enter",
    [
        "import sys\nsys.path.append('src')",
        "import sys\nsys.path.insert(0, './src')",
        "import sys\nsys.path += ['src']",
        "import os\nos.chdir('src')",
        "%cd src",
    ],
)
def test_modules_are_found_where_the_notebook_looks_for_them(extract, enter):
    source = extract(enter, "from net import UNet", files={"src/net.py": f"{IMPORTS}\n{UNET}"})
    assert set(source.modules) == {"net"}


def test_a_written_module_is_found_in_a_folder_that_nobody_names(extract):
    source = extract(f"%%writefile src/net.py\n{IMPORTS}\n{UNET}", "from net import UNet")
    assert set(source.modules) == {"net"}
    two = [f"%%writefile {folder}/net.py\n{UNET}" for folder in ("a", "b")]
    assert not extract(*two, "from net import UNet").modules


def test_helpers_beside_train_in_a_module_are_not_its_free_variables(extract):
    module = "%%writefile engine.py\ndef helper(): pass\ndef train(model): return helper(), T"
    source = extract(module, "from engine import train")
    assert [(each.name, each.set_at) for each in source.free_variables] == [("T", None)]


def test_a_hint_asks_for_a_missing_file(extract):
    source = extract("from my_net import UNet", DIFFUSER, TRAIN, SAMPLE)
    assert source.hints["UNet"] == "It is imported from my_net in cell 1, line 1: hand in that file as well."


def test_files_named_like_installed_packages_and_links_are_ignored(extract, tmp_path):
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    source = extract("import json, link, numpy\nfrom ..up import x", files={"json.py": "1", "numpy.py": "1"})
    assert source.modules == {}


@pytest.mark.parametrize("line", ["%run ../..", "%run /", "%run ../../parts.py", "%run ..\nx = ("])
def test_a_script_outside_the_folder_is_no_module(extract, line):
    source = extract(IMPORTS, line, DIFFUSER, UNET, TRAIN, SAMPLE)
    assert source.missing == ()
    assert not source.modules


def test_every_cell_and_module_is_parsed_once(extract, monkeypatch):
    """Statements, imports and local modules share one syntax tree for each source."""
    parsed: Counter[str] = Counter()
    original = ast.parse

    def count(source: str) -> ast.Module:
        parsed[source] += 1
        return original(source)

    module = f"{IMPORTS}\n{UNET}"
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", count)
        extract("from parts import UNet", DIFFUSER, TRAIN, SAMPLE, files={"parts.py": module})
    assert {parsed[source] for source in (DIFFUSER, TRAIN, SAMPLE, module, "from parts import UNet")} == {1}

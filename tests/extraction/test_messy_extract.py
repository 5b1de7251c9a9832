"""Notebooks as they are really handed in: parts under other names, in classes, in files, behind guards."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from grader.audit.corpus import notebook as make
from grader.extraction.extract import StudentSource, extract
from grader.notebook.submission import read_notebook
from grader.notebook.syntax import newer_python
from grader.rubric import Rubric

_HERE = ".".join(map(str, sys.version_info[:2]))
before_3_12 = pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python can read it")
RUBRIC = Rubric.load("ddpm")
DIFFUSER = """\
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device='cpu'):
        self.betas = torch.linspace(start_beta, end_beta, total_steps)
    def noise_diffusion(self, image, t):
        noise = torch.randn_like(image)
        return image, noise"""
UNET = """\
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    def forward(self, x, t):
        return self.conv(x)"""
TRAIN = """\
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, T):
    for image, _ in train_loader:
        noisy, noise = diffuser.noise_diffusion(image, [0])
        criterion(model(noisy, 0), noise).backward()"""
SAMPLE = """\
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    for t in reversed(range(total_timesteps)):
        x_t = x_t - diffuser.betas[t] * model(x_t, t) + torch.randn_like(x_t)
    return x_t"""
IMPORTS = "import torch\nfrom torch import nn"


@pytest.fixture
def lift(tmp_path: Path):
    """Saves a notebook of these cells, and files beside it, and lifts the rubric's parts out of it."""

    def lift(*cells: str, files: dict[str, str] | None = None, **mapped: str) -> StudentSource:
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        nbformat.write(make(list(cells)), tmp_path / "student.ipynb")
        submission = read_notebook(tmp_path / "student.ipynb", "student")
        return extract(submission, RUBRIC.wanted, RUBRIC.shapes, mapped)

    return lift


def _found(source: StudentSource) -> dict[str, str]:
    return {part.name: part.found for part in source.parts}


PLAIN = {name: name for name in RUBRIC.wanted}


def test_parts_under_other_names(lift):
    """Aliases and near misses are taken, and said to be."""
    source = lift(
        IMPORTS,
        DIFFUSER.replace("NoiseDiffuser", "GaussianDiffusion").replace("noise_diffusion", "q_sample"),
        UNET.replace("UNet", "Unet"),
        TRAIN.replace("train(", "train_model(", 1),
        SAMPLE.replace("generate_samples", "sample"),
    )
    assert _found(source) == {
        "NoiseDiffuser": "GaussianDiffusion",
        "UNet": "Unet",
        "train": "train_model",
        "generate_samples": "sample",
    }
    assert source.names["NoiseDiffuser.noise_diffusion"] == "q_sample"
    assert "Your Unet was judged as UNet: the nearest to that name, cell 3, line 1." in source.notes()


def test_a_network_is_found_by_its_shape(lift):
    """Of several modules the one that takes an image and t, and is no block of another."""
    source = lift(
        IMPORTS,
        "class Block(nn.Module):\n    def forward(self, x, t_emb):\n        return x",
        "class Denoise(nn.Module):\n    def __init__(self, a, b):\n        super().__init__()\n"
        "        self.b = Block()\n    def forward(self, x, t):\n        return self.b(x, t)",
        "class CNN(nn.Module):\n    def forward(self, x):\n        return x",
        DIFFUSER,
        TRAIN,
        SAMPLE,
    )
    assert _found(source) == {**PLAIN, "UNet": "Denoise"}


def test_two_that_could_be_meant_are_named_and_can_be_mapped(lift):
    two = [UNET.replace("UNet", "Alpha"), UNET.replace("UNet", "Beta")]
    cells = [IMPORTS, *two, DIFFUSER, TRAIN, SAMPLE]
    assert lift(*cells).hints["UNet"] == "It could be Alpha or Beta: say which with --map UNet=Beta."
    assert _found(lift(*cells, UNet="Alpha"))["UNet"] == "Alpha"
    assert "no Gamma either" in lift(*cells, UNet="Gamma").hints["UNet"]


def test_the_last_definition_of_the_right_shape_counts(lift):
    """A classifier of the same name, and a train for it, come later and stay behind."""
    source = lift(
        IMPORTS,
        DIFFUSER,
        UNET,
        TRAIN,
        SAMPLE,
        "class UNet(nn.Module):\n    def forward(self, x):\n        return x",
        "def train(model, loader, optimizer):\n    for x, y in loader:\n        model(x)",
    )
    assert _found(source) == PLAIN
    assert {(drop.name, drop.cell) for drop in source.dropped} == {("UNet", 6), ("train", 7)}


def test_a_train_that_leaves_the_work_to_a_helper_is_still_train(lift):
    helper = TRAIN.replace("train(", "train_loop(", 1)
    source = lift(IMPORTS, DIFFUSER, UNET, helper, "def train(*args):\n    return train_loop(*args)", SAMPLE)
    assert _found(source) == PLAIN


def test_methods_of_a_trainer(lift):
    """A class whose object trains, and one whose object samples."""
    source = lift(
        IMPORTS,
        DIFFUSER
        + "\n    def sample(self, model, n):\n        return torch.randn(n, 1, 28, 28) - self.betas[0]",
        UNET,
        "class Trainer:\n    def __init__(self, model, diffuser):\n        self.diffuser = diffuser\n"
        "    def fit(self, train_loader, epochs):\n        self.diffuser.noise_diffusion(1, 2)",
    )
    assert source.names["train"] == "Trainer().fit"
    assert source.names["generate_samples"] == "NoiseDiffuser().sample"
    assert source.missing == ()


def test_work_at_top_level_is_pointed_out(lift):
    source = lift(
        IMPORTS, DIFFUSER, UNET, "x = 1\nfor epoch in range(3):\n    loss.backward()\n    optimizer.step()"
    )
    assert source.missing == ("train", "generate_samples")
    assert "at top level in cell 4, line 2" in source.hints["train"]


def test_a_function_where_a_class_is_asked_for_is_pointed_out(lift):
    function = "def forward_diffusion(x, t):\n    return x, torch.randn_like(x)"
    source = lift(IMPORTS, function, UNET, TRAIN, SAMPLE)
    assert source.hints["NoiseDiffuser"].startswith("There is a function forward_diffusion in cell 2, line 1")


def test_what_stands_behind_a_main_guard_counts(lift):
    """Definitions there are as good as any, with their own lines; the experiment stays behind."""
    guarded = "if __name__ == '__main__':\n" + "\n".join("    " + row for row in TRAIN.splitlines())
    source = lift(IMPORTS, DIFFUSER, UNET, guarded + "\n    train(1, 2)", SAMPLE)
    assert _found(source) == PLAIN
    assert next(part.line for part in source.parts if part.name == "train") == 2


@pytest.mark.parametrize(
    "line",
    [
        "from parts import UNet",
        "from parts import *",
        "from .parts import UNet",
        "import parts\nUNet = parts.UNet",
    ],
)
def test_a_module_beside_the_notebook_is_taken_along(lift, line):
    files = {
        "parts.py": f"{IMPORTS}\nfrom .deeper import *\n{UNET}\nfor i in range(9**9):\n    pass",
        "deeper.py": "A = 1",
    }
    source = lift(IMPORTS, line, DIFFUSER, TRAIN, SAMPLE, files=files)
    assert source.missing == ()
    assert set(source.modules) == {"parts", "deeper"}
    assert not any("range(9**9)" in statement.source for statement in source.modules["parts"].statements)
    assert "from deeper import *" in [statement.source for statement in source.modules["parts"].statements]


def test_the_part_of_a_module_knows_its_file_and_line(lift):
    source = lift("from parts import UNet", files={"parts.py": f"{IMPORTS}\n{UNET}"})
    assert [(part.cell, part.line) for part in source.parts] == [("parts.py", 3)]


def test_a_package_and_a_module_that_is_only_named(lift):
    """``import pkg.net`` gives ``pkg.net.UNet``."""
    source = lift("import pkg.net", files={"pkg/__init__.py": "", "pkg/net.py": f"{IMPORTS}\n{UNET}"})
    assert source.names["UNet"] == "pkg.net.UNet"
    assert set(source.modules) == {"pkg", "pkg.net"}


def test_files_that_the_notebook_writes_or_runs(lift):
    """``%%writefile`` makes a module, and ``%run`` is a star import."""
    source = lift(f"%%writefile net.py\n{IMPORTS}\n{UNET}", "%run net.py", DIFFUSER, TRAIN, SAMPLE)
    assert source.missing == ()
    assert [(part.cell, part.line) for part in source.parts if part.name == "UNet"] == [(1, 4)]


def test_a_file_that_was_not_handed_in_is_asked_for(lift):
    source = lift("from my_net import UNet", DIFFUSER, TRAIN, SAMPLE)
    assert source.hints["UNet"] == "It is imported from my_net in cell 1, line 1: hand that file in as well."


def test_no_file_of_pythons_own_name_or_from_elsewhere_is_taken(lift, tmp_path):
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    source = lift("import json, link, numpy\nfrom ..up import x", files={"json.py": "1", "numpy.py": "1"})
    assert source.modules == {}


def test_variables_of_the_notebook_are_named_with_their_lines(lift):
    source = lift(
        IMPORTS,
        "T = 1000\nsteps = torch.randint(0, T, (32,)).tolist()",
        TRAIN.replace("[0]", "steps"),
        "trainloader = torch.load('data.pt')",
        SAMPLE.replace("range(total_timesteps)", "range(len(trainloader))"),
        UNET,
        DIFFUSER,
    )
    assert [str(one) for one in source.outside] == [
        "steps (cell 3, line 3; set in cell 2, line 2)",
        "trainloader (cell 5, line 2; set in cell 4, line 1)",
    ]
    assert "trainloader is set in cell 4, line 1, but that was not run" in source.unset["trainloader"]


def test_the_device_is_given_where_nothing_sets_it(lift):
    source = lift(IMPORTS, UNET, TRAIN.replace("[0]", "[0].to(device)").replace("device, num", "num"))
    assert source.given == ("device",)
    assert "torch.device" in source.statements[0].source


def test_an_argument_parser_is_set_up_whole(lift):
    source = lift(
        IMPORTS + "\nimport argparse",
        "p = argparse.ArgumentParser()\np.add_argument('--T', default=50)\nargs = p.parse_args()",
        UNET.replace("return", "args.T\n        return"),
    )
    assert "p.add_argument('--T', default=50)" in [statement.source for statement in source.statements]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        pytest.param("type Image = int", "needs Python 3.12", marks=before_3_12),
        pytest.param("def f[T](x: T): pass", "needs Python 3.12", marks=before_3_12),
        ("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b", "merge conflict"),
        ("print 'hello'", "Missing parentheses"),
        ("x = 1 +", "SyntaxError"),
    ],
)
def test_code_that_cannot_be_parsed_is_explained(lift, code, sentence):
    """Its neighbours in the cell are read all the same."""
    source = lift(f"{code}\n{UNET}")
    assert sentence in str(source.problems[0])
    assert _found(source)["UNet"] == "UNet"


def test_a_newer_python_is_said_to_be_newer():
    assert (
        newer_python("9.1.2") == f"The notebook was last run with Python 9.1.2, and the grader runs {_HERE}."
    )
    assert [newer_python(version) for version in ("3.9.7", "2.7", "", None, "nonsense")] == [None] * 5


def test_every_cell_and_module_is_parsed_once(lift, monkeypatch):
    """Statements, imports and local modules share one syntax tree for each source."""
    parsed: Counter[str] = Counter()
    original = ast.parse

    def count(source: str) -> ast.Module:
        parsed[source] += 1
        return original(source)

    monkeypatch.setattr(ast, "parse", count)
    module = f"{IMPORTS}\n{UNET}"
    lift("from parts import UNet", DIFFUSER, TRAIN, SAMPLE, files={"parts.py": module})
    assert {parsed[source] for source in (DIFFUSER, TRAIN, SAMPLE, module, "from parts import UNet")} == {1}


@pytest.mark.parametrize(
    "bomb",
    [
        "-" * 50_000 + "1",
        "(" * 5000 + ")" * 5000,
        "x" + ".y" * 20_000,
        "x = " + "+".join("1" * 1500),
        "\n".join("    " * depth + "if x:" for depth in range(150)),
        "x = 1; y = " + "+".join("1" * 900) + "; z = 2",
        "\n".join(f"!ls {number}" for number in range(700)),
        "x = '" + "\\ud800" + "'",
        "\x00",
        "".join(f"x{number} = {number}\n" for number in range(20_000)),
    ],
)
def test_no_cell_brings_the_reader_down(lift, bomb):
    assert _found(lift(bomb, IMPORTS, UNET))["UNet"] == "UNet"


def test_more_statements_than_anybody_writes_are_left_out(lift):
    source = lift(UNET, "\n".join("x = 1" for _ in range(60_000)))
    assert _found(source) == {"UNet": "UNet"}
    assert "more than 50,000 statements" in str(source.problems[0])


def test_thousands_of_cells(lift):
    source = lift(*(f"v{number} = {number}" for number in range(4000)), IMPORTS, UNET)
    assert [part.cell for part in source.parts] == [4002]


def test_no_definition_plays_two_parts(lift):
    """Neither ``train`` nor a function that draws pictures is taken for a sampler that is not there."""
    show = "def show(diffuser, image):\n    print(torch.randn_like(image), diffuser.betas)"
    source = lift(IMPORTS, DIFFUSER, UNET, TRAIN, show)
    assert source.missing == ("generate_samples",)

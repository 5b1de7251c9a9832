"""Definitions under other names, in classes and behind guards are recognised, and doubtful ones are not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from textwrap import indent

import nbformat
import pytest
from ddpm_cells import DIFFUSER, IMPORTS, OWN_NAMES, RUBRIC, SAMPLE, TRAIN, UNET, extract_cells, names_found
from nbformat import v4

from grader.extraction.extract import extract as extract_definitions
from grader.extraction.student_source import StudentSource
from grader.notebook.submission import read_notebook


@pytest.fixture
def extract(tmp_path: Path) -> partial[StudentSource]:
    return partial(extract_cells, tmp_path)


def test_definitions_under_other_names_are_found_and_noted(extract):
    """Aliases and similar names count."""
    source = extract(
        IMPORTS,
        DIFFUSER.replace("NoiseDiffuser", "GaussianDiffusion").replace("noise_diffusion", "q_sample"),
        UNET.replace("UNet", "Unet"),
        TRAIN.replace("train(", "train_model(", 1),
        SAMPLE.replace("generate_samples", "sample"),
    )
    assert names_found(source) == {
        "NoiseDiffuser": "GaussianDiffusion",
        "UNet": "Unet",
        "train": "train_model",
        "generate_samples": "sample",
    }
    assert source.names["NoiseDiffuser.noise_diffusion"] == "q_sample"
    assert "Your Unet was graded as UNet: the most similar name, cell 3, line 1." in source.notes()


def test_a_definition_in_one_branch_is_found(extract):
    guarded = "if torch.cuda.is_available():\n    print(1)\nelse:\n" + indent(UNET, "    ")
    source = extract(IMPORTS, guarded, DIFFUSER, TRAIN, SAMPLE)
    assert source.missing == ()
    assert [each.line for each in source.definitions if each.name == "UNet"] == [4]


def test_a_network_is_recognised_by_its_structure(extract):
    """Of several modules, it is the one that takes an image and t, and is not a block of another."""
    source = extract(
        IMPORTS,
        "class Block(nn.Module):\n    def forward(self, x, t_emb):\n        return x",
        "class Denoise(nn.Module):\n    def __init__(self, a, b):\n        super().__init__()\n"
        "        self.b = Block()\n    def forward(self, x, t):\n        return self.b(x, t)",
        "class CNN(nn.Module):\n    def forward(self, x):\n        return x",
        DIFFUSER,
        TRAIN,
        SAMPLE,
    )
    assert names_found(source) == {**OWN_NAMES, "UNet": "Denoise"}
    assert "Your Denoise was graded as UNet: recognised by its structure, cell 3, line 1." in source.notes()


PLAIN_DIFFUSER = """\
class Fader:
    def __init__(self, low, high, steps):
        self.kept = torch.cumprod(1 - torch.linspace(low, high, steps), 0)
    def spoil(self, picture, t):
        return picture * self.kept[t], torch.randn_like(picture)"""
NETWORK_WITH_BLOCK = """\
class Guesser(nn.Module):
    def __init__(self, wide, deep):
        super().__init__()
        self.body = UnetUp(wide, deep)
    def forward(self, picture, t):
        return self.body(picture + torch.randn_like(picture), t)"""
BLOCK = """\
class UnetUp(nn.Module):
    def __init__(self, a, b):
        super().__init__()
    def forward(self, x, skip):
        return x"""


def test_a_plain_class_is_recognised_by_its_structure(extract):
    """The network beside it has a method of one of the usual names, and draws noise; it is no diffuser."""
    source = extract(IMPORTS, PLAIN_DIFFUSER.replace("spoil", "add_noise"), UNET, TRAIN, SAMPLE)
    assert names_found(source) == {**OWN_NAMES, "NoiseDiffuser": "Fader"}
    source = extract(IMPORTS, PLAIN_DIFFUSER, BLOCK, NETWORK_WITH_BLOCK, TRAIN, SAMPLE)
    assert names_found(source) == {**OWN_NAMES, "NoiseDiffuser": "Fader", "UNet": "Guesser"}


def test_the_only_method_of_a_diffuser_counts_under_any_name(extract):
    """What it calls itself is a helper."""
    helper = "\n    def look_up(self, values, t, shape):\n        return values[t]"
    uses_it = PLAIN_DIFFUSER.replace("self.kept[t]", "self.look_up(self.kept, t, 4)") + helper
    source = extract(IMPORTS, uses_it.replace("Fader", "NoiseDiffuser"), UNET, TRAIN, SAMPLE)
    assert source.names["NoiseDiffuser.noise_diffusion"] == "spoil"


def test_a_block_with_a_similar_name_is_not_the_network(extract):
    source = extract(IMPORTS, DIFFUSER, BLOCK, NETWORK_WITH_BLOCK, TRAIN, SAMPLE)
    assert names_found(source)["UNet"] == "Guesser"


def test_of_two_networks_the_one_that_train_gets_counts(extract):
    two = [UNET.replace("UNet", "Alpha"), UNET.replace("UNet", "Beta")]
    for mine in ("Alpha", "Beta"):
        used = f"for seed in range(2):\n    net = {mine}(1, 1).to('cpu')\n    train(net, [], [])"
        source = extract(
            IMPORTS, *two, DIFFUSER, TRAIN, SAMPLE, "first, second = Beta(3, 1), Alpha(3, 1)", used
        )
        assert names_found(source)["UNet"] == mine


def test_only_a_function_that_learns_is_train(extract):
    peek = (
        "def peek(net, count):\n    x = torch.randn(count, 1, 28, 28)\n"
        "    for t in reversed(range(50)):\n        x = x - net(x, t)\n    return x"
    )
    source = extract(IMPORTS, DIFFUSER, UNET, peek)
    assert names_found(source) == {
        "NoiseDiffuser": "NoiseDiffuser",
        "UNet": "UNet",
        "generate_samples": "peek",
    }
    learns = (
        "def learn(net, data):\n    for x in data:\n        net(x + torch.randn_like(x)).mean().backward()"
    )
    assert names_found(extract(IMPORTS, DIFFUSER, UNET, learns, SAMPLE))["train"] == "learn"


def test_two_equally_likely_networks_are_named_in_the_hint_and_can_be_mapped(extract):
    two = [UNET.replace("UNet", "Alpha"), UNET.replace("UNet", "Beta")]
    cells = [IMPORTS, *two, DIFFUSER, TRAIN, SAMPLE]
    assert extract(*cells).hints["UNet"] == "It could be Alpha or Beta: choose one with --map UNet=Beta."
    assert names_found(extract(*cells, UNet="Alpha"))["UNet"] == "Alpha"
    assert "no Gamma either" in extract(*cells, UNet="Gamma").hints["UNet"]


def test_the_last_definition_that_fits_the_pattern_counts(extract):
    """A later classifier of the same name, and its own train function, are dropped."""
    source = extract(
        IMPORTS,
        DIFFUSER,
        UNET,
        TRAIN,
        SAMPLE,
        "class UNet(nn.Module):\n    def forward(self, x):\n        return x",
        "def train(model, loader, optimizer):\n    for x, y in loader:\n        model(x)",
    )
    assert names_found(source) == OWN_NAMES
    assert {(drop.name, drop.cell) for drop in source.dropped} == {("UNet", 6), ("train", 7)}


def test_a_train_that_calls_a_helper_is_still_train(extract):
    helper = TRAIN.replace("train(", "train_loop(", 1)
    source = extract(
        IMPORTS, DIFFUSER, UNET, helper, "def train(*args):\n    return train_loop(*args)", SAMPLE
    )
    assert names_found(source) == OWN_NAMES


def test_methods_count_as_functions(extract):
    """A Trainer class trains, and the diffuser samples."""
    source = extract(
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


def test_a_hint_points_at_a_training_loop_at_top_level(extract):
    source = extract(
        IMPORTS, DIFFUSER, UNET, "x = 1\nfor epoch in range(3):\n    loss.backward()\n    optimizer.step()"
    )
    assert source.missing == ("train", "generate_samples")
    assert "at top level in cell 4, line 2" in source.hints["train"]


def test_a_training_loop_is_no_hint_for_the_sampler(extract):
    loop = "for epoch in range(3):\n    net(x + torch.randn_like(x)).mean().backward()"
    hints = extract(IMPORTS, DIFFUSER, UNET, loop).hints
    assert "at top level in cell 4, line 1" in hints["train"]
    assert hints["generate_samples"] == ""


def test_a_hint_says_why_the_nearest_function_does_not_count(extract):
    sampler = "def generate_images():\n    x = torch.randn(10)\n    for t in range(5):\n        x = net(x)"
    hint = extract(IMPORTS, DIFFUSER, UNET, TRAIN, sampler).hints["generate_samples"]
    assert hint.startswith("generate_images in cell 5, line 1 comes nearest, but it takes no arguments")


def test_a_hint_points_at_a_function_that_should_be_a_method(extract):
    function = "def forward_diffusion(x, t):\n    return x, torch.randn_like(x)"
    source = extract(IMPORTS, function, UNET, TRAIN, SAMPLE)
    assert source.hints["NoiseDiffuser"].startswith("There is a function forward_diffusion in cell 2, line 1")


def test_definitions_in_a_main_guard_count(extract):
    """They keep their line numbers; the experiment below them is dropped."""
    guarded = "if __name__ == '__main__':\n" + "\n".join("    " + row for row in TRAIN.splitlines())
    source = extract(IMPORTS, DIFFUSER, UNET, guarded + "\n    train(1, 2)", SAMPLE)
    assert names_found(source) == OWN_NAMES
    assert next(each.line for each in source.definitions if each.name == "train") == 2


def test_no_definition_is_matched_twice(extract):
    """Neither ``train`` nor a plotting function is matched to a missing sampler."""
    show = "def show(diffuser, image):\n    print(torch.randn_like(image), diffuser.betas)"
    source = extract(IMPORTS, DIFFUSER, UNET, TRAIN, show)
    assert source.missing == ("generate_samples",)


def test_a_hint_says_where_a_definition_stands_that_is_not_run(extract, tmp_path):
    """Below a magic that takes it elsewhere, beside a syntax error, or in a cell of another type."""
    magic = extract(IMPORTS, DIFFUSER, UNET, "%%cython\n" + TRAIN, SAMPLE)
    assert magic.hints["train"] == (
        "Cell 4 defines it below %%cython, so it is not run in this notebook: remove that line."
    )
    blank = extract(IMPORTS, DIFFUSER.replace("torch.linspace(", "  # fill in ("), UNET, TRAIN, SAMPLE)
    assert (
        blank.hints["NoiseDiffuser"]
        == "Cell 2 defines it, but cannot be read: SyntaxError: invalid syntax in line 3."
    )
    cells = [v4.new_code_cell(IMPORTS), v4.new_raw_cell(TRAIN), v4.new_markdown_cell(f"```\n{SAMPLE}\n```")]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "other.ipynb")
    submission = read_notebook(tmp_path / "other.ipynb", "student")
    hints = extract_definitions(submission, RUBRIC.wanted, RUBRIC.shapes).hints
    assert hints["train"] == "It stands in a raw cell below code cell 1: turn that into a code cell."
    assert hints["generate_samples"].startswith("It stands in a markdown cell below code cell 1")


@pytest.mark.parametrize("magic", ["time", "wandb", "memit", "pyinstrument", "debug"])
def test_magics_that_run_their_body_are_seen_through(extract, magic):
    """Also in a script that nbconvert has written, among other statements."""
    assert names_found(extract(IMPORTS, DIFFUSER, UNET, f"%%{magic}\n" + TRAIN, SAMPLE)) == OWN_NAMES
    exported = f"x = 1\nget_ipython().run_cell_magic('{magic}', '', {TRAIN!r})\n{SAMPLE}"
    source = extract(IMPORTS, DIFFUSER, UNET, exported)
    assert names_found(source) == OWN_NAMES
    assert [each.cell for each in source.definitions] == [2, 3, 4, 4]


def test_an_object_with_a_call_method_is_a_function(extract):
    """Under the wanted name, a usual one or any other; an instance of the diffuser or a network is none."""

    def as_class(name: str, function: str) -> str:
        method = function.replace("def train(", "def __call__(self, ")
        return f"class {name}:\n" + indent(
            method.replace("def generate_samples(", "def __call__(self, "), "    "
        )

    parts = IMPORTS, DIFFUSER.replace("noise_diffusion", "__call__"), UNET
    for train, sampler in (("train", "generate_samples"), ("fit", "sampler"), ("run", "make")):
        source = extract(
            *parts,
            as_class("Base", TRAIN) + "\nclass Trainer(Base):\n    pass",
            f"{train}: Base = Trainer()",
            as_class("Maker", SAMPLE),
            f"{sampler} = Maker()\nnoiser = NoiseDiffuser(1, 2, 3)",
        )
        assert source.missing == ()
        assert (names_found(source)["train"], names_found(source)["generate_samples"]) == (train, sampler)
    assert [each.line for each in source.definitions if each.name == "generate_samples"] == [1]
    source = extract(
        *parts,
        "class Net(nn.Module):\n    def forward(self, x): pass\n"
        + indent(TRAIN.replace("def train(", "def __call__(self, "), "    "),
        "train = Net()",
    )
    assert "train" in source.missing


STUB = TRAIN.split("\n", 1)[0] + "\n    # TODO\n    return None"
OTHER_NAMES = {
    "a function": (TRAIN.replace("train(", "fit(", 1), "train = fit"),
    "a static method": (
        "class Trainer:\n    @staticmethod\n" + indent(TRAIN.replace("train(", "fit(", 1), "    "),
        "train = Trainer.fit",
    ),
    "a method": (
        "class Trainer:\n" + indent(TRAIN.replace("train(", "fit(self, ", 1), "    "),
        "train = Trainer().fit",
    ),
    "a function, with its type": (TRAIN.replace("train(", "fit(", 1), "train: object = fit"),
    "a partial function": (
        "from functools import partial\n" + TRAIN.replace("train(", "fit(", 1),
        "train = partial(fit)",
    ),
    "a factory": (
        "def make():\n" + indent(TRAIN.replace("train(", "inner(", 1), "    ") + "\n    return inner",
        "train = make()",
    ),
    "an object": (
        "class Trainer:\n" + indent(TRAIN.replace("train(", "__call__(self, ", 1), "    "),
        "train = Trainer()",
    ),
}


@pytest.mark.parametrize(("definition", "assignment"), OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_an_assignment_below_the_handouts_stub_counts(extract, definition, assignment):
    """The stub that a cell above still defines does not take its place."""
    source = extract(IMPORTS, DIFFUSER, UNET, SAMPLE, STUB, definition, assignment)
    (found,) = (each for each in source.definitions if each.name == "train")
    assert found.cell == 7
    assert assignment in [each.source for each in source.statements]
    assert not source.dropped


def test_a_class_assigned_below_the_handouts_stub_counts(extract):
    stub = "class UNet(nn.Module):\n    def forward(self, x, t=None):\n        pass"
    source = extract(IMPORTS, DIFFUSER, stub, UNET.replace("UNet", "MyNet"), "UNet = MyNet", TRAIN, SAMPLE)
    assert [each.cell for each in source.definitions if each.name == "UNet"] == [5]
    assert "UNet = MyNet" in [each.source for each in source.statements]


def test_a_name_used_for_data_does_not_replace_a_definition(extract):
    source = extract(IMPORTS, DIFFUSER, UNET, TRAIN, "data = {}", "train = data.values", SAMPLE)
    assert [each.cell for each in source.definitions if each.name == "train"] == [4]
    assert "train = data.values" not in [each.source for each in source.statements]


def test_a_generator_is_run_to_its_first_yield(extract):
    stream = "def numbers():\n    shape = yield\n    while True:\n        shape = yield torch.randn(shape)"
    source = extract(
        IMPORTS,
        f"{stream}\n\nstream = numbers()\nnext(stream)\nnext(iter([1]))",
        DIFFUSER.replace("torch.randn_like(image)", "stream.send(image.shape)"),
        UNET,
        TRAIN,
        SAMPLE,
    )
    kept = [each.source for each in source.statements]
    assert "next(stream)" in kept
    assert "next(iter([1]))" not in kept

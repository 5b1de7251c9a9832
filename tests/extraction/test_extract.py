"""Extraction keeps what the wanted definitions depend on, drops the rest, and knows every position."""

from __future__ import annotations

from grader.extraction.extract import extract
from grader.extraction.student_source import StudentSource
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

WANTED = ("Model", "train")


def _extract(*cells: str) -> StudentSource:
    numbered = tuple(Cell(number, source) for number, source in enumerate(cells, start=1))
    return extract(Submission(name="s", path="s.ipynb", sha256="", cells=numbered), WANTED)


def _kept(*cells: str) -> list[str]:
    return [statement.source for statement in _extract(*cells).statements]


def test_definitions_are_kept_with_what_they_need() -> None:
    """Imports, constants, helpers and base classes are kept, wherever they are; nothing else is."""
    kept = _kept(
        "def train(model):\n    return helper(model)",
        "import torch\nimport pandas",
        "WIDTH = 3\nUNUSED = 4",
        "class Base(torch.nn.Module):\n    width = WIDTH",
        "class Model(Base):\n    pass",
        "helper = lambda model: model",
    )
    assert kept == [
        "def train(model):\n    return helper(model)",
        "import torch",
        "WIDTH = 3",
        "class Base(torch.nn.Module):\n    width = WIDTH",
        "class Model(Base):\n    pass",
        "helper = lambda model: model",
    ]


def test_names_are_followed_into_every_part_of_a_definition() -> None:
    """Defaults, decorators, annotations, f-strings, nested functions and comprehensions all read globals."""
    kept = _kept(
        "a, b, c = 1, 2, 3\nd = 4\ne = 5\nf = 6\ng = int\nlocal = 7",
        "def decorate(function): return function",
        "@decorate\ndef train(x: g = a):\n    local = 1\n    def inner():\n"
        "        return f'{b}' + str([c for _ in range(d)])\n    return inner() + e",
        "class Model:\n    field: f = None",
    )
    assert kept[:6] == [
        "a, b, c = 1, 2, 3",
        "d = 4",
        "e = 5",
        "f = 6",
        "g = int",
        "def decorate(function): return function",
    ]
    assert "local = 7" not in kept  # inside train it is a local name


def test_top_level_work_is_dropped_and_reported_if_it_is_needed() -> None:
    """Loops, plots and training are not run; a name that only they set is reported with its place."""
    source = _extract(
        "class Model: pass\ndef train():\n    return losses, T",
        "T = 50\nfor epoch in range(10):\n    print(epoch)",
        "losses = train()\nplt.plot(losses)",
    )
    assert [s.source for s in source.statements] == [
        "class Model: pass",
        "def train():\n    return losses, T",
        "T = 50",
    ]
    assert [(drop.name, drop.cell, drop.line) for drop in source.dropped] == [("losses", 3, 1)]


def test_the_last_definition_counts_and_later_patches_are_applied() -> None:
    kept = _kept(
        "class Model: first = 1",
        "def train(): pass",
        "class Model: second = 2",
        "def forward(self): return 3\nModel.forward = forward",
        "setattr(Model, 'extra', 4)",
    )
    assert kept[-3:] == [
        "def forward(self): return 3",
        "Model.forward = forward",
        "setattr(Model, 'extra', 4)",
    ]
    assert kept.index("class Model: first = 1") < kept.index("class Model: second = 2")


def test_a_variable_of_the_same_name_does_not_hide_a_definition() -> None:
    """``train, val = split(…)`` beside ``def train`` is a data set, not the trainer."""
    kept = _kept("class Model: pass", "def train(): pass", "train, val = split(data)")
    assert kept == ["class Model: pass", "def train(): pass"]


def test_magics_and_shell_commands_are_removed() -> None:
    kept = _kept(
        "%matplotlib inline\n!pip install torch\nimport torch",
        "%%time\nclass Model:\n    x = torch",
        "%%bash\nrm -rf /",
        "def train():\n    pass\n!ls\nmodel?",
    )
    assert kept == ["import torch", "class Model:\n    x = torch", "def train():\n    pass"]


def test_every_statement_knows_its_cell_and_line() -> None:
    """Also after blank lines and continued magics, and with decorators and semicolons."""
    source = _extract(
        "\n\n!pip install a \\\n  b\nimport functools\n",
        "class Model: pass",
        "x = 1; y = 2\n\n@functools.cache\ndef train():\n    return x + y",
    )
    places = {s.source.split("\n")[0]: (s.cell, s.line) for s in source.statements}
    assert places == {
        "import functools": (1, 5),
        "class Model: pass": (2, 1),
        "x = 1": (3, 1),
        "y = 2": (3, 1),
        "@functools.cache": (3, 3),
    }


def test_a_syntax_error_costs_only_the_code_around_it() -> None:
    source = _extract("class Model:\n    pass\n\nfor x in y\n    z()\n\ndef train():\n    pass")
    assert [definition.name for definition in source.definitions] == ["Model", "train"]
    assert [(p.cell, p.line) for p in source.problems] == [(1, 4)]
    assert {s.line for s in source.statements} == {1, 7}


def test_future_imports_hold_for_the_cells_below() -> None:
    import __future__

    source = _extract("from __future__ import annotations", "class Model: pass\ndef train(x: Unknown): pass")
    assert all(s.flags & __future__.annotations.compiler_flag for s in source.statements)


def test_a_similar_name_counts_and_is_noted() -> None:
    source = _extract("class model: pass\ndef trian(): pass")
    assert source.missing == ()
    assert source.names == {"Model": "model", "train": "trian"}
    assert source.notes() == [
        "Your model was graded as Model: the most similar name, cell 1, line 1.",
        "Your trian was graded as train: the most similar name, cell 1, line 2.",
    ]


def test_conditional_setup_is_kept_and_a_guarded_experiment_is_not() -> None:
    """``try: import`` and ``if cuda:`` set things up; ``if __name__ == "__main__"`` starts the experiment."""
    kept = _kept(
        "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None",
        "if True:\n    device = 'cuda'\nelse:\n    device = 'cpu'",
        "class Model: pass\ndef train(): return tqdm, device, result",
        "if __name__ == '__main__':\n    result = train()",
    )
    assert len(kept) == 4
    assert not any("__main__" in source for source in kept)


def test_folders_are_made_because_definitions_may_write_to_them() -> None:
    """Only folders below the current one."""
    kept = _kept(
        "import os\nfrom pathlib import Path",
        "os.makedirs('results', exist_ok=True)\nPath('/content/x').mkdir()",
        "if not os.path.exists('ckpt'):\n    os.mkdir('ckpt')",
        "class Model: pass\ndef train(): pass",
    )
    assert "os.makedirs('results', exist_ok=True)" in kept
    assert "if not os.path.exists('ckpt'):\n    os.mkdir('ckpt')" in kept
    assert not any("/content" in source for source in kept)


def test_the_dependencies_of_each_definition_are_known_separately() -> None:
    """They include nothing that only another definition depends on."""
    source = _extract(
        "import torch\nWIDTH = 3\nSTEPS = 4",
        "def helper(model):\n    return STEPS",
        "class Model(torch.nn.Module):\n    pass",
        "def train(model):\n    return helper(model, WIDTH)",
    )
    needs = {name: [source.statements[place].source for place in source.needs[name]] for name in WANTED}
    assert needs == {
        "Model": [
            "import torch",
            "class Model(torch.nn.Module):\n    pass",
        ],
        "train": [
            "WIDTH = 3",
            "STEPS = 4",
            "def helper(model):\n    return STEPS",
            "def train(model):\n    return helper(model, WIDTH)",
        ],
    }


def test_statements_that_change_an_object_are_run_for_every_definition() -> None:
    source = _extract(
        "import torch\nfrom torch import nn",
        "KNOWN = {}",
        "def register(kind):\n    KNOWN[kind.__name__] = kind\n    return kind",
        "@register\nclass Block(nn.Module):\n    pass",
        "class Model(nn.Module):\n    def __init__(self): self.block = KNOWN['Block']()",
        "Net = Model\nNet.width = 3",
        "torch.nn.Linear.bias = None",
        "def train(model):\n    return Net, Block, torch",
    )
    assert set(source.needs["Model"]) == {
        place for place, one in enumerate(source.statements) if "def train" not in one.source
    }


def test_every_decorator_that_registers_a_definition_counts() -> None:
    """Also the second of two, each with a registry of its own."""
    source = _extract(
        "LAYERS, LOSSES = {}, {}",
        "def layer(kind):\n    LAYERS[kind.__name__] = kind\n    return kind",
        "def loss(kind):\n    LOSSES[kind.__name__] = kind\n    return kind",
        "@layer\nclass Block:\n    pass",
        "@loss\nclass Noise:\n    pass",
        "class Model:\n    def __init__(self): self.block, self.loss = LAYERS['Block'](), LOSSES['Noise']()",
        "def train(model):\n    return Block, Noise",
    )
    needed = " ".join(source.statements[place].source for place in source.needs["Model"])
    assert "class Block" in needed
    assert "class Noise" in needed


def test_an_instance_under_the_name_of_its_class_does_not_hide_it() -> None:
    model = "class Model:\n    pass"
    source = _extract(model, "Model = Model().to('cpu')\nModel.eval()")
    assert [each.source for each in source.statements] == [model]
    assert "it replaces your class Model by an instance of it" in str(source.dropped[0])


def test_a_definition_beside_its_use_in_a_block_is_found_without_the_use() -> None:
    """In a ``try`` or ``with``; one with an alternative in another branch is run as a whole."""
    kept = _kept(
        "try:\n    def train(model):\n        return SCALE\n    SCALE = 2\n    train(load())\n"
        "except RuntimeError:\n    print('no')",
        "with open('log') as log:\n    class Model:\n        pass\n    log.write(str(Model()))",
    )
    assert [source.split("\n")[1].strip() for source in kept] == [
        "def train(model):",
        "SCALE = 2",
        "class Model:",
    ]
    block = (
        "try:\n    def train(model):\n        pass\n    x = train(1)\nexcept ImportError:\n    train = len"
    )
    assert _kept("class Model:\n    pass", block) == ["class Model:\n    pass"]


def test_a_name_that_is_set_again_after_the_last_use_keeps_its_value() -> None:
    """A helper pasted again for another part of the notebook; before a use, or with none, the last counts."""
    helper, again = "class Block:\n    pass", "class Block:\n    other = 1"
    model = "class Model:\n    def forward(self, x): return isinstance(x, Block)"
    use = "net = Model()", "print(net(3))"
    assert _kept(helper, model, *use, again) == [helper, model]
    assert _kept(helper, model, "net = Model()", again, "print(net(3))") == [helper, model, again]
    assert _kept(helper, model, again) == [helper, model, again]
    assert _kept(helper, "net = Model()", model, again) == [helper, model, again]


def test_a_class_that_a_function_makes_is_found() -> None:
    """Also a function; a function that returns an instance makes none."""
    make = "def make(width):\n    class Net:\n        size = width\n    return Net"
    fit = "def trainer(steps):\n    def fit(model):\n        return steps\n    return fit"
    source = _extract(make, fit, "Model = make(4)", "train = trainer(5)")
    assert source.missing == ()
    assert [each.source for each in source.statements] == [make, fit, "Model = make(4)", "train = trainer(5)"]
    assert _extract("def make():\n    class Net:\n        pass\n    return Net()", "Model = make()").missing


def test_a_decorator_with_a_class_as_argument_completes_the_class() -> None:
    add = "def add_to(kind):\n    return lambda method: setattr(kind, method.__name__, method)"
    method = "@add_to(Model)\ndef forward(self, x):\n    return x"
    assert _kept("class Model:\n    pass", add, method) == ["class Model:\n    pass", add, method]


def test_a_decorated_method_whose_self_is_annotated_completes_the_class() -> None:
    """As with fastcore's ``patch``; an annotation alone is no patch."""
    patch = "def patch(method):\n    setattr(method.__annotations__['self'], method.__name__, method)"
    method = "@patch\ndef forward(self: Model, x):\n    return x"
    other = "def shown(self: Model):\n    return self"
    kept = _kept("class Model:\n    pass", patch, method, other, "def train(model):\n    return Model()")
    assert patch in kept
    assert method in kept
    assert other not in kept


def test_a_base_class_in_a_later_cell_is_defined_first() -> None:
    """As in a notebook whose cells were run in another order; what stands above already is not moved."""
    model, base = "class Model(Base):\n    pass", "class Base:\n    pass"
    assert _kept(model, base) == [base, model]
    root = "class Root:\n    pass"
    assert _kept(model, "class Base(Root):\n    pass", root) == [root, "class Base(Root):\n    pass", model]
    assert len(_kept("class Model(Base):\n    pass", "class Base(Model):\n    pass")) == 2
    assert _kept(base, model, "class Base:\n    other = 1") == [base, model, "class Base:\n    other = 1"]

"""A configuration that a cell writes is read as in the notebook; other files are not opened."""

from __future__ import annotations

import pytest

from grader.extraction.extract import extract
from grader.extraction.student_source import StudentSource
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

CONFIG = "%%writefile conf/a.json\n{}"


def _extract(*cells: str) -> StudentSource:
    numbered = tuple(Cell(number, source) for number, source in enumerate(cells, start=1))
    return extract(Submission(name="s", path="s.ipynb", sha256="", cells=numbered), ("train", "Model"))


@pytest.mark.parametrize(
    "read",
    [
        "with open('conf/a.json') as file:\n    C = json.load(file)",
        "C = json.loads(Path('./conf/a.json').read_text())",
        "C = yaml.safe_load(open('conf/a.json'))",
    ],
)
def test_a_written_configuration_is_read(read):
    source = _extract(CONFIG, read, "def train(): return C")
    assert read in [statement.source for statement in source.statements]
    assert source.files == {"conf/a.json": "{}\n"}


@pytest.mark.parametrize(
    "read",
    [
        "C = json.load(open('other.json'))",
        "C = json.load(open(name))",
        "C = [json.load(open('conf/a.json')), open('other.json')]",
        "with open('conf/a.json') as file:\n    C = json.load(file)\n    print(C)",
        "C = train(json.load(open('conf/a.json')))",
    ],
)
def test_what_does_more_than_that_is_not_run(read):
    source = _extract(CONFIG, read, "def train(): return C")
    assert read not in [statement.source for statement in source.statements]


def test_several_names_may_be_given_in_one_assignment():
    inside = "class Mine:\n    class Net: pass\n    def fit(self): pass"
    source = _extract(inside, "Model, train = Mine.Net, lambda: 1")
    assert source.missing == ()
    assert [(each.name, each.found) for each in source.definitions] == [
        ("train", "train"),
        ("Model", "Model"),
    ]

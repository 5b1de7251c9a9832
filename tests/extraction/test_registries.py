"""Definitions that only a registry leads to are kept with the registry."""

from __future__ import annotations

import pytest

from grader.extraction.extract import extract
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

USE = "class Model:\n    def __init__(self):\n        self.conv = LAYERS['conv']()"
BY_FUNCTION = """LAYERS = {}
def register(name):
    def enter(cls):
        LAYERS[name] = cls
        return cls
    return enter"""
BY_METHOD = """class Layers(dict):
    def register(self, cls):
        self["conv"] = cls
LAYERS = Layers()"""
BY_METACLASS = """LAYERS = {}
class Enter(type):
    def __init__(cls, name, bases, fields):
        LAYERS[name.lower()] = cls"""
BY_BASE = """LAYERS = {}
class Layer:
    def __init_subclass__(cls, name):
        LAYERS[name] = cls"""


def _kept(*cells: str) -> list[str]:
    numbered = tuple(Cell(number, source) for number, source in enumerate(cells, start=1))
    source = extract(Submission(name="s", path="s.ipynb", sha256="", cells=numbered), ("Model",))
    return [statement.source for statement in source.statements]


@pytest.mark.parametrize(
    ("registry", "layer"),
    [
        (BY_FUNCTION, "@register('conv')\nclass Conv: pass"),
        (BY_METHOD, "@LAYERS.register\nclass Conv: pass"),
        (BY_BASE, "class Conv(Layer, name='conv'): pass"),
        (BY_METACLASS, "class Conv(metaclass=Enter): pass"),
    ],
    ids=["decorator", "method", "base class", "metaclass"],
)
def test_a_registered_class_is_kept_with_its_registry(registry, layer):
    assert layer in _kept(registry, layer, USE)


def test_an_implementation_for_one_type_is_kept_with_the_generic_function():
    layer = "@embed.register\ndef _(t: list): return t"
    generic = "from functools import singledispatch\n@singledispatch\ndef embed(t): return t"
    assert layer in _kept(generic, layer, "class Model:\n    def f(self, t): return embed(t)")


def test_a_decorator_of_a_package_registers_nothing():
    unused = "@torch.no_grad()\ndef unused(): pass"
    assert unused not in _kept("import torch", unused, "class Model(torch.nn.Module): pass")

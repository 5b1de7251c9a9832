"""The examples in the docstrings of the probes are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
import torch

from grader import probes

MODULES = sorted(module.name for module in pkgutil.iter_modules(probes.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_right(name: str) -> None:
    module = importlib.import_module(f"grader.probes.{name}")
    found = doctest.testmod(module, extraglobs={"torch": torch})
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(f"grader.probes.{name}") for name in MODULES]
    assert sum(bool(each.examples) for module in modules for each in finder.find(module)) >= 4

"""Import hook for local modules, which lie beside the notebook; their text comes with the load request."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import types
from typing import Any

from . import colab, source


class LocalModuleFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds local modules and runs them statement by statement, as the notebook itself.

    Args:
        modules: statements of each module, by the name it is imported by.

    Attributes:
        problems: statements that failed, as ``source.run`` returns them.
    """

    def __init__(self, modules: dict[str, list[dict[str, Any]]]) -> None:
        self._modules = modules
        self.problems: list[dict[str, Any]] = []

    def find_spec(
        self, name: str, path: Any = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._modules:
            return None
        package = any(other.startswith(f"{name}.") for other in self._modules)
        return importlib.machinery.ModuleSpec(name, self, is_package=package)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None  # Python's default module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update(colab.notebook_names())
        self.problems += source.run(self._modules[module.__name__], module)

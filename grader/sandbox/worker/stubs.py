"""Inert stub modules for a notebook's environment, such as Colab's own packages or experiment loggers."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

# Packages that show, log or fetch something. No definition that earns points depends on them.
STUBBED = (
    "google.colab",
    "IPython",
    "ipywidgets",
    "wandb",
    "tensorboard",
    "torch.utils.tensorboard",
    "torchsummary",
    "torchinfo",
    "torchviz",
    "seaborn",
    "imageio",
    "kaggle",
    "kagglehub",
    "gdown",
    "pandas",
    "plotly",
    "tabulate",
    "prettytable",
    "termcolor",
    "psutil",
    "GPUtil",
    "pynvml",
    "tensorboardX",
    "comet_ml",
    "mlflow",
    "neptune",
    "livelossplot",
    "celluloid",
    "moviepy",
    "dotenv",
)

notices: list[str] = []  # sentences for the report; every reply carries the list


def notice(sentence: str) -> None:
    """Add a sentence to the report, once."""
    if sentence not in notices and len(notices) < 50:
        notices.append(sentence)


class StubFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import hook that supplies stubs for missing packages and hides the grader's own.

    It stands first in ``sys.meta_path``, so Python asks it before any finder that looks at files.

    Args:
        hidden: top-level packages that cannot be imported although they are installed.
    """

    def __init__(self, hidden: Sequence[str]) -> None:
        self._hidden = frozenset(hidden)

    def find_spec(
        self, name: str, path: Any = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root = name.partition(".")[0]
        if root in self._hidden:
            raise ModuleNotFoundError(f"No module named {root!r}", name=root)
        # "google" is a namespace package shared with others: finding it says nothing about google.colab.
        missing = root == "google" or not _installed(_ROOTS.get(name, root))
        if _is_stubbed(name) and _imported_by_student() and missing:
            notice(f"{name} was replaced by a stub that does nothing.")
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None  # Python goes on to the next finder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return InertModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: a stub has no code."""


_ROOTS = {"torch.utils.tensorboard": "tensorboard"}  # part of torch, but useless without the other package


def _is_stubbed(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in (*STUBBED, "google"))


def _imported_by_student() -> bool:
    """Return whether the import statement is in student code.

    Libraries try optional imports and adapt when they fail; a stub would mislead them. Student code is
    compiled under names such as ``<cell 3>`` or ``<helpers.py>``, so the first frame outside the import
    machinery tells.
    """
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((__file__, "<frozen")):
        frame = frame.f_back
    filename = frame.f_code.co_filename
    return filename.startswith("<cell ") or filename.endswith(".py>")


def _installed(root: str) -> bool:
    finders = [finder for finder in sys.meta_path if not isinstance(finder, StubFinder)]
    return any(finder.find_spec(root, None) for finder in finders)


class InertModule(types.ModuleType):
    """A module in which every name exists, can be called, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class Nothing(metaclass=_AnyAttribute):
    """A function, class or object that does nothing: it can be called, subclassed, entered and iterated."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:
        return self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

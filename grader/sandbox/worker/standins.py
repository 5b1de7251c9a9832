"""Inert stand-ins for the modules of a notebook's surroundings, such as Colab's own or those that log."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

# Modules of the notebook's surroundings. A definition that is worth points depends on none of them.
STAND_INS = (
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

notices: list[str] = []  # sentences for the report, until the next reply takes them along


def notice(sentence: str) -> None:
    """Have a sentence put into the report, once."""
    if sentence not in notices and len(notices) < 50:
        notices.append(sentence)


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins for modules that are not there, and hides those that are not for students."""

    def __init__(self, hidden: Sequence[str]) -> None:
        self._hidden = frozenset(hidden)

    def find_spec(
        self, name: str, path: Any = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root = name.partition(".")[0]
        if root in self._hidden:
            raise ModuleNotFoundError(f"No module named {root!r}", name=root)
        wanting = root == "google" or not _installed(_ROOTS.get(name, root))
        if _is_surroundings(name) and _asked_by_student() and wanting:
            notice(f"{name} was replaced by a stand-in that does nothing.")
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return InertModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: a stand-in has no code."""


_ROOTS = {"torch.utils.tensorboard": "tensorboard"}  # there, but of no use without the other


def _is_surroundings(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in (*STAND_INS, "google"))


def _asked_by_student() -> bool:
    """Whether an import stands in student code: what is optional to a library, it must not find."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((__file__, "<frozen")):
        frame = frame.f_back
    name = frame.f_code.co_filename
    return name.startswith("<cell ") or name.endswith(".py>")


def _installed(root: str) -> bool:
    finders = [finder for finder in sys.meta_path if not isinstance(finder, StandInFinder)]
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
    """Stands for a function, a class or an object: can be called, derived from, entered and looped over."""

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

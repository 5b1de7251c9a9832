"""A world in which code written for a Colab GPU runs on whatever device there is, quietly and without a
network.

``.cuda()`` and ``device="cuda"`` go to the device in use, MNIST is served from the data that the judge sent,
plots go nowhere, progress bars are silent, and Colab's own modules are inert stand-ins.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import itertools
import os
import random
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

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


def names() -> dict[str, Any]:
    """What a notebook has beside Python's own names."""
    return {"get_ipython": _Nothing, "display": _do_nothing, "input": _no_answer}


def quiet_environment(scratch: str) -> None:
    """Set the variables that keep libraries silent, off the network, and inside ``scratch``."""
    os.environ.update(
        MPLBACKEND="agg",
        MPLCONFIGDIR=scratch,
        HOME=scratch,
        TMPDIR=scratch,
        TQDM_DISABLE="1",
        TORCHDYNAMO_DISABLE="1",
    )


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
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
        return Inert(spec.name)

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
    finders = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    return any(finder.find_spec(root, None) for finder in finders)


class Inert(types.ModuleType):
    """A module in which every name exists, can be called, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _Nothing(metaclass=_AnyAttribute):
    """Stands for a function, a class or an object: can be called, derived from, entered and looped over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> _Nothing:
        return self

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def plain_progress_bars() -> None:
    """Let every flavour of tqdm be the plain one, which TQDM_DISABLE silences; the others need a browser."""
    import tqdm

    plain = types.ModuleType("tqdm.auto")
    plain.__dict__.update(tqdm=tqdm.tqdm, trange=tqdm.trange, tqdm_notebook=tqdm.tqdm, tnrange=tqdm.trange)
    for flavour in ("auto", "notebook", "autonotebook"):
        sys.modules[f"tqdm.{flavour}"] = plain
        setattr(tqdm, flavour, plain)


def seed_everything(seed: int) -> None:
    """Seed torch, numpy and random, and numpy generators that are made without a seed from here on."""
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        numpy: Any = sys.modules["numpy"]
        numpy.random.seed(seed % 2**32)
        numbers = itertools.count(seed % 2**32)
        numpy.random.default_rng = lambda given=None: _default_rng(next(numbers) if given is None else given)


def _default_rng(seed: Any) -> Any:
    numpy: Any = sys.modules["numpy"]
    return (
        seed if isinstance(seed, numpy.random.Generator) else numpy.random.Generator(numpy.random.PCG64(seed))
    )


def keep_files_at_home(scratch: str) -> None:
    """Let ``torch.save`` and ``torch.load`` work with any path, and write nowhere but in ``scratch``.

    Notebooks save to a mounted drive, or into folders that a line at top level made, which was not run.
    """
    save, load, saved = torch.save, torch.load, dict[str, str]()

    def save_at_home(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(f, str | os.PathLike):
            f = saved.setdefault(str(f), os.path.join(scratch, f"saved-{os.getpid()}-{len(saved)}"))
        save(obj, f, *args, **kwargs)

    def load_from_home(f: Any, *args: Any, **kwargs: Any) -> Any:
        return load(saved.get(str(f), f) if isinstance(f, str | os.PathLike) else f, *args, **kwargs)

    torch.save, torch.load = save_at_home, load_from_home


def plots_go_nowhere() -> None:
    """Once matplotlib has been imported, let saving a figure do nothing: its folder may not be there."""
    if "matplotlib.figure" in sys.modules:
        figure: Any = sys.modules["matplotlib.figure"].Figure
        figure.savefig = _do_nothing


class CudaIsHere(TorchFunctionMode):
    """Sends every tensor that is asked onto CUDA to the device in use instead."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.cuda:
            return args[0].to(self._device)
        if "device" in kwargs:
            kwargs = {**kwargs, "device": self._here(kwargs["device"])}
        if func is Tensor.to:
            args = (args[0], *(self._here(arg) for arg in args[1:]))
        return func(*args, **kwargs)

    def _here(self, device: Any) -> Any:
        named = isinstance(device, str) and device.startswith("cuda")
        if named or (isinstance(device, torch.device) and device.type == "cuda"):
            return self._device
        if isinstance(device, int) and not isinstance(device, bool):
            return self._device  # .to(0) means the first GPU
        return device


def without_cuda() -> None:
    """Make the calls harmless that torch refuses where there is no CUDA."""
    cuda: Any = torch.cuda
    cuda.synchronize = cuda.empty_cache = cuda.reset_peak_memory_stats = _do_nothing
    cuda.get_device_name = _cpu_name
    cuda.memory_allocated = cuda.max_memory_allocated = _zero
    generator = torch.Generator

    def cpu_generator(device: Any = "cpu") -> torch.Generator:
        return generator()

    torch.Generator = cpu_generator  # type: ignore[misc, assignment]


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _no_answer(prompt: Any = "", /) -> str:
    notice("Your code waits for input(); nobody is there when it is graded, and the answer was empty.")
    return ""


def take_old_arguments() -> None:
    """Let schedulers take ``verbose``, which they had until torch 2.6, and ignore it."""
    from torch.optim import lr_scheduler

    for each in list(vars(lr_scheduler).values()):
        if isinstance(each, type) and isinstance(vars(each).get("__init__"), types.FunctionType):
            each.__init__ = _without_verbose(each.__init__)  # type: ignore[misc]


def _without_verbose(init: types.FunctionType) -> Callable[..., None]:
    if "verbose" in init.__code__.co_varnames:
        return init

    @functools.wraps(init)
    def taking(*args: Any, **kwargs: Any) -> None:
        if "verbose" in kwargs:
            del kwargs["verbose"]
            notice("Schedulers of newer versions of torch take no verbose=; it was ignored.")
        init(*args, **kwargs)

    return taking


def _cpu_name(*args: Any) -> str:
    return "cpu"


def _zero(*args: Any) -> int:
    return 0


def serve_mnist(images: Tensor, labels: Tensor) -> None:
    """Let torchvision's MNIST hand out ``images``, float (N, 1, 28, 28) in [0, 1], without files or
    downloads.
    """
    from torchvision import datasets

    pixels = (images[:, 0] * 255).round().to(torch.uint8)

    def init(
        self: Any,
        root: Any = None,
        train: bool = True,
        transform: Any = None,
        target_transform: Any = None,
        **_: Any,
    ) -> None:
        self.root, self.train = root, train
        self.transform, self.target_transform, self.transforms = transform, target_transform, None
        self.data, self.targets = pixels.clone(), labels.clone()

    datasets.MNIST.__init__ = init

"""A world in which code written for a Colab GPU runs on whatever device there is, quietly and without a
network.

``.cuda()`` and ``device="cuda"`` go to the device in use, MNIST is served from the data that the judge sent,
plots go nowhere, progress bars are silent, and Colab's own modules are inert stand-ins.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
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

from .standins import Nothing, notice


def names() -> dict[str, Any]:
    """What a notebook has beside Python's own names."""
    return {"get_ipython": Nothing, "display": _do_nothing, "input": _no_answer}


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


@contextlib.contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Whatever is seeded or drawn within, all generators go on after it as if nothing had been."""
    numpy: Any = sys.modules.get("numpy")
    ours = random.getstate()
    theirs = numpy and (numpy.random.get_state(), numpy.random.default_rng)
    with torch.random.fork_rng([0] if torch.cuda.is_initialized() else []):  # type: ignore[no-untyped-call]
        yield
    random.setstate(ours)
    if numpy:
        numpy.random.set_state(theirs[0])
        numpy.random.default_rng = theirs[1]


def _default_rng(seed: Any) -> Any:
    numpy: Any = sys.modules["numpy"]
    return (
        seed if isinstance(seed, numpy.random.Generator) else numpy.random.Generator(numpy.random.PCG64(seed))
    )


def loaders_without_processes() -> None:
    """Let every DataLoader load in this process, the only one there is, whatever ``num_workers`` says."""
    loader: Any = torch.utils.data.DataLoader
    initialise = loader.__init__
    names = list(inspect.signature(initialise).parameters)[1:]

    @functools.wraps(initialise)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(names, args, strict=False)) | kwargs
        for option in (
            "num_workers",
            "timeout",
            "multiprocessing_context",
            "prefetch_factor",
            "pin_memory",
            "pin_memory_device",
        ):
            given.pop(option, None)
        initialise(self, **given | {"persistent_workers": False})

    loader.__init__ = init


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

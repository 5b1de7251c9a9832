"""Environment in which code written for a Colab GPU runs anywhere: quietly, offline, on the device in use.

``.cuda()`` and ``device="cuda"`` go to the device in use, torchvision's dataset is served from images that
the judge sent, figures are not saved, progress bars are silent, and data loaders start no processes.
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

from . import generators
from .stubs import Nothing, notice


def notebook_names() -> dict[str, Any]:
    """Return the names that a notebook has besides Python's builtins."""
    return {"get_ipython": Nothing, "display": _do_nothing, "input": _empty_input}


def quiet_environment(scratch: str) -> None:
    """Set environment variables that keep libraries silent, offline and inside ``scratch``."""
    os.environ.update(
        MPLBACKEND="agg",
        MPLCONFIGDIR=scratch,
        HOME=scratch,
        TMPDIR=scratch,
        TQDM_DISABLE="1",
        TORCHDYNAMO_DISABLE="1",  # torch.compile would start a compiler, which the sandbox forbids
    )


def use_plain_progress_bars() -> None:
    """Replace every flavour of tqdm by the plain one, which TQDM_DISABLE silences.

    The notebook flavours draw widgets and fail without a browser.
    """
    import tqdm

    plain = types.ModuleType("tqdm.auto")
    plain.__dict__.update(tqdm=tqdm.tqdm, trange=tqdm.trange, tqdm_notebook=tqdm.tqdm, tnrange=tqdm.trange)
    for flavour in ("auto", "notebook", "autonotebook"):
        sys.modules[f"tqdm.{flavour}"] = plain
        setattr(tqdm, flavour, plain)


def seed_everything(seed: int) -> None:
    """Seed torch, numpy, random, the student's generators, and those made without a seed from here on."""
    generators.reseed(seed)
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        numpy: Any = sys.modules["numpy"]
        numpy.random.seed(seed % 2**32)
        numpy.random.default_rng = _default_rng(numpy.random, itertools.count(seed % 2**32))


@contextlib.contextmanager
def random_state_preserved() -> Iterator[None]:
    """Restore the state of all random number generators on exit."""
    numpy: Any = sys.modules.get("numpy")
    python_state = random.getstate()
    numpy_state = numpy and (numpy.random.get_state(), numpy.random.default_rng)
    with torch.random.fork_rng([0] if torch.cuda.is_initialized() else []):  # type: ignore[no-untyped-call]
        yield
    random.setstate(python_state)
    if numpy:
        numpy.random.set_state(numpy_state[0])
        numpy.random.default_rng = numpy_state[1]


def _default_rng(library: Any, numbers: Iterator[int]) -> Callable[..., Any]:
    """Return numpy's ``default_rng``, whose generators without a seed get the next of these as one."""

    def default_rng(seed: Any = None) -> Any:
        if isinstance(seed, library.Generator):
            return seed
        bits = (
            seed
            if isinstance(seed, library.BitGenerator)
            else library.PCG64(next(numbers) if seed is None else seed)
        )
        return library.Generator(bits)

    return default_rng


def load_data_in_process() -> None:
    """Make every DataLoader load in this process, whatever ``num_workers`` says.

    The sandbox forbids a second process. Options that only make sense with workers, and which DataLoader
    rejects without them, are dropped as well.
    """
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


def disable_savefig() -> None:
    """Make ``savefig`` do nothing, once matplotlib is imported: the figure's folder may not exist."""
    if "matplotlib.figure" in sys.modules:
        figure: Any = sys.modules["matplotlib.figure"].Figure
        figure.savefig = _do_nothing


class RedirectCuda(TorchFunctionMode):
    """Sends every tensor that is meant for CUDA to the device in use.

    A TorchFunctionMode sees each call into torch's Python API, factory functions included, before it runs;
    the calls made below are not intercepted again.
    """

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
            kwargs = {**kwargs, "device": self._redirected(kwargs["device"])}
        if func is Tensor.to:
            args = (args[0], *(self._redirected(arg) for arg in args[1:]))
        return func(*args, **kwargs)

    def _redirected(self, device: Any) -> Any:
        named = isinstance(device, str) and device.startswith("cuda")
        if named or (isinstance(device, torch.device) and device.type == "cuda"):
            return self._device
        if isinstance(device, int) and not isinstance(device, bool):
            return self._device  # .to(0) means the first GPU
        return device


def stub_cuda_calls() -> None:
    """Replace the ``torch.cuda`` calls that raise on a machine without CUDA by harmless ones."""
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


def _empty_input(prompt: Any = "", /) -> str:
    notice("Your code waits for input(), but nobody answers during grading; it received an empty string.")
    return ""


def accept_verbose() -> None:
    """Let learning rate schedulers accept ``verbose``, which torch removed after 2.6, and ignore it."""
    from torch.optim import lr_scheduler

    for each in list(vars(lr_scheduler).values()):
        if isinstance(each, type) and isinstance(vars(each).get("__init__"), types.FunctionType):
            each.__init__ = _ignoring_verbose(each.__init__)  # type: ignore[misc]


def _ignoring_verbose(init: types.FunctionType) -> Callable[..., None]:
    if "verbose" in init.__code__.co_varnames:
        return init

    @functools.wraps(init)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        if "verbose" in kwargs:
            del kwargs["verbose"]
            notice("Learning rate schedulers in recent versions of torch take no verbose=; it was ignored.")
        init(*args, **kwargs)

    return wrapper


def _cpu_name(*args: Any) -> str:
    return "cpu"


def _zero(*args: Any) -> int:
    return 0


def serve_dataset(name: str, images: Tensor, labels: Tensor) -> None:
    """Let a torchvision dataset hold these images, without files or downloads.

    Only the constructor is replaced; transforms and indexing stay torchvision's. Images are stored as the
    class itself would store them: a uint8 tensor (N, H, W) for one channel, or a numpy array (N, H, W, 3)
    with a list of labels for three.

    Args:
        name: of a class in ``torchvision.datasets``, such as CIFAR10.
        images: float (N, C, H, W) in [0, 1], with 1 or 3 channels.
        labels: int64 (N,).

    Raises:
        ValueError: torchvision has no such dataset, or the images have another number of channels.
    """
    from torchvision import datasets

    if name not in datasets.__all__:
        raise ValueError(f"torchvision.datasets has no class {name!r}")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images of shape (N, 1 or 3, H, W) are needed, not {tuple(images.shape)}")
    pixels = (images * 255).round().to(torch.uint8)

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
        if pixels.shape[1] == 1:
            self.data, self.targets = pixels[:, 0].clone(), labels.clone()
        else:
            self.data, self.targets = pixels.permute(0, 2, 3, 1).contiguous().numpy().copy(), labels.tolist()

    dataset: Any = getattr(datasets, name)
    dataset.__init__ = init

"""Executes requests on a student's definitions, one method per verb."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from types import MemberDescriptorType
from typing import Any, TypeVar

import torch
from torch import nn

from . import colab, files, generators, gpu, local_modules, patching, program, recording, source, weights
from .values import RequestDecoder

_T = TypeVar("_T")
VERBS = frozenset(
    "load data call get set describe perturb weights state optimizer criterion fit record replay".split()  # noqa: SIM905
)
# Bound before student code can replace them.
_CRITERIA: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "cross_entropy": nn.CrossEntropyLoss,
}
_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class BadRequest(Exception):
    """A request is not part of the protocol: an error of the judge, never of the student."""


class Executor:
    """The student's namespace, the objects kept for the judge, and what requests do with them.

    Attributes:
        device: where everything is computed.
    """

    def __init__(self) -> None:
        self._finder: local_modules.LocalModuleFinder | None = None
        self.device = torch.device("cpu")
        self._namespace = source.new_namespace()
        self._objects: dict[int, object] = {}  # by handle
        self._handles = itertools.count()

    def execute(self, header: dict[str, Any], decoder: RequestDecoder) -> object:
        """Execute one request, whose verb is one of ``VERBS``, and return its value."""
        return getattr(self, f"_do_{header['verb']}")(header, decoder)

    def keep(self, value: object) -> int:
        """Keep an object, and return its handle."""
        handle = next(self._handles)
        self._objects[handle] = value
        return handle

    def kept(self, handle: int) -> object:
        """Return a kept object."""
        return self._objects[handle]

    def use_device(self, device: str, gpu_share: float) -> None:
        """Set the device, before any student code runs."""
        if device == "cuda":
            self.device = torch.device("cuda", 0)
            gpu.prepare(gpu_share)
        else:
            colab.stub_cuda_calls()

    def networks(self) -> list[nn.Module]:
        """Return the kept objects that are networks."""
        return [kept for kept in self._objects.values() if isinstance(kept, nn.Module)]

    def named(self, name: str) -> object:
        """Return what a dotted name refers to in the student's namespace; "" is the namespace itself.

        Raises:
            NameError: its first part is not defined.
            AttributeError: another part does not exist.
        """
        if not name:
            return self._namespace
        first, *rest = name.split(".")  # "model.Net" where a module was imported
        try:
            found = self._namespace.__dict__[first]
        except KeyError:
            raise NameError(f"name {first!r} is not defined") from None
        return functools.reduce(getattr, rest, found)

    @contextlib.contextmanager
    def cuda_redirected(self) -> Iterator[None]:
        """Send tensors that are meant for CUDA to the device in use, unless that is CUDA."""
        if self.device.type == "cuda":
            yield
            return
        with colab.RedirectCuda(self.device):
            yield

    # One method per verb; the package's docstring says what each takes.

    def _do_load(self, header: dict[str, Any], _: RequestDecoder) -> list[dict[str, Any]]:
        """Run statements: at first all of a notebook's, later those that take the place of some."""
        if self._finder is None:
            torch.set_num_threads(header["threads"])
            files.redirect_to(os.getcwd())
            files.write(header.get("files", {}))
            colab.load_data_in_process()
            generators.remember_generators()
            colab.seed_everything(header["seed"])
            self._finder = local_modules.LocalModuleFinder(header.get("modules", {}))
            sys.meta_path.insert(0, self._finder)
        return source.run(header["statements"], self._namespace) + self._finder.problems

    def _do_data(self, header: dict[str, Any], decoder: RequestDecoder) -> None:
        images, labels = decoder.decode(header["images"]), decoder.decode(header["labels"])
        colab.serve_dataset(header["name"], images.cpu(), labels.cpu())

    def _do_call(self, header: dict[str, Any], decoder: RequestDecoder) -> object:
        target: Any = self._target(header["target"])
        if header["method"]:
            target = getattr(target, header["method"])
        args = [decoder.decode(arg) for arg in header["args"]]
        kwargs = {name: decoder.decode(value) for name, value in header["kwargs"].items()}
        args += _take_positional_only(target, kwargs)
        if header["seed"] is not None:
            colab.seed_everything(header["seed"])
        colab.disable_savefig()
        with torch.set_grad_enabled(header["grad"]):
            return target(*args, **kwargs)

    def _do_get(self, header: dict[str, Any], _: RequestDecoder) -> object:
        return getattr(self._target(header["target"]), header["name"])

    def _do_set(self, header: dict[str, Any], decoder: RequestDecoder) -> None:
        setattr(self._target(header["target"]), header["name"], decoder.decode(header["value"]))

    def _do_describe(self, header: dict[str, Any], _: RequestDecoder) -> dict[str, Any]:
        target = self._target(header["target"])
        description: dict[str, Any] = {"type": type(target).__name__, **_signature(target)}
        attributes = [*getattr(target, "__dict__", {}), *_attributes_of_class(target)]
        if isinstance(target, nn.Module):
            attributes += [
                name for name, _ in target.named_buffers(recurse=False)
            ]  # a module keeps them apart
            trainable = [parameter for parameter in target.parameters() if parameter.requires_grad]
            description |= {"parameters": sum(p.numel() for p in trainable), "training": target.training}
        description["attributes"] = [name for name in attributes if not name.startswith("_")]
        return description

    def _do_perturb(self, header: dict[str, Any], _: RequestDecoder) -> None:
        """Add noise to every parameter.

        Layers and gates initialised to zero block all signal in an untrained network.
        """
        generator = torch.Generator().manual_seed(header["seed"])
        target: Any = self._target(header["target"])
        with torch.no_grad():
            for parameter in target.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
                parameter += header["scale"] * noise.to(parameter)

    def _do_weights(self, header: dict[str, Any], decoder: RequestDecoder) -> None:
        target: Any = self._target(header["target"])
        weights.load(target, decoder.decode(header["content"]).cpu(), header.get("keys", ()))

    def _do_state(self, header: dict[str, Any], _: RequestDecoder) -> torch.Tensor:
        target: Any = self._target(header["target"])
        return weights.dump(target, header["most"])

    def _do_optimizer(self, header: dict[str, Any], _: RequestDecoder) -> object:
        make: Any = _listed(_OPTIMIZERS, header["name"])
        target: Any = self._target(header["target"])
        return make(target.parameters(), lr=header["lr"])

    def _do_criterion(self, header: dict[str, Any], _: RequestDecoder) -> object:
        return _listed(_CRITERIA, header["name"])()

    def _do_fit(self, header: dict[str, Any], decoder: RequestDecoder) -> float:
        """Make one training step, in training mode, and return the loss."""
        criterion = _listed(_CRITERIA, header["criterion"])()
        network: Any = self._target(header["target"])
        optimizer: Any = self._target(header["optimizer"])
        colab.seed_everything(header["seed"])
        network.train()
        optimizer.zero_grad()
        prediction = network(*[decoder.decode(arg) for arg in header["args"]])
        loss = criterion(prediction, decoder.decode(header["goal"]))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def _do_record(self, header: dict[str, Any], decoder: RequestDecoder) -> dict[str, Any]:
        network: Any = self._target(header["target"])
        args = [decoder.decode(arg) for arg in header["args"]]
        colab.seed_everything(header["seed"])
        with torch.set_grad_enabled(header["grad"]):
            return recording.record(network, args)

    def _do_replay(self, header: dict[str, Any], decoder: RequestDecoder) -> dict[str, Any]:
        """Compute a recorded graph; no student code is loaded in the worker that is asked this."""
        args, shifted = ([decoder.decode(arg) for arg in header[name]] for name in ("args", "shifted"))
        try:
            with torch.no_grad():
                graph = program.parse(header["graph"], decoder.decode(header["constants"]), self.device)
                return patching.explore(graph, args, shifted, header["full"], header["seed"])
        except Exception as error:  # a graph is handed in, so whatever goes wrong lies in the graph
            return {"refused": str(error) if isinstance(error, program.GraphError) else type(error).__name__}

    def _target(self, target: dict[str, Any]) -> object:
        match target:
            case {"handle": int(handle)}:
                return self.kept(handle)
            case {"name": str(name)}:
                return self.named(name)
        raise BadRequest("a request has no target")


def _listed(choices: Mapping[str, _T], name: str) -> _T:
    try:
        return choices[name]
    except KeyError:
        raise BadRequest(f"{name!r} is not one of {', '.join(choices)}") from None


def _take_positional_only(target: object, kwargs: dict[str, Any]) -> list[Any]:
    """Take from ``kwargs`` the values of parameters that can only be given by position, and return them."""
    try:
        parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []
    names = [each.name for each in parameters if each.kind == each.POSITIONAL_ONLY]
    given = list(itertools.takewhile(kwargs.__contains__, names))
    return [kwargs.pop(name) for name in given]


def _attributes_of_class(target: object) -> list[str]:
    """Return the names of an object's slots and properties, which its ``__dict__`` lacks."""
    if isinstance(target, nn.Module | torch.Tensor | type):
        return []
    of_notebook = [each for each in reversed(type(target).__mro__) if each.__module__ == source.MODULE]
    return [
        name
        for kind in (MemberDescriptorType, property)
        for each in of_notebook
        for name, value in vars(each).items()
        if isinstance(value, kind)
    ]


def _signature(target: object) -> dict[str, Any]:
    """Return the names of a callable's arguments and of the required ones; none if it cannot be inspected.

    "by_name" are those that no position passes; "open" tells that it accepts further ones, or that nothing
    is known of it.
    """
    try:
        parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return {"arguments": [], "required": [], "open": True}
    plain = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p.name for p in plain if p.default is p.empty]
    names = [p.name for p in parameters]
    by_name = [p.name for p in plain if p.kind is p.KEYWORD_ONLY]
    return {
        "arguments": names,
        "required": required,
        "by_name": by_name,
        "open": len(plain) < len(names),
    }

"""Answers the judge's requests, one after another, until the judge closes the pipe."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

import torch
from torch import nn

from . import colab, doubles, files, gpu, local_modules, modes, pathways, source, stubs, weights
from .values import AnswerEncoder, RequestDecoder
from .wire import ANSWER, CALLBACK, REPLY, REQUEST, Closed, WireError, read_frame, write_frame

_T = TypeVar("_T")
_VERBS = frozenset(
    "load data call get set describe perturb weights state optimizer criterion fit pathways".split()  # noqa: SIM905
)
_RUNS_STUDENT_CODE = frozenset("call get set describe weights state optimizer fit".split())  # noqa: SIM905
# Bound before student code can replace them.
_CRITERIA: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "cross_entropy": nn.CrossEntropyLoss,
}
_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
_EXCEPTIONS: dict[str, type[Exception]] = {
    "IndexError": IndexError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
}


class BadRequest(Exception):
    """A request is not part of the protocol: an error of the judge, never of the student."""


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Serve one student's definitions until ``requests`` ends."""
    _hide_package()
    server = _Server(requests, replies)
    doubles.judge.callback, doubles.judge.definition = server.callback, server.named
    while True:
        try:
            kind, header, tensors = read_frame(requests)
        except Closed:
            return
        if kind != REQUEST:
            raise WireError("expected a request")
        server.answer(header, tensors)


def _hide_package() -> None:
    """Take this package out of ``sys.modules``, except for the doubles, which pickle finds by name.

    This only prevents accidents, such as a student's module named ``worker``. It is no protection: code that
    searches will find the package, and there is no secret in it.
    """
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.startswith(f"{package}.") and name != doubles.__name__]:
        del sys.modules[name]
        vars(sys.modules[package]).pop(name.removeprefix(f"{package}."), None)


class _Server:
    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies = requests, replies
        self._device = torch.device("cpu")
        self._namespace = source.new_namespace()
        self._objects: dict[int, object] = {}  # by handle
        self._handles = itertools.count()

    def answer(self, header: dict[str, Any], tensors: list[torch.Tensor]) -> None:
        """Execute one request, and reply with its value or with the exception that was raised."""
        encoder = AnswerEncoder(self._keep)
        decoder = self._decoder(tensors)
        try:
            if (verb := _verb(header)) == "load":
                self._use_device(header["device"], header["gpu_share"])
            with self._cuda_redirected():
                value = getattr(self, f"_do_{verb}")(header, decoder)
                encoded = encoder.handle(value) if header.get("keep") else encoder.encode(value)
                reply = {"value": encoded, "attached": encoder.attached}
        except (Closed, WireError):
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            encoder = AnswerEncoder(self._keep)  # without the tensors of a value that failed halfway
            reply = {"raised": source.describe(error) | {"ours": _is_ours(header, error)}}
        if stubs.notices:
            reply["notices"] = stubs.notices[:]
        write_frame(self._replies, REPLY, reply, encoder.tensors)

    def callback(
        self, double: int, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> Any:
        """Report an event of a test double to the judge, and return its answer.

        Raises:
            Exhausted: the judge has no further batch.
            Exception: the judge's double refused the call; one of ``_EXCEPTIONS``.
        """
        encoder = AnswerEncoder(self._keep)
        header = {
            "double": double,
            "event": event,
            "args": [encoder.encode(arg) for arg in args],
            "kwargs": {name: encoder.encode(value) for name, value in kwargs.items()},
            "state": state,
        }
        write_frame(self._replies, CALLBACK, header, encoder.tensors)
        kind, answer, tensors = read_frame(self._requests)
        if kind == REQUEST:
            kind, answer, tensors = self._serve_nested(answer, tensors)
        if kind != ANSWER:
            raise WireError("expected an answer")
        match answer:
            case {"stop": True}:
                raise doubles.Exhausted
            case {"raise": {"type": str(name), "message": str(message)}}:
                raise _EXCEPTIONS.get(name, RuntimeError)(message)
        return self._decoder(tensors).decode(answer["value"])

    def _serve_nested(
        self, header: dict[str, Any], tensors: list[torch.Tensor]
    ) -> tuple[int, dict[str, Any], list[torch.Tensor]]:
        """Serve requests that the judge sends before its answer, and return that answer.

        Student code is waiting in the middle of a run. Random numbers and modes are restored, so that the run
        continues as if nothing had been asked.
        """
        kind = REQUEST
        networks = [kept for kept in self._objects.values() if isinstance(kept, nn.Module)]
        with colab.random_state_preserved(), modes.preserved(networks):
            while kind == REQUEST:
                self.answer(header, tensors)
                kind, header, tensors = read_frame(self._requests)
        return kind, header, tensors

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

    def _decoder(self, tensors: list[torch.Tensor]) -> RequestDecoder:
        return RequestDecoder(
            tensors,
            self._device,
            handle=self._objects.__getitem__,
            double=lambda description, decoder: doubles.make(description, decoder.decode),
        )

    def _keep(self, value: object) -> int:
        handle = next(self._handles)
        self._objects[handle] = value
        return handle

    def _use_device(self, device: str, gpu_share: float) -> None:
        """Set the device, before any student code runs."""
        if device == "cuda":
            self._device = torch.device("cuda", 0)
            gpu.prepare(gpu_share)
        else:
            colab.stub_cuda_calls()

    @contextlib.contextmanager
    def _cuda_redirected(self) -> Iterator[None]:
        if self._device.type == "cuda":
            yield
            return
        with colab.RedirectCuda(self._device):
            yield

    # One method per verb; the package's docstring says what each takes.

    def _do_load(self, header: dict[str, Any], _: RequestDecoder) -> list[dict[str, Any]]:
        torch.set_num_threads(header["threads"])
        files.redirect_to(os.getcwd())
        colab.load_data_in_process()
        colab.seed_everything(header["seed"])
        finder = local_modules.LocalModuleFinder(header.get("modules", {}))
        sys.meta_path.insert(0, finder)
        return source.run(header["statements"], self._namespace) + finder.problems

    def _do_data(self, header: dict[str, Any], decoder: RequestDecoder) -> None:
        images, labels = decoder.decode(header["images"]), decoder.decode(header["labels"])
        colab.serve_dataset(header["name"], images.cpu(), labels.cpu())

    def _do_call(self, header: dict[str, Any], decoder: RequestDecoder) -> object:
        target: Any = self._target(header["target"])
        if header["method"]:
            target = getattr(target, header["method"])
        args = [decoder.decode(arg) for arg in header["args"]]
        kwargs = {name: decoder.decode(value) for name, value in header["kwargs"].items()}
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
        attributes = getattr(target, "__dict__", {})
        description["attributes"] = [name for name in attributes if not name.startswith("_")]
        if isinstance(target, nn.Module):
            trainable = [parameter for parameter in target.parameters() if parameter.requires_grad]
            description |= {"parameters": sum(p.numel() for p in trainable), "training": target.training}
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

    def _do_pathways(self, header: dict[str, Any], decoder: RequestDecoder) -> dict[str, Any]:
        network: Any = self._target(header["target"])
        args, shifted = ([decoder.decode(arg) for arg in header[name]] for name in ("args", "shifted"))
        return pathways.explore(network, args, shifted, header["full"])

    def _target(self, target: dict[str, Any]) -> object:
        match target:
            case {"handle": int(handle)}:
                return self._objects[handle]
            case {"name": str(name)}:
                return self.named(name)
        raise BadRequest("a request has no target")


def _verb(header: dict[str, Any]) -> str:
    verb = header["verb"]
    if verb not in _VERBS:
        raise WireError(f"there is no verb {verb!r}")
    return str(verb)


def _listed(choices: Mapping[str, _T], name: str) -> _T:
    try:
        return choices[name]
    except KeyError:
        raise BadRequest(f"{name!r} is not one of {', '.join(choices)}") from None


def _is_ours(header: dict[str, Any], error: BaseException) -> bool:
    """Return whether an error is the grader's: no student code took part in it."""
    if isinstance(error, BadRequest):
        return True
    # Some errors are the student's without a frame of theirs: a name that is not defined, or a loss that
    # requires no grad.
    return header["verb"] not in _RUNS_STUDENT_CODE and source.describe(error)["cell"] is None


def _signature(target: object) -> dict[str, Any]:
    """Return the names of a callable's arguments and of the required ones; none if it cannot be inspected."""
    try:
        parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return {"arguments": [], "required": []}
    plain = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p.name for p in plain if p.default is p.empty]
    return {"arguments": [p.name for p in parameters], "required": required}

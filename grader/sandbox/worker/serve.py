"""Answers requests, one after another, until the judge hangs up."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import sys
import types
from collections.abc import Iterator
from typing import Any, BinaryIO

import torch
from torch import nn

from . import colab, doubles, files, gpu, modes, modules, pathways, source, standins, weights
from .values import AnswerEncoder, RequestDecoder
from .wire import ANSWER, CALLBACK, REPLY, REQUEST, Closed, WireError, read_frame, write_frame

_VERBS = frozenset(
    "load data call get set describe shake weights state optimizer criterion fit pathways".split()  # noqa: SIM905
)
_ASK_STUDENTS = frozenset("call get set describe weights state optimizer fit".split())  # noqa: SIM905
_EXCEPTIONS: dict[str, type[Exception]] = {
    "IndexError": IndexError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
}


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Serve one student's definitions until ``requests`` ends."""
    _go_out_of_sight()
    server = _Server(requests, replies)
    doubles.line.ask, doubles.line.names = server.ask, server.names
    while True:
        try:
            kind, header, tensors = read_frame(requests)
        except Closed:
            return
        if kind != REQUEST:
            raise WireError("a request was due")
        server.answer(header, tensors)


def _go_out_of_sight() -> None:
    """Take this package out of the list of modules, but for the stand-ins, which pickle finds by name.

    It holds no secret, and whoever is set on finding it will; but nobody is to change it by accident.
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
        self.names = self._namespace.__dict__
        self._kept: dict[int, object] = {}
        self._numbers = itertools.count()

    def answer(self, header: dict[str, Any], tensors: list[torch.Tensor]) -> None:
        """Do what one request asks, and reply with its value or with what was raised."""
        packer = AnswerEncoder(self._keep)
        unpacker = self._unpacker(tensors)
        try:
            if (verb := _verb(header)) == "load":
                self._go_to(header["device"], header["gpu_share"])
            with self._student_world():
                value = getattr(self, f"_do_{verb}")(header, unpacker)
                packed = packer.handle(value) if header.get("keep") else packer.pack(value)
                reply = {"value": packed, "attached": packer.attached}
        except (Closed, WireError):
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            packer = AnswerEncoder(self._keep)
            reply = {"raised": source.describe(error) | {"ours": _is_ours(header, error)}}
        if standins.notices:
            reply["notices"] = standins.notices[:]
        write_frame(self._replies, REPLY, reply, packer.tensors)

    def ask(
        self, double: int, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]
    ) -> Any:
        """Tell the judge that a stand-in was called, and return what it answers."""
        packer = AnswerEncoder(self._keep)
        header = {
            "double": double,
            "event": event,
            "args": [packer.pack(arg) for arg in args],
            "kwargs": {name: packer.pack(value) for name, value in kwargs.items()},
            "state": state,
        }
        write_frame(self._replies, CALLBACK, header, packer.tensors)
        kind, answer, tensors = read_frame(self._requests)
        if kind == REQUEST:
            kind, answer, tensors = self._asked_back(answer, tensors)
        if kind != ANSWER:
            raise WireError("an answer was due")
        match answer:
            case {"stop": True}:
                raise doubles.Exhausted
            case {"raise": {"type": str(name), "message": str(message)}}:
                raise _EXCEPTIONS.get(name, RuntimeError)(message)
        return self._unpacker(tensors).unpack(answer["value"])

    def _asked_back(
        self, header: dict[str, Any], tensors: list[torch.Tensor]
    ) -> tuple[int, dict[str, Any], list[torch.Tensor]]:
        """Answer what the judge asks before it answers itself: a training goes on as if it had not."""
        kind, networks = REQUEST, [one for one in self._kept.values() if isinstance(one, nn.Module)]
        with colab.random_numbers_kept(), modes.kept(networks):
            while kind == REQUEST:
                self.answer(header, tensors)
                kind, header, tensors = read_frame(self._requests)
        return kind, header, tensors

    def _unpacker(self, tensors: list[torch.Tensor]) -> RequestDecoder:
        return RequestDecoder(
            tensors,
            self._device,
            handle=self._kept.__getitem__,
            double=lambda description, unpacker: doubles.make(description, unpacker.unpack),
        )

    def _keep(self, value: object) -> int:
        number = next(self._numbers)
        self._kept[number] = value
        return number

    def _go_to(self, device: str, gpu_share: float) -> None:
        """Settle where all is computed, before anything of the student's is."""
        if device == "cuda":
            self._device = torch.device("cuda", 0)
            gpu.prepare(gpu_share)
        else:
            colab.without_cuda()

    @contextlib.contextmanager
    def _student_world(self) -> Iterator[None]:
        if self._device.type == "cuda":
            yield
            return
        with colab.CudaIsHere(self._device):
            yield

    # The verbs; the package's docstring says what each of them takes.

    def _do_load(self, header: dict[str, Any], _: RequestDecoder) -> list[dict[str, Any]]:
        torch.set_num_threads(header["threads"])
        files.keep_at_home(os.getcwd())
        colab.loaders_without_processes()
        colab.seed_everything(header["seed"])
        beside = modules.BesideNotebook(header.get("modules", {}))
        sys.meta_path.insert(0, beside)
        return source.run(header["statements"], self._namespace) + beside.problems

    def _do_data(self, header: dict[str, Any], unpacker: RequestDecoder) -> None:
        images, labels = unpacker.unpack(header["images"]), unpacker.unpack(header["labels"])
        colab.serve_mnist(images.cpu(), labels.cpu())

    def _do_call(self, header: dict[str, Any], unpacker: RequestDecoder) -> object:
        target: Any = self._target(header["target"])
        if header["method"]:
            target = getattr(target, header["method"])
        args = [unpacker.unpack(arg) for arg in header["args"]]
        kwargs = {name: unpacker.unpack(value) for name, value in header["kwargs"].items()}
        if header["seed"] is not None:
            colab.seed_everything(header["seed"])
        colab.plots_go_nowhere()
        with torch.set_grad_enabled(header["grad"]):
            return target(*args, **kwargs)

    def _do_get(self, header: dict[str, Any], _: RequestDecoder) -> object:
        return getattr(self._target(header["target"]), header["name"])

    def _do_set(self, header: dict[str, Any], unpacker: RequestDecoder) -> None:
        setattr(self._target(header["target"]), header["name"], unpacker.unpack(header["value"]))

    def _do_describe(self, header: dict[str, Any], _: RequestDecoder) -> dict[str, Any]:
        target = self._target(header["target"])
        about: dict[str, Any] = {"type": type(target).__name__, **_signature(target)}
        about["attributes"] = [name for name in getattr(target, "__dict__", {}) if not name.startswith("_")]
        if isinstance(target, nn.Module):
            trainable = [parameter for parameter in target.parameters() if parameter.requires_grad]
            about |= {"parameters": sum(p.numel() for p in trainable), "training": target.training}
        return about

    def _do_shake(self, header: dict[str, Any], _: RequestDecoder) -> None:
        """Zero-initialised layers and gates make an untrained network deaf: move every weight a little."""
        generator = torch.Generator().manual_seed(header["seed"])
        target: Any = self._target(header["target"])
        with torch.no_grad():
            for parameter in target.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
                parameter += header["scale"] * noise.to(parameter)

    def _do_weights(self, header: dict[str, Any], unpacker: RequestDecoder) -> None:
        target: Any = self._target(header["target"])
        weights.load(target, unpacker.unpack(header["content"]).cpu())

    def _do_state(self, header: dict[str, Any], _: RequestDecoder) -> torch.Tensor:
        target: Any = self._target(header["target"])
        return weights.taken_from(target, header["most"])

    def _do_optimizer(self, header: dict[str, Any], _: RequestDecoder) -> object:
        target: Any = self._target(header["target"])
        return torch.optim.Adam(target.parameters(), lr=header["lr"])

    def _do_criterion(self, header: dict[str, Any], _: RequestDecoder) -> object:
        return nn.MSELoss()

    def _do_fit(self, header: dict[str, Any], unpacker: RequestDecoder) -> float:
        network: Any = self._target(header["target"])
        optimizer: Any = self._target(header["optimizer"])
        colab.seed_everything(header["seed"])
        network.train()
        optimizer.zero_grad()
        prediction = network(*[unpacker.unpack(arg) for arg in header["args"]])
        loss = nn.functional.mse_loss(prediction, unpacker.unpack(header["goal"]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    def _do_pathways(self, header: dict[str, Any], unpacker: RequestDecoder) -> dict[str, Any]:
        network: Any = self._target(header["target"])
        args, shifted = ([unpacker.unpack(arg) for arg in header[name]] for name in ("args", "shifted"))
        return pathways.explore(network, args, shifted, header["full"])

    def _target(self, target: dict[str, Any]) -> object:
        match target:
            case {"handle": int(number)}:
                return self._kept[number]
            case {"name": str(name)}:
                return self._named(self._namespace, name)
        raise ValueError("a request names no target")

    @staticmethod
    def _named(namespace: types.ModuleType, name: str) -> object:
        if not name:
            return namespace
        first, *rest = name.split(".")  # "model.UNet" where a module was imported
        try:
            found = namespace.__dict__[first]
        except KeyError:
            raise NameError(f"name {first!r} is not defined") from None
        return functools.reduce(getattr, rest, found)


def _verb(header: dict[str, Any]) -> str:
    verb = header["verb"]
    if verb not in _VERBS:
        raise WireError(f"there is no verb {verb!r}")
    return str(verb)


def _is_ours(header: dict[str, Any], error: BaseException) -> bool:
    """Whether no code of the student's had a part in an error: then it is the grader's, not theirs."""
    # A name that is not there, or a gradient that does not come, is theirs without a frame of theirs.
    asks_students = header["verb"] in _ASK_STUDENTS
    return not asks_students and source.describe(error)["cell"] is None


def _signature(target: object) -> dict[str, Any]:
    """The names of a function's or constructor's arguments, and of those required; none if unknown."""
    try:
        parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return {"arguments": [], "required": []}
    plain = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p.name for p in plain if p.default is p.empty]
    return {"arguments": [p.name for p in parameters], "required": required}

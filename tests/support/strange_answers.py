"""Strange but well-formed answers: a judge whose worker's answers are changed on their way.

An answer is changed after it was read from the pipe and before it is decoded, so whatever a worker can send
may arrive. A *site* is a place of the protocol where a value arrives, such as the result of
``noise_diffusion`` or the second argument of a network double's forward call.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from grader.judging.process import ERRORS, JudgeProcess
from grader.sandbox import student
from grader.sandbox.decoding import AnswerDecoder
from grader.sandbox.values import Double
from grader.sandbox.zygote import Zygote

Encoded = Any
Change = Callable[[Encoded, list[Tensor]], Encoded]


@dataclass(frozen=True, slots=True)
class Strange:
    """One change of a worker's answers.

    Attributes:
        site: where values are changed.
        kind: name of the change, a key of ``CHANGES``.
        since: number of the first value at this site that is changed, from 0.
        until: number of the first that is not.
    """

    site: str
    kind: str
    since: int = 0
    until: int = 1 << 30


def _tensor(make: Callable[[], Tensor]) -> Change:
    def change(_: Encoded, tensors: list[Tensor]) -> Encoded:
        tensors.append(make())
        return {"tensor": len(tensors) - 1}

    return change


def _each_tensor(convert: Callable[[Tensor], Tensor]) -> Change:
    def change(value: Encoded, tensors: list[Tensor]) -> Encoded:
        tensors[:] = [convert(tensor) for tensor in tensors]
        return value

    return change


def _always(new: Encoded) -> Change:
    return lambda value, tensors: new


def _one_is(number: float) -> Callable[[Tensor], Tensor]:
    def convert(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        if changed.numel():
            changed.view(-1)[changed.numel() // 2] = number if changed.is_floating_point() else 1 << 6
        return changed

    return convert


def _filled(number: float) -> Callable[[Tensor], Tensor]:
    return lambda tensor: torch.full(tensor.shape, number)


_NAN, _HUGE = float("nan"), 10**400
CHANGES: dict[str, Change] = {
    "NaN in place of all": _each_tensor(_filled(_NAN)),
    "infinity in place of all": _each_tensor(_filled(float("inf"))),
    "one NaN": _each_tensor(_one_is(_NAN)),
    "one infinity": _each_tensor(_one_is(float("-inf"))),
    "zeros": _each_tensor(torch.zeros_like),
    "near the largest float": _each_tensor(_filled(3e38)),
    "beyond float32": _each_tensor(lambda tensor: torch.full(tensor.shape, 1e200, dtype=torch.float64)),
    "float64": _each_tensor(Tensor.double),
    "float16": _each_tensor(Tensor.half),
    "bfloat16": _each_tensor(Tensor.bfloat16),
    "integers": _each_tensor(lambda tensor: tensor.nan_to_num().long()),
    "bytes": _each_tensor(lambda tensor: tensor.nan_to_num().to(torch.uint8)),
    "booleans": _each_tensor(Tensor.bool),
    "flat": _each_tensor(Tensor.flatten),
    "one dimension more": _each_tensor(lambda tensor: tensor[None]),
    "first only": _each_tensor(lambda tensor: tensor[0] if tensor.ndim else tensor),
    "first half": _each_tensor(lambda tensor: tensor[: len(tensor) // 2] if tensor.ndim else tensor),
    "none of them": _each_tensor(lambda tensor: tensor[:0] if tensor.ndim else tensor),
    "no pixels": _each_tensor(lambda tensor: tensor[..., :0] if tensor.ndim else tensor),
    "last axis first": _each_tensor(lambda tensor: tensor.movedim(-1, 0) if tensor.ndim else tensor),
    "twice": _each_tensor(lambda tensor: torch.cat([tensor, tensor]) if tensor.ndim else tensor),
    "an empty tensor": _tensor(lambda: torch.empty(0)),
    "an empty batch": _tensor(lambda: torch.empty(0, 1, 28, 28)),
    "a scalar tensor": _tensor(lambda: torch.tensor(0.5)),
    "one value": _tensor(lambda: torch.ones(1)),
    "three values": _tensor(lambda: torch.rand(3)),
    "one NaN value": _tensor(lambda: torch.tensor([_NAN])),
    "large integers": _tensor(lambda: torch.full((16,), 1 << 62)),
    "eight dimensions": _tensor(lambda: torch.ones([1] * 8)),
    "a large empty shape": _tensor(lambda: torch.empty(1 << 20, 0)),
    "nothing": _always(None),
    "true": _always(True),
    "zero": _always(0),
    "minus one": _always(-1),
    "63 bits": _always((1 << 62) + 1),
    "400 digits": _always(_HUGE),
    "minus 400 digits": _always(-_HUGE),
    "a list of 400 digits": _always([_HUGE, 1]),
    "a large float": _always(1e308),
    "NaN": _always({"float": "nan"}),
    "infinity": _always({"float": "inf"}),
    "a list of NaN": _always([{"float": "nan"}] * 3),
    "text": _always("0.5"),
    "no text": _always(""),
    "an empty list": _always([]),
    "a list in a list": _always([[]]),
    "a list of nothing": _always([None]),
    "a list of texts": _always(["a", "b"]),
    "a deep list": _always([[[[[[[[[[1.0]]]]]]]]]]),
    "mixed lists": _always([1.0, [2.0], "x", None, True, {"dict": [["a", 1]]}]),
    "an empty tuple": _always({"tuple": []}),
    "an empty dictionary": _always({"dict": []}),
    "a dictionary of texts": _always({"dict": [["loss", "low"], [1, [1.0]]]}),
    "an object": _always({"handle": 1 << 40, "type": "Tensor"}),
    "a method": _always({"handle": 1 << 40, "type": "method"}),
    "a table": _always({"handle": 1 << 40, "type": "DataFrame"}),
    "an object of a long name": _always({"handle": -1, "type": "<b>" * 40}),
    "in a tuple": lambda value, tensors: {"tuple": [value]},
    "in a tuple of three": lambda value, tensors: {"tuple": [value] * 3},
    "in a list": lambda value, tensors: [value, value],
    "in a dictionary": lambda value, tensors: {"dict": [["x", value], [0, None], [_HUGE, 1]]},
    "in a named tuple": lambda value, tensors: {"tuple": [value, 1], "names": ["x_t", "eps"]},
}
RAISED = {
    "an error without words": ("", ""),
    "an error that looks like death": ("Died", "nothing"),
    "an endless run": ("Endless", ""),
    "a name": ("NameError", "name 'x' is not defined"),
}


@contextmanager
def strange_judges(zygote: Zygote, strange: Strange | None) -> Iterator[Callable[..., JudgeProcess]]:
    """Provide a function that forks judges from this process, whose answers are changed.

    Without a change, the sites and how many values arrive at each are written to $STRANGE_SITES.
    """
    running: list[int] = []

    def start(arguments: Sequence[str], folder: Path) -> JudgeProcess:
        events, status = os.pipe()
        stdin, ours = os.pipe()
        branch = zygote.branch()
        if not (child := os.fork()):
            os.dup2(stdin, 0)
            os.dup2(status, 1)
            os.dup2(os.open(folder / ERRORS, os.O_WRONLY | os.O_CREAT), 2)
            os.close(ours)
            code = 1
            try:
                sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
                os.chdir(folder)
                os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
                code = _run(arguments, branch, zygote.layers, strange)
            finally:
                os._exit(code)
        running.append(child)
        branch.close()
        os.close(status)
        os.close(stdin)

        def wait() -> int | None:
            if child in running:
                running.remove(child)
                codes[child] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            return codes[child]

        codes: dict[int, int] = {}
        return JudgeProcess(
            events=os.fdopen(events), stdin=os.fdopen(ours, "w"), kill=lambda: None, wait=wait
        )

    yield start


def _run(
    arguments: Sequence[str], branch: socket.socket, layers: Sequence[str], strange: Strange | None
) -> int:
    seen: Counter[str] = Counter()

    class Decoder(AnswerDecoder):
        def reply(self, answer: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
            answer = {**answer}
            if "value" in answer:
                for site in _sites(request):
                    answer = self._changed(site, answer, "value")
            return super().reply(answer, request)

        def callback(self, call: Mapping[str, Any], doubles: Mapping[int, Double]) -> Any:
            kind = type(doubles.get(call.get("double", 0))).__name__
            call = {**call}
            for name in ("args", "kwargs", "state"):
                inside = call[name]
                for key in range(len(inside)) if name == "args" else list(inside):
                    site = f"{kind} {call['event']} {name} {key}"
                    call[name] = self._changed(site, inside, key)
            return super().callback(call, doubles)

        def _changed(self, site: str, holder: Any, key: Any) -> Any:
            number = seen[site]
            seen[site] += 1
            if strange is None or site != strange.site or not strange.since <= number < strange.until:
                return holder
            changed = {**holder} if isinstance(holder, dict) else [*holder]
            if strange.kind in RAISED:
                type, message = RAISED[strange.kind]
                return {"raised": {"type": type, "message": message, "cell": None, "line": None}}
            changed[key] = CHANGES[strange.kind](holder[key], self._tensors)
            return changed

    with (
        mock.patch.object(student, "AnswerDecoder", Decoder),
        Zygote(layers=layers, control=branch) as workers,
    ):
        code = int(pytest.main([*arguments], plugins=[workers]))
    if strange is None:
        Path(os.environ["STRANGE_SITES"]).write_text(json.dumps(seen))
    sys.stdout.flush()
    return code


def _sites(request: Mapping[str, Any]) -> list[str]:
    target = request.get("target") or {}
    name = target.get("name") or "an object"
    return [" ".join(filter(None, (request["verb"], name, request.get("method"), request.get("name"))))]


def draw(sites: Mapping[str, int], seed: int) -> Strange:
    """Return a random change at one of these sites, which have this many values each."""
    chance = random.Random(seed)
    values = [
        site
        for site in sites
        if not site.startswith(("load", "describe", "perturb")) and " state " not in site
    ]
    once = [site for site in values if site.startswith("call UNet") or site.endswith((" to", " eval"))]
    likely = sorted({*values} - {*once})
    site = chance.choice(likely if chance.random() < 0.9 else sorted(sites))
    is_reply = site.split()[0].islower()
    kind = chance.choice([*CHANGES, *(RAISED if is_reply else ())])
    since = chance.choice([0, 0, 1, 2, 3, chance.randrange(sites[site])])
    return Strange(site, kind, since, since + chance.choice([1, 1, 1 << 30, 1 << 30, 1 << 30]))

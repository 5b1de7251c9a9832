"""The handout's interface: names of arguments, forms of masks and results, and how its parts are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes import signatures
from grader.probes.argument_names import ArgumentNames
from grader.probes.attempts import furthest
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError

_MASK = ("attn_mask", "attention_mask", "causal_mask", "src_mask", "m", "msk", "causal")
HANDOUT = ArgumentNames(
    synonyms={
        "q": ("query", "queries", "qs"),
        "k": ("key", "keys", "ks"),
        "v": ("value", "values", "val", "vs"),
        "mask": _MASK,
        "x": ("inputs", "input", "h", "hidden", "x_in", "inp", "seq", "tokens", "query", "q", "src", "z"),
        "d_model": ("dim", "width", "embed_dim", "d", "model_dim", "n_embd", "emb_dim", "hidden_dim", "size"),
        "num_heads": ("heads", "n_heads", "h", "nhead", "n_head", "number_of_heads", "nheads"),
        "dropout": ("p", "drop", "dropout_rate", "p_drop", "dropout_p"),
        "d_ff": ("hidden", "ff_dim", "d_hidden", "dim_feedforward", "ffn_dim", "hidden_dim", "d_inner"),
        "length": ("seq_len", "max_len", "n", "num_positions", "max_length", "l", "t", "seq_length"),
        "vocab_size": ("vocab", "n_vocab", "v", "num_tokens", "n_tokens", "num_chars"),
        "num_layers": ("layers", "n_layers", "depth", "num_blocks", "n_blocks", "n_layer"),
        "max_length": (
            "max_len",
            "block_size",
            "context",
            "context_length",
            "seq_len",
            "length",
            "max_seq_len",
        ),
        "model": ("net", "network", "lm", "transformer"),
        "batches": (
            "loader",
            "data",
            "dataloader",
            "train_loader",
            "data_loader",
            "dl",
            "windows",
            "dataset",
        ),
        "optimizer": ("opt", "optim", "optimiser"),
        "criterion": ("loss_fn", "loss_function", "loss", "loss_func", "objective", "crit"),
        "num_epochs": ("epochs", "n_epochs", "epoch_count"),
        "prompt": ("start", "context", "tokens", "seed", "prefix", "start_tokens", "idx", "x", "ids"),
        "num_tokens": ("n", "steps", "max_new_tokens", "n_tokens", "num_new", "count", "length", "num_steps"),
        "temperature": ("temp", "t", "tau", "t_"),
    },
    patterns={"mask": r"mask", "num_tokens": r"(num|new|max).*(tok|char|step)", "num_epochs": r"epochs$"},
    uses={
        "optimizer": frozenset({".step", ".zero_grad"}),
        "model": frozenset({".train", ".eval", ".parameters", ".max_length"}),
    },
)
call = partial(signatures.call, names=HANDOUT)
MAX_LENGTH_NAMES = ("max_length", "max_len", "block_size", "context_length", "seq_len")
VOCAB = 24  # characters of the doubles and of small models; no power of two, no other size here

T = TypeVar("T")
MaskForm = Callable[[Tensor], Tensor]
# How a mask of the handout's kind, True where a query may attend, is passed.
MASKS: dict[str, MaskForm] = {
    "boolean": lambda allowed: allowed,
    "a mask of ones and zeros": lambda allowed: allowed.float(),
    "an additive mask of 0 and -inf": lambda allowed: torch.zeros(allowed.shape).masked_fill(
        ~allowed, -torch.inf
    ),
}


def tensor_in(result: Any, shape: Sequence[int]) -> Tensor | None:
    """Return the first tensor of this shape in a result, which may hold the attention weights, too."""
    for value in result if isinstance(result, tuple | list) else (result,):
        if isinstance(value, Tensor) and value.shape == torch.Size(shape) and value.is_floating_point():
            return value.double()
    return None


def describe_result(result: Any) -> str:
    """Return what a function returned, in words for the student."""
    if isinstance(result, Tensor):
        return f"a tensor of shape {tuple(result.shape)}"
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} ({', '.join(describe_result(item) for item in result[:4])})"
    return "nothing" if result is None else f"a {type(result).__name__}"


@dataclass(frozen=True, slots=True)
class Layer:
    """A student's layer that turns x, (B, L, d), into a tensor of the same shape.

    Attributes:
        handle: the module.
        names: its parameters' names for x, or for query, key and value, and for the mask; None without one.
        swapped: whether it takes the places first and the examples second.
    """

    handle: Handle
    inputs: tuple[str, ...]
    mask: str | None
    swapped: bool = False

    def ask(self, student: Student, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the layer's output for x, (B, L, d), and a mask as it is passed.

        Raises:
            StudentError: the layer failed.
            Unmet: the output has another shape.
        """
        if mask is None or not self.mask:
            return self._ask(student, x, {})
        shapes = (mask, mask[None], mask[None, None])
        return first_working([partial(self._ask, student, x, {self.mask: each}) for each in shapes])

    def _ask(self, student: Student, x: Tensor, masks: dict[str, Tensor]) -> Tensor:
        given = x.transpose(0, 1) if self.swapped else x
        values: dict[str, Any] = {**dict.fromkeys(self.inputs, given), **masks}
        result = student.call(self.handle, **values, seed=0, grad=False)
        output = tensor_in(result, given.shape)
        if output is None:
            raise Unmet(
                f"Your {self.handle.type} returns {describe_result(result)} for x of shape {tuple(x.shape)}.",
                expected=f"a tensor of shape {tuple(x.shape)}",
                actual=describe_result(result),
                misconception="layer-shape",
            )
        return output.transpose(0, 1) if self.swapped else output


def build_layer(student: Student, name: str, arguments: dict[str, int]) -> Layer:
    """Build a layer in eval mode, and find how its forward is called.

    Raises:
        StudentError: it cannot be built.
    """
    handle = build(student, name, arguments)
    about = student.ask("describe", student.get(handle, student.method("forward")))
    return Layer(handle, *_parameters(about["arguments"], about["required"]))


def build(student: Student, name: str, arguments: dict[str, int]) -> Handle:
    """Build a module of the student's in eval mode."""
    further = {"dropout": 0.0, "max_length": 64}
    handle: Handle = call(student, name, arguments, if_required=further, seed=1, keep=True)
    student.call(handle, method="eval", keep=True)
    return handle


def is_class(student: Student, name: str) -> bool:
    """Return whether the student's definition is a class; False where there is none."""
    try:
        return bool(student.ask("describe", name)["type"] == "type")
    except StudentError:
        return False


def _parameters(names: Sequence[str], required: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    mask = next((name for name in names if HANDOUT.matched_names([name], {"mask": None})), None)
    others = [name for name in required if name != mask]
    optional = [name for name in names if name not in (mask, *others)]
    return tuple(others or optional[:1]), mask


def first_working(attempts: Sequence[Callable[[], T]]) -> T:
    """Return the result of the first attempt that raises nothing; raise the failure that came furthest."""
    failures: list[StudentError | Unmet] = []
    for attempt in attempts:
        try:
            return attempt()
        except (StudentError, Unmet) as error:
            if isinstance(error, StudentError) and error.lost:
                raise
            failures.append(error)
    raise furthest(failures)


def causal(length: int) -> Tensor:
    """Return the mask of a causal model, bool (length, length), True where a query may attend."""
    return torch.ones(length, length, dtype=torch.bool).tril()

"""Reads and writes a network's weights as a checkpoint file's bytes: tensors and nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_KEYS = ("model_state_dict", "state_dict", "model", "network", "net")
_PREFIXES = ("module.", "_orig_mod.")  # added by DataParallel and torch.compile


_save = torch.save  # bound before student code can replace it


def dump(network: nn.Module, most: int) -> Tensor:
    """Return the state dict as ``torch.save`` writes it, uint8 (N,); empty if it exceeds ``most`` bytes."""
    file = io.BytesIO()
    _save({name: value.detach().cpu() for name, value in network.state_dict().items()}, file)
    content = file.getvalue() if file.tell() <= most else b""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0).byte()


def load(network: nn.Module, content: Tensor, keys: Iterable[str] = ()) -> None:
    """Load a checkpoint into a network.

    Args:
        network: its parameters are overwritten.
        content: bytes of a file that ``torch.save`` wrote, uint8 (N,).
        keys: names, besides the usual ones, that the state dict may be stored under in the checkpoint.

    Raises:
        ValueError: the file holds a pickled network, no state dict, or the state dict of another network.
    """
    file = io.BytesIO(content.numpy().tobytes())
    try:
        # weights_only restricts unpickling to tensors and plain containers: no code in the file can run.
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            "the file holds no plain state dict; save one with torch.save(model.state_dict(), path)"
        ) from error
    state = _state_dict(checkpoint, (*_KEYS, *keys))
    if state is None:
        raise ValueError("the file holds no state dict of a network")
    try:
        network.load_state_dict(state)
    except RuntimeError:
        try:
            network.load_state_dict({_without_prefix(name): value for name, value in state.items()})
        except RuntimeError as error:
            raise ValueError(
                "the weights do not fit this network; was it changed after the training?"
            ) from error


def _state_dict(found: Any, keys: tuple[str, ...]) -> dict[str, Tensor] | None:
    """Return the state dict in a checkpoint, which may hold optimizer state and counters besides."""
    if not isinstance(found, dict) or not found:
        return None
    if all(isinstance(value, Tensor) for value in found.values()):
        return found
    return next((state for key in keys if (state := _state_dict(found.get(key), keys))), None)


def _without_prefix(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name

"""Takes the weights out of a network, and puts weights into one: as tensors and nothing else."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn

_WRAPPERS = ("model_state_dict", "state_dict", "model", "network", "unet", "net")
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile


_save = torch.save  # before any student's code could replace it


def taken_from(network: nn.Module, most: int) -> Tensor:
    """A network's state as ``torch.save`` writes it, uint8 (N,); nothing where that is too much."""
    file = io.BytesIO()
    _save({name: value.detach().cpu() for name, value in network.state_dict().items()}, file)
    content = file.getvalue() if file.tell() <= most else b""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0).byte()


def load(network: nn.Module, content: Tensor) -> None:
    """Load the bytes of a file that ``torch.save`` wrote, uint8 (N,), into ``network``.

    Raises:
        ValueError: it holds a whole network or something else than a state dict, or that of another network.
    """
    file = io.BytesIO(content.numpy().tobytes())
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            "the file holds no plain state dict; save one with torch.save(model.state_dict(), path)"
        ) from error
    state = _state_dict(found)
    if state is None:
        raise ValueError("the file holds no state dict of a network")
    try:
        network.load_state_dict(state)
    except RuntimeError:
        try:
            network.load_state_dict({_bare(name): value for name, value in state.items()})
        except RuntimeError as error:
            raise ValueError("they are not of this UNet; was it changed after the training?") from error


def _state_dict(found: Any) -> dict[str, Tensor] | None:
    """The state dict in what was saved, which may be a checkpoint with more beside it."""
    if not isinstance(found, dict) or not found:
        return None
    if all(isinstance(value, Tensor) for value in found.values()):
        return found
    return next((state for name in _WRAPPERS if (state := _state_dict(found.get(name)))), None)


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name

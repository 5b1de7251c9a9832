"""Whether networks are in training mode, kept while the judge looks at one in the middle of a training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from torch import nn


@contextlib.contextmanager
def kept(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Whatever mode networks and their parts are put into within, they are in their own again after it.

    What a network does itself when its mode changes, such as taking averaged weights, is undone by itself.
    Nothing of the student's is called but for that: their attributes may have the names of torch's methods.
    """
    before = [(network, [(part, part.training) for part in _parts(network)]) for network in networks]
    yield
    for network, parts in before:
        mode = parts[0][1]
        if network.training != mode:
            with contextlib.suppress(Exception):
                network.train(mode)
        for part, was in parts:
            if part.training != was:
                part.training = was


def _parts(network: nn.Module) -> list[nn.Module]:
    """The network and all modules within, each once; scripted ones are whole."""
    found = {id(network): network}
    waiting = [network]
    while waiting:
        for part in dict(vars(waiting.pop()).get("_modules", {})).values():
            if isinstance(part, nn.Module) and id(part) not in found:
                found[id(part)] = part
                waiting.append(part)
    return list(found.values())
